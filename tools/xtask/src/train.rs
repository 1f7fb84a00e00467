//! The training code's smoke run: every stage for a few steps, from nothing.

use crate::{Result, place, python, shell};

/// Makes the training environment where there is none, then runs the smoke test.
pub(crate) fn smoke() -> Result {
    let train = place::root().join("tools/train");
    let python = python::environment("train-python", &train.join("requirements.txt"))?;
    let mut command = shell::command(python);
    command.current_dir(&train).args(["-m", "crane_train", "smoke"]);
    shell::run("the training's smoke run", &mut command)
}
