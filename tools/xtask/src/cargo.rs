//! Child cargos, all in one profile and for the whole workspace, so that every command shares one build of llama.cpp.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::setup::BuildEnv;
use crate::{Result, place, shell};

/// Runs one cargo command in the workspace; `extra` are variables for this command alone.
pub(crate) fn run(what: &str, env: &BuildEnv, args: &[&str], extra: &[(&str, &str)]) -> Result {
    let mut command = command();
    env.apply(&mut command);
    command.args(args).envs(extra.iter().copied());
    let mut child = command.spawn().map_err(|e| format!("{what}: cargo did not start: {e}"))?;
    let mut seen = compiled_files();
    let say = || {
        let now = compiled_files();
        if now != seen {
            seen = now;
            eprintln!("    llama.cpp: {now} C++ files compiled");
        }
    };
    let status = shell::wait(&mut child, Duration::from_secs(20), say).map_err(|e| format!("{what}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed ({status})")) }
}

/// A cargo of the toolchain that runs xtask.
pub(crate) fn command() -> Command {
    shell::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds every package, which leaves the same artefacts behind as the tests need.
pub(crate) fn build(env: &BuildEnv) -> Result {
    run("the build", env, &["build", "--workspace"], &[])
}

/// A program of the workspace, as `build` leaves it.
pub(crate) fn binary(name: &str) -> PathBuf {
    place::target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// How far llama.cpp's compilation is: minutes in which cargo itself says nothing.
fn compiled_files() -> usize {
    let builds = std::fs::read_dir(place::target().join("debug/build")).into_iter().flatten().flatten();
    let ours = builds.filter(|entry| entry.file_name().to_string_lossy().starts_with("llama-cpp-sys-2-"));
    ours.map(|entry| objects(&entry.path().join("out/build"))).sum()
}

fn objects(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let count = |path: PathBuf| match path.extension() {
        Some(extension) if extension == "o" => 1,
        _ if path.is_dir() => objects(&path),
        _ => 0,
    };
    entries.map(|entry| count(entry.path())).sum()
}
