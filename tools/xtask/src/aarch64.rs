//! The index's tests as 64-bit ARM code, run by qemu: with the dot products of newer CPUs, and without.

use std::path::Path;
use std::process::Command;

use crate::packages::may_install;
use crate::{Result, cargo, place, shell};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// A toolchain with ARM's standard library, a linker and the emulator, as Debian names them.
const PACKAGES: [&str; 6] =
    ["rustc-web", "cargo-web", "libstd-rust-web-dev:arm64", "gcc-aarch64-linux-gnu", "qemu-user", "libstdc++6:arm64"];
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
/// Everything that qemu knows; and a CPU of 2012.
const CPUS: [&str; 2] = ["max", "cortex-a57"];

/// Installs what is missing where it may, then runs the tests on each CPU.
pub(crate) fn test() -> Result {
    if !is_ready() && Path::new("/usr/bin/apt-get").exists() && may_install() {
        install()?;
    }
    if !is_ready() {
        return Err(format!(
            "this needs {LINKER}, {EMULATOR} (package qemu-user), and `rustup target add {TARGET}` or Debian's Rust; \
             as root on Debian it installs them itself"
        ));
    }
    for cpu in CPUS {
        let mut tests = arm_cargo();
        tests.args(["test", "--package", "crane-core", "--no-default-features", "--test", "index", "--target", TARGET]);
        tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -cpu {cpu}"));
        shell::run(&format!("the index's tests on {cpu}"), &mut tests)?;
    }
    Ok(())
}

fn install() -> Result {
    shell::run("dpkg", shell::command("dpkg").args(["--add-architecture", "arm64"]))?;
    shell::run("apt-get update", shell::command("apt-get").args(["update", "--quiet=2"]))?;
    shell::run("apt-get install", shell::command("apt-get").args(["install", "--yes", "--quiet=2"]).args(PACKAGES))
}

fn is_ready() -> bool {
    let has_std = has_std("rustc") || has_std(SYSTEM_RUSTC);
    has_std && [LINKER, EMULATOR].iter().all(|tool| shell::find_on_path(tool).is_some())
}

/// Whether a compiler has ARM's standard library.
fn has_std(rustc: &str) -> bool {
    let libraries = shell::output(shell::command(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    libraries.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Cargo of the toolchain that runs xtask where that has ARM's standard library, else the system's.
fn arm_cargo() -> Command {
    if has_std("rustc") {
        return cargo::command();
    }
    let mut cargo = shell::command("/usr/bin/cargo");
    // Another compiler's files: apart from those of every other build.
    cargo.env("RUSTC", SYSTEM_RUSTC).env("CARGO_TARGET_DIR", place::target().join("arm"));
    cargo.env_remove("RUSTUP_TOOLCHAIN");
    cargo
}
