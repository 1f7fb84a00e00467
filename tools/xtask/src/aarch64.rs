//! The index's tests and those of the C interface as 64-bit ARM code, run by qemu: with the dot products of newer CPUs, and
//! without.

use std::path::{Path, PathBuf};
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
        run_tests(cpu, "the index's tests", &["crane-core", "--test", "index"])?;
        run_tests(cpu, "ffi's tests", &["crane-ffi", "--features", "uniffi", "--lib"])?;
    }
    let program = c_program()?;
    for cpu in CPUS {
        let library = place::target().join("arm-library");
        place::clear(&library)?;
        let mut command = shell::command(EMULATOR);
        command.args(["-cpu", cpu]).arg(&program).arg(place::root().join("models/tiny")).arg(&library);
        shell::run(&format!("misuse of the C interface on {cpu}"), &mut command)?;
        place::clear(&library)?;
    }
    Ok(())
}

/// Runs a package's tests, without what computes models: neither llama.cpp nor tract is built for ARM here.
fn run_tests(cpu: &str, what: &str, package_and_tests: &[&str]) -> Result {
    let mut tests = arm_cargo();
    tests.args(["test", "--no-default-features", "--target", TARGET, "--package"]).args(package_and_tests);
    tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -cpu {cpu}"));
    shell::run(&format!("{what} on {cpu}"), &mut tests)
}

/// Builds the shared library, and the C program that tries every misuse of it.
fn c_program() -> Result<PathBuf> {
    let mut build = arm_cargo();
    build.args(["build", "--package", "crane-ffi", "--lib", "--no-default-features", "--features", "uniffi"]);
    shell::run("the library for ARM", build.args(["--target", TARGET]))?;
    let folder = arm_target().join(TARGET).join("debug");
    let (ffi, program) = (place::root().join("ffi"), folder.join("misuse"));
    let mut compile = shell::command(LINKER);
    compile.args(["-Wall", "-Wextra", "-Werror", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-pthread"]);
    compile.arg("-I").arg(ffi.join("include")).arg(ffi.join("tests/c/misuse.c")).arg("-L").arg(&folder);
    compile.arg("-lcrane_ffi").arg(format!("-Wl,-rpath,{}", folder.display())).arg("-o").arg(&program);
    shell::run("the C program for ARM", &mut compile)?;
    Ok(program)
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
    let has_own = has_std("rustc");
    let mut cargo = if has_own { cargo::command() } else { shell::command("/usr/bin/cargo") };
    if !has_own {
        cargo.env("RUSTC", SYSTEM_RUSTC).env_remove("RUSTUP_TOOLCHAIN");
    }
    cargo.env("CARGO_TARGET_DIR", arm_target());
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    cargo
}

/// Apart from every other build: it may be another compiler's.
fn arm_target() -> PathBuf {
    place::target().join("arm")
}
