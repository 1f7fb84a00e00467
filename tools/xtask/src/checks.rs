//! Everything a change must pass. CI runs this and nothing else.

use std::time::Instant;

use crate::setup::{self, BuildEnv};
use crate::{Result, cargo, dependencies, dist, kotlin, place, swift};

type Check = (&'static str, fn(&BuildEnv) -> Result);

/// Cheap checks first, so that a slip is told in seconds.
const CHECKS: [Check; 9] = [
    ("formatting", formatting),
    ("dependencies", |_| dependencies::check()),
    ("clippy", clippy),
    ("documentation", documentation),
    ("tests", tests),
    ("Python", |_| dist::test_python()),
    ("Kotlin", |_| kotlin::test()),
    ("Swift", |_| swift::test()),
    ("encryption", encryption),
];

/// Runs every check in order and stops at the first that fails.
pub(crate) fn all() -> Result {
    let start = Instant::now();
    let env = setup::build_env()?;
    for (name, check) in CHECKS {
        let begun = Instant::now();
        println!("==> {name}");
        check(&env)?;
        println!("    {name}: passed in {:.0} s", begun.elapsed().as_secs_f32());
    }
    println!("all checks passed in {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

fn formatting(env: &BuildEnv) -> Result {
    cargo::run("formatting (`cargo fmt --all` mends it)", env, &["fmt", "--all", "--check"], &[])
}

fn clippy(env: &BuildEnv) -> Result {
    cargo::run("clippy", env, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
}

fn documentation(env: &BuildEnv) -> Result {
    let args = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    cargo::run("the documentation", env, &args, &[("RUSTDOCFLAGS", "-D warnings")])
}

fn tests(env: &BuildEnv) -> Result {
    cargo::run("the tests", env, &["test", "--workspace", "--no-fail-fast"], &[])
}

/// The library's suites, and the contract through the bindings, with the feature `encryption`. By itself, without models and
/// their runtimes: SQLCipher would take SQLite's place in everything, and the features of few other packages would stay the
/// same. In a folder of its own: the bindings' library has the same file name whatever its features are.
fn encryption(env: &BuildEnv) -> Result {
    if let Some(missing) = setup::missing_for_openssl() {
        println!("    SKIPPED: building OpenSSL for SQLCipher needs {missing}");
        return Ok(());
    }
    let folder = place::target().join("encryption").to_string_lossy().into_owned();
    let apart = [("CARGO_TARGET_DIR", folder.as_str())];
    let package = ["-p", "crane-core", "--no-default-features", "--features", "encryption"];
    let clippy = [&["clippy"], &package[..], &["--all-targets", "--", "-D", "warnings"]].concat();
    cargo::run("clippy with encryption", env, &clippy, &apart)?;
    let tests = [&["test"], &package[..], &["--no-fail-fast", "--test", "library", "--test", "proof"]].concat();
    cargo::run("the tests of encryption", env, &tests, &apart)?;
    let bindings = ["test", "-p", "crane-ffi", "--no-default-features", "--features", "uniffi,encryption"];
    let contract = [&bindings[..], &["--test", "contract", "--test", "encryption"]].concat();
    cargo::run("the contract with encryption", env, &contract, &apart)
}
