//! `cargo xtask`: set-up, demo and checks of the workspace.
//!
//! Written on the standard library alone, since it has to compile before anything else is in place.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod aarch64;
mod bench;
mod bindings;
mod campaign;
mod cargo;
mod checks;
mod compiler;
mod dependencies;
mod dist;
mod kotlin;
mod libclang;
mod packages;
mod place;
mod python;
mod sanitize;
mod setup;
mod shell;
mod swift;
mod train;
mod vulkan;
mod wheels;

use std::process::ExitCode;

/// What a step returns; the message says what to do.
type Result<T = (), E = String> = std::result::Result<T, E>;

const HELP: &str = "\
cargo xtask COMMAND

  setup [--onnxruntime] [--swift]
                          find or install what llama.cpp's build needs: a C++ compiler, cmake, libclang; with
                          --onnxruntime also ONNX Runtime, which then replaces tract; with --swift also a Debian tree with
                          Swift in .local/swift, where there is no Swift (needs mmdebstrap, root and 2.6 GB)
  demo [ARGS…]            set up, build, and run `crane demo` on models/tiny; ARGS go to `crane demo`
  test                    set up, then everything a change must pass: fmt, dependencies, clippy, docs, tests
  bindings LANGUAGE [OUT] build crane-ffi and generate kotlin, swift or python from it, into OUT or target/bindings
  dist android|c|ios|python [--dev]
                          make that package in target/dist and try it out where that can be done here; --dev: from the
                          build that tests use, which saves time
  dist c --sizes [--dev] [FEATURES…]
                          how large the stripped library is with these sets of features, with all known ones without
                          FEATURES; each is a build of its own
  test-swift              build the Swift package and run its tests, where there is Swift 6: on the path, in the tree that
                          CRANE_SWIFT_ROOT names, or in .local/swift
  test-kotlin             generate the Kotlin bindings and run Maven on android: the library's tests on this machine's
                          JVM, its README's example, and the Android part compiled against stand-ins
  test-python             install the wheel into a fresh environment and run its tests there
  campaign [NAME] [--rounds N] [--seed N]
                          the proofs of core/docs/PROOF.md, large: kill, power, storage, damage, fuzz; all without NAME
  dependencies            check every dependency's licence, and that none is banned, against deny.toml
  bench search [ARGS…]    exact search: ours and its peers on the same vectors (needs Python 3); --help lists ARGS
  bench encode [ARGS…]    encoding photos: ours and ONNX Runtime's own interface on the same tower (needs Python 3)
  bench generate [ARGS…]  generation: ours and llama.cpp's own program on the same files (needs Python 3)
  test-aarch64            tests of the index and of ffi as 64-bit ARM code under qemu (as root on Debian it installs what it needs)
  test-vulkan             the language model through Vulkan, if only on a software device, against the processor (as root
                          on Debian it installs what it needs; builds llama.cpp once more)
  sanitize thread         the runtime's threads under ThreadSanitizer, on fake models (needs a nightly toolchain)
  sanitize address        the index's tests under AddressSanitizer (needs a nightly toolchain)
  train-smoke             a few steps of every training stage in tools/train (needs Python 3)
  env                     print the build's environment as shell exports: eval \"$(cargo xtask env)\"
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result {
    let (command, rest) = args.split_first().map_or(("help", args), |(first, rest)| (first.as_str(), rest));
    match command {
        "setup" => setup_command(rest),
        "demo" => demo(rest),
        "test" => none_left(rest).and_then(|()| checks::all()),
        "dist" => dist::command(rest),
        "test-python" => none_left(rest).and_then(|()| dist::test_python()),
        "test-kotlin" => none_left(rest).and_then(|()| kotlin::test()),
        "test-swift" => none_left(rest).and_then(|()| swift::test()),
        "bindings" => bindings::command(rest),
        "campaign" => campaign::run(rest),
        "dependencies" => none_left(rest).and_then(|()| dependencies::check()),
        "bench" => bench(rest),
        "sanitize" => sanitize::command(rest),
        "test-aarch64" => none_left(rest).and_then(|()| aarch64::test()),
        "test-vulkan" => none_left(rest).and_then(|()| vulkan::test()),
        "train-smoke" => none_left(rest).and_then(|()| train::smoke()),
        "env" => none_left(rest).and_then(|()| print_env()),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no command `{other}`; `cargo xtask help` lists them")),
    }
}

fn none_left(rest: &[String]) -> Result {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("unexpected argument `{extra}`; `cargo xtask help` lists the commands")),
    }
}

fn setup_command(rest: &[String]) -> Result {
    let (wanted, extra): (Vec<_>, Vec<_>) =
        rest.iter().cloned().partition(|a| ["--onnxruntime", "--swift"].contains(&a.as_str()));
    none_left(&extra)?;
    let env = setup::build_env()?;
    if wanted.iter().any(|a| a == "--onnxruntime") {
        println!("ONNX Runtime: {}", setup::onnxruntime()?.display());
    }
    if wanted.iter().any(|a| a == "--swift") {
        swift::make_tree()?;
    }
    println!("ready: {env}");
    Ok(())
}

fn bench(rest: &[String]) -> Result {
    match rest.split_first() {
        Some((what, rest)) if what == "search" => bench::search(rest),
        Some((what, rest)) if what == "generate" => bench::generate(rest),
        Some((what, rest)) if what == "encode" => bench::encode(rest),
        _ => Err("the benches are `cargo xtask bench search`, `generate` and `encode`".into()),
    }
}

fn demo(rest: &[String]) -> Result {
    let env = setup::build_env()?;
    let models = place::root().join("models/tiny");
    if !models.join("bundle.toml").is_file() {
        return Err(format!("{} holds no bundle.toml; the checkout is incomplete", models.display()));
    }
    cargo::build(&env)?;
    let mut crane = shell::command(cargo::binary("crane"));
    env.apply(&mut crane);
    // Global options stand before the subcommand, so that ARGS can repeat and override none of them by accident.
    crane.arg("--models").arg(models).arg("demo").args(rest);
    shell::run("crane demo", &mut crane)
}

fn print_env() -> Result {
    let env = setup::build_env()?;
    for (name, value) in env.exports() {
        println!("export {name}='{}'", value.replace('\'', "'\\''"));
    }
    Ok(())
}
