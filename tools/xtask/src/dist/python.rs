//! The Python package: generated module, library and what is written by hand, in one wheel.

use std::path::{Path, PathBuf};

use super::{Profile, copy, copy_stripped, fresh, library_name, out};
use crate::{Result, bindings, place, shell};

/// Makes the wheel and says where it is.
pub(super) fn pack(profile: Profile) -> Result<PathBuf> {
    profile.cargo("the library", &["build", "--workspace"])?;
    let (source, stage) = (place::root().join("ffi/python"), out().join("python"));
    let (library, package) = (profile.folder().join(library_name()), stage.join("crane"));
    fresh(&stage)?;
    for name in ["__init__.py", "_images.py", "_library.py", "_runtime.py", "_stream.py", "_values.py", "py.typed"] {
        copy(&source.join("src/crane").join(name), &package.join(name))?;
    }
    let generated = place::target().join("bindings/python");
    bindings::generate("python", &library, &generated)?;
    copy(&generated.join("crane.py"), &package.join("_native.py"))?;
    copy_stripped(&library, &package.join(library_name()))?;
    let mut wheel = shell::command("python3");
    wheel.arg(source.join("wheel.py")).arg(&stage).args([env!("CARGO_PKG_VERSION")]).arg(out());
    let made = shell::output(&mut wheel).ok_or("the wheel was not made; does `python3` run?")?;
    let made = PathBuf::from(made.trim());
    println!("    {}: {:.1} MB", made.display(), megabytes(&made));
    Ok(made)
}

/// Installs the wheel into a fresh environment and runs the package's tests there; says so where there is no Python.
pub(crate) fn test() -> Result {
    if !shell::works("python3", &["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))"]) {
        println!("    skipped: Python 3.9 or later with venv is not installed");
        return Ok(());
    }
    let wheel = pack(Profile::Dev)?;
    let venv = out().join("python-test");
    fresh(&venv)?;
    shell::run("python3 -m venv", shell::command("python3").args(["-m", "venv"]).arg(&venv))?;
    let python = venv.join("bin/python");
    let mut install = shell::command(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]);
    shell::run("installing the wheel", install.arg(&wheel))?;
    let mut tests = shell::command(&python);
    // From the tests' folder, so that the package is the installed one.
    tests.current_dir(place::root().join("ffi/python/tests")).args(["-m", "unittest"]);
    shell::run("Python's tests", &mut tests)
}

#[allow(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(file: &Path) -> f64 {
    file.metadata().map_or(0.0, |meta| meta.len() as f64 / 1e6)
}
