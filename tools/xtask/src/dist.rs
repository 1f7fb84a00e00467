//! `cargo xtask dist`: packages for other languages, in `target/dist`.

mod android;
mod c;
mod ios;
mod python;
mod sizes;

use std::path::{Path, PathBuf};

use crate::{Result, cargo, place, setup, shell};

pub(crate) use ios::{app_manifest, stage as stage_ios};
pub(crate) use python::test as test_python;

const USAGE: &str =
    "usage: cargo xtask dist android|c|ios|python [--dev], or cargo xtask dist c --sizes [--dev] [FEATURES…]";

/// `dist LANGUAGE [--dev]`, or `dist c --sizes [--dev] [FEATURES…]`.
pub(crate) fn command(args: &[String]) -> Result {
    let (flags, languages): (Vec<&str>, Vec<&str>) = args.iter().map(String::as_str).partition(|a| a.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| !["--dev", "--sizes"].contains(flag)) {
        return Err(format!("unexpected argument `{unknown}`; {USAGE}"));
    }
    let profile = if flags.contains(&"--dev") { Profile::Dev } else { Profile::Release };
    match languages[..] {
        ["android"] => android::pack(profile),
        ["c", ref sets @ ..] if flags.contains(&"--sizes") => sizes::table(profile, sets),
        ["c"] => c::pack(profile),
        ["ios"] => ios::pack(profile),
        ["python"] => python::pack(profile).map(drop),
        _ => Err(USAGE.into()),
    }
}

/// How a package is built: as it is shipped, or as tests and demo are, which is quick where those were run before.
#[derive(Clone, Copy)]
enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// The folder below `target`.
    fn folder(self) -> PathBuf {
        self.folder_of("")
    }

    /// The same for another target than this machine.
    fn folder_of(self, target: &str) -> PathBuf {
        place::target().join(target).join(if matches!(self, Self::Dev) { "debug" } else { "release" })
    }

    /// What tells cargo.
    fn flag(self) -> Option<&'static str> {
        matches!(self, Self::Release).then_some("--release")
    }

    /// Runs a cargo command in this profile. Nothing is stripped: bindings are generated from the symbols.
    fn cargo(self, what: &str, args: &[&str]) -> Result {
        let all: Vec<&str> = args.iter().copied().chain(self.flag()).collect();
        cargo::run(what, &setup::build_env()?, &all, &[("CARGO_PROFILE_RELEASE_STRIP", "none")])
    }
}

/// `target/dist`.
fn out() -> PathBuf {
    place::target().join("dist")
}

/// The platform in a package's name, "x86_64-linux".
fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// crane-ffi's shared library, as this system calls it.
fn library_name() -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}crane_ffi{DLL_SUFFIX}")
}

/// Copies a library and takes its symbols off; `all` but for those that a linker needs. Without `strip` it stays whole.
fn copy_stripped(from: &Path, to: &Path) -> Result {
    copy(from, to)?;
    // A static library keeps what linking needs; Apple's strip has no long options.
    let flag = if to.extension().is_some_and(|extension| extension == "a") { "-S" } else { "-x" };
    if !shell::works("strip", &[flag, &to.to_string_lossy()]) {
        println!("    not stripped, since `strip` is missing: {}", to.display());
    }
    Ok(())
}

/// Copies a file and makes the folder for it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result {
    let folder = to.parent().ok_or("a file lies in a folder")?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    std::fs::copy(from, to).map(drop).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))
}

/// Writes a file and makes the folder for it.
pub(crate) fn write(file: &Path, text: &str) -> Result {
    let folder = file.parent().ok_or("a file lies in a folder")?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

/// An empty folder in place of whatever was there.
pub(crate) fn fresh(folder: &Path) -> Result {
    place::clear(folder)?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}
