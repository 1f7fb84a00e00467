//! Runs parts of this test binary in a process of their own, under `shim.c`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::settings::process;

/// The shim, compiled once for this test process.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(PathBuf, tempfile::TempDir)> = OnceLock::new();
    let (path, _folder) = SHIM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (source, path) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        fs::write(&source, include_str!("shim.c")).unwrap();
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let done = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .args([&path, &source])
            .output();
        let done = done.expect("a C compiler is needed: `cc`, or what CC names");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        (path, folder)
    });
    path
}

/// This test binary again under the shim, running one test only: files below `root` are traced to `trace`, or made to fail.
pub fn under_shim(test: &str, root: &Path, trace: Option<&Path>) -> Command {
    let mut command = process(test);
    command.env("LD_PRELOAD", shim()).env("CRANE_SHIM_ROOT", root);
    trace.map(|trace| command.env("CRANE_SHIM_TRACE", trace));
    command
}

/// Waits for a process and expects that it went well.
pub fn finish(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let told = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {}", output.status, told());
    output
}

fn command(text: &str) -> Option<File> {
    File::open(Path::new("/crane-shim").join(text)).ok()
}

/// Writes a mark into the trace.
pub fn mark(text: &str) {
    command(&format!("mark/{text}"));
}

/// From now on steps fail: see MODES in `shim.c`.
pub fn fail(mode: &str, at: u64) {
    command(&format!("fail/{mode}/{at}"));
}

/// Steps since the last `fail`.
pub fn steps() -> u64 {
    let mut text = String::new();
    command("steps").expect("the shim answers").read_to_string(&mut text).unwrap();
    text.parse().unwrap()
}
