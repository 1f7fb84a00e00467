//! Tests under a sanitizer. Needs a nightly toolchain, which is not set up here: no check depends on it.

use crate::{Result, shell};

/// What runs on several threads at once: the stress of a runtime on fake models, loading, and the phases of its life.
const THREADED: [&str; 3] = ["runtime::tests::", "lazy::", "lifecycle::"];
/// Sanitizers need to know the target; it also keeps build scripts and macros free of them.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// `thread`: data races in the runtime. Models are fakes: ThreadSanitizer would have to see through llama.cpp's own
/// threads as well. `address`: the unsafe code of the index, on every kernel that this machine has.
pub(crate) fn command(rest: &[String]) -> Result {
    match rest {
        [what] if what == "thread" => {
            // With the standard library rebuilt, which takes `rustup component add rust-src`: otherwise what its locks order
            // is not seen, and every use of one is called a race.
            let which = ["-Zbuild-std", "--lib", "--"];
            run("ThreadSanitizer", "-Zsanitizer=thread", "target/sanitize-thread", &which, &THREADED)
        }
        [what] if what == "address" => {
            run("AddressSanitizer", "-Zsanitizer=address", "target/sanitize-address", &["--test", "index"], &[])
        }
        _ => Err("the sanitizers are `cargo xtask sanitize thread` and `cargo xtask sanitize address`".into()),
    }
}

fn run(sanitizer: &str, flags: &str, folder: &str, which: &[&str], names: &[&str]) -> Result {
    let mut cargo = shell::command("cargo");
    cargo
        .args(["+nightly", "test", "-p", "crane-core", "--no-default-features", "--target", TARGET])
        .args(["--target-dir", folder])
        .args(which)
        .args(names)
        .env("RUSTFLAGS", flags)
        // SQLite has two tables of one name, each private to its part: no violation, but AddressSanitizer says so.
        .env("ASAN_OPTIONS", "detect_odr_violation=0")
        // This cargo's own toolchain must not decide over the child's.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC");
    let status = cargo.status().map_err(|e| format!("cargo did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("the tests failed under {sanitizer} ({status})")) }
}
