//! Tests under a sanitizer. Needs a nightly toolchain, which is not set up here: no check depends on it.

use crate::{Result, shell};

/// What runs on several threads at once: the stress of a runtime on fake models, loading, and the phases of its life.
const THREADED: [&str; 3] = ["runtime::tests::", "lazy::", "lifecycle::"];
/// Sanitizers need to know the target; it also keeps build scripts and macros free of them.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// `cargo xtask sanitize thread`: data races in the runtime. Models are fakes: ThreadSanitizer would have to see through
/// llama.cpp's own threads as well.
pub(crate) fn command(rest: &[String]) -> Result {
    match rest {
        [what] if what == "thread" => thread(),
        _ => Err("the sanitizer is `cargo xtask sanitize thread`".into()),
    }
}

fn thread() -> Result {
    let mut cargo = shell::command("cargo");
    cargo
        .args(["+nightly", "test", "-p", "crane-core", "--no-default-features", "--lib"])
        .args(["--target", TARGET, "--target-dir", "target/sanitize-thread", "--"])
        .args(THREADED)
        // The standard library is not rebuilt: what it synchronises is seen through the calls that it makes.
        .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
        // This cargo's own toolchain must not decide over the child's.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC");
    let status = cargo.status().map_err(|e| format!("cargo did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("the tests failed under ThreadSanitizer ({status})")) }
}
