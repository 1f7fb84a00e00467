//! Compiling and running C and C++ against this build's library and header.
#![allow(dead_code, reason = "every test file takes what it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Warnings are errors, and code must be plain C11 or C++17.
const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g"];
/// With a leak check at the end, where the system has one.
pub(crate) const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Where the tests, and with them the library, are built.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Compiles a program of `tests/c`, or a file anywhere; `Err` is what the compiler says.
pub(crate) fn compile(source: &Path, program: &Path, flags: &[&str]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (compiler, usual, standard) = if cpp { ("CXX", "c++", "-std=c++17") } else { ("CC", "cc", "-std=c11") };
    let mut command = Command::new(std::env::var(compiler).unwrap_or_else(|_| usual.into()));
    command.args(STRICT).args(flags).args([standard, "-D_POSIX_C_SOURCE=200809L", "-pthread", "-I"]);
    command.arg(root.join("include")).arg(root.join("tests/c").join(source)).arg("-o").arg(program);
    command.arg("-L").arg(built()).arg("-lcrane_ffi").arg(format!("-Wl,-rpath,{}", built().display()));
    let output = command.output().map_err(|error| format!("{compiler}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Compiles with sanitizers where the compiler has them, and says so where not.
pub(crate) fn compile_sanitized(source: &Path, program: &Path) {
    if let Err(missing) = compile(source, program, &SANITIZERS) {
        println!("without sanitizers: {missing}");
        compile(source, program, &[]).unwrap();
    }
}

/// A program with what sanitizers need to know, and this very build's library: cargo's own path for libraries names the
/// folder of the last `cargo build` first.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", built()).env("DYLD_LIBRARY_PATH", built());
    let leaks = if cfg!(target_os = "linux") { "detect_leaks=1" } else { "detect_leaks=0" };
    command.env("ASAN_OPTIONS", leaks).env("LSAN_OPTIONS", "print_suppressions=0");
    command
}

/// What a run printed, after it has succeeded.
pub(crate) fn expect_success(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}
