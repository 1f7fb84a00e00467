//! The training code's smoke run: every stage for a few steps, from nothing.

use std::path::{Path, PathBuf};

use crate::{Result, place, shell};

/// Makes the training environment where there is none, then runs the smoke test.
pub(crate) fn smoke() -> Result {
    let train = place::root().join("tools/train");
    let python = environment(&train)?;
    let mut command = shell::command(python);
    command.current_dir(&train).args(["-m", "crane_train", "smoke"]);
    shell::run("the training's smoke run", &mut command)
}

/// A virtual environment in `.local/train-python` with the pinned requirements; made once per version of them.
fn environment(train: &Path) -> Result<PathBuf> {
    let requirements = train.join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
    let venv = place::local().join("train-python");
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("train: making a Python environment in .local/train-python");
    shell::run_logged(shell::command("python3").args(["-m", "venv"]).arg(&venv))?;
    shell::run_logged(shell::command(&python).args(["-m", "pip", "install", "-r"]).arg(&requirements))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(python)
}
