//! Python environments of the project, in `.local`.

use std::path::{Path, PathBuf};

use crate::{Result, place, shell};

/// The Python of a virtual environment `.local/NAME` with pinned requirements; made once per version of them.
pub(crate) fn environment(name: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = std::fs::read_to_string(requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
    let venv = place::local().join(name);
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("python: making an environment in .local/{name}");
    shell::run_logged(shell::command("python3").args(["-m", "venv"]).arg(&venv))?;
    shell::run_logged(shell::command(&python).args(["-m", "pip", "install", "-r"]).arg(requirements))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(python)
}
