//! Build tools from Python wheels, in a folder of the project: the way for those who are not root.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::libclang::{self, Libclang};
use crate::{Result, place, shell};

const BUILD_TOOLS: [&str; 3] = ["cmake==4.4.4", "ninja==1.13.2", "libclang==18.1.1"];
const ONNXRUNTIME: &str = "onnxruntime==1.31.1";

fn tools_dir() -> PathBuf {
    place::local().join("wheels")
}

fn onnxruntime_dir() -> PathBuf {
    place::local().join("onnxruntime")
}

/// Whether a file or folder is one that set-up installed.
pub(crate) fn owns(file: &Path) -> bool {
    file.starts_with(place::local())
}

/// cmake from a wheel, when it is there and runs.
pub(crate) fn cmake() -> Option<PathBuf> {
    Some(tools_dir().join("cmake/data/bin/cmake")).filter(|file| shell::works(file, &["--version"]))
}

/// ninja from a wheel, when it is there and runs.
pub(crate) fn ninja() -> Option<PathBuf> {
    Some(tools_dir().join("bin/ninja")).filter(|file| shell::works(file, &["--version"]))
}

/// libclang from a wheel; it comes without clang's headers.
pub(crate) fn libclang() -> Option<Libclang> {
    libclang::in_folder(&tools_dir().join("clang/native"))
}

/// ONNX Runtime's library, when `setup --onnxruntime` put it there.
pub(crate) fn onnxruntime() -> Option<PathBuf> {
    let entries = std::fs::read_dir(onnxruntime_dir().join("onnxruntime/capi")).ok()?;
    let is_library = |file: &PathBuf| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("libonnxruntime.") || name == "onnxruntime.dll"
    };
    entries.flatten().map(|entry| entry.path()).find(is_library)
}

/// Installs cmake, ninja and libclang. A failure is only reported: set-up looks again and then gives advice.
pub(crate) fn install_build_tools() {
    if let Err(error) = install(&BUILD_TOOLS, &tools_dir()) {
        println!("setup: {error}");
    }
}

/// Installs ONNX Runtime's wheel, without the Python packages it names: only its library is used.
pub(crate) fn install_onnxruntime() -> Result<PathBuf> {
    install(&[ONNXRUNTIME], &onnxruntime_dir())?;
    onnxruntime().ok_or_else(|| format!("the wheel {ONNXRUNTIME} holds no library for this system"))
}

fn install(wheels: &[&str], dir: &Path) -> Result {
    let mut command = pip().ok_or("no Python with pip to install wheels with")?;
    // Written beside its place and renamed, so that an interrupted set-up leaves nothing half done.
    let fresh = dir.with_extension("new");
    place::clear(&fresh)?;
    command.args(["install", "--no-deps", "--only-binary", ":all:", "--target"]).arg(&fresh).args(wheels);
    println!("setup: installing {} into .local", wheels.join(", "));
    shell::run_logged(&mut command)?;
    place::clear(dir)?;
    std::fs::rename(&fresh, dir).map_err(|e| format!("cannot move {} into place: {e}", fresh.display()))
}

/// The first pip that runs: Python's own, one in a fresh virtual environment (where the system's Python comes
/// without), or uv's.
fn pip() -> Option<Command> {
    let module = |python: &Path| {
        let mut command = shell::command(python);
        command.args(["-m", "pip", "--disable-pip-version-check"]);
        command
    };
    for python in ["python3", "python"].map(Path::new) {
        if shell::works(python, &["-m", "pip", "--version"]) {
            return Some(module(python));
        }
        let venv = place::local().join("pip");
        if shell::output(shell::command(python).args(["-m", "venv"]).arg(&venv)).is_some() {
            return Some(module(&venv.join("bin/python")));
        }
    }
    shell::works("uv", &["--version"]).then(|| {
        let mut command = shell::command("uv");
        command.arg("pip");
        command
    })
}
