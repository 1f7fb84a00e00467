//! Running `crane` as somebody who may not write everywhere: root may, and continuous integration often is root.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::{Bench, binary};
use crate::bundle::copy_of_models;

/// `nobody`, by number, on every Linux.
#[cfg(unix)]
const NOBODY: u32 = 65_534;

/// `crane` on the bench's library as an ordinary user; program and models are copied to where such a user may read.
///
/// # Panics
/// Where the temporary folder cannot be written.
#[cfg(unix)]
pub fn unprivileged(bench: &Bench) -> Command {
    use std::os::unix::process::CommandExt;
    let program = bench.dir().join("crane");
    if !program.exists() {
        std::fs::copy(binary(), &program).expect("the temporary folder is writable");
        copy_of_models(bench.dir());
        chmod(bench.dir(), "u=rwX,go=rX");
    }
    let mut command = Command::new(program);
    command.arg("--models").arg(bench.dir().join("models")).arg("--library").arg(bench.library()).arg("--json");
    command.stdin(Stdio::null()).current_dir(bench.dir());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Changes the rights of a folder and everything in it, as chmod's symbolic modes say.
///
/// # Panics
/// When chmod fails.
pub fn chmod(path: &Path, mode: &str) {
    let status = Command::new("chmod").arg("-R").arg(mode).arg(path).status().expect("chmod is part of every Unix");
    assert!(status.success(), "chmod {mode} {}", path.display());
}

/// Whether this process is root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
