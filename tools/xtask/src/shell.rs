//! Running other programs.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::place;

/// A command that starts in the workspace's root, without the variables that `cargo run` added for xtask itself.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(place::root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command with the terminal as its output; anything but success is an error.
pub(crate) fn run(what: &str, command: &mut Command) -> Result {
    let status = command.status().map_err(|e| format!("{what} did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed ({status})")) }
}

/// What a command prints on standard output, or `None` when it fails or does not exist.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program runs; a file on the path is not enough, since version managers leave shims that only fail.
pub(crate) fn works(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    output(command(program).args(args)).is_some()
}

/// The first executable of that name on the path.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.with_extension("exe").is_file()
}

/// How often a long step says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Runs a command with its output in `.local/setup.log`; says now and then that it is still at work, and on failure
/// shows the end of what it wrote.
pub(crate) fn run_logged(command: &mut Command) -> Result {
    let file = place::local().join("setup.log");
    let log = create_log(&file).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    let also = log.try_clone().map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(log).stderr(also).spawn();
    let mut child = child.map_err(|e| format!("{name} did not start: {e}"))?;
    let beat = || println!("setup: … {} s: {}", start.elapsed().as_secs(), tail(&file, 1));
    let status = wait(&mut child, HEARTBEAT, beat).map_err(|e| format!("{name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status}):\n{}", tail(&file, 12))) }
}

/// Waits for a child and calls `beat` every `every` while it runs.
pub(crate) fn wait(child: &mut Child, every: Duration, mut beat: impl FnMut()) -> std::io::Result<ExitStatus> {
    let mut last = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(100));
        if last.elapsed() >= every {
            last = Instant::now();
            beat();
        }
    }
}

fn create_log(file: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(place::local())?;
    File::create(file)
}

/// The last lines of a text file that say something.
fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let said: Vec<&str> = text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).collect();
    said[said.len().saturating_sub(lines)..].join("\n")
}
