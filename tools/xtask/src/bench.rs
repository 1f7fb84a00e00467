//! Benches that run peers beside ours.

use crate::{Result, cargo, place, python, setup, shell};

/// `bench search`: ours against the exact searches that Python can install, on the same vectors in the same run.
pub(crate) fn search(rest: &[String]) -> Result {
    let bench = place::root().join("tools/bench");
    let python = python::environment("search-bench", &bench.join("requirements.txt"))?;
    let mut build = cargo::command();
    build.args(["build", "--release", "--package", "crane-core", "--no-default-features", "--example", "search_bench"]);
    shell::run("cargo build", &mut build)?;
    let mut command = shell::command(python);
    command.arg(bench.join("search.py")).arg("--program").arg(place::target().join("release/examples/search_bench"));
    // One thread for every peer; and a setting that some users have for other programs would slow NumPy's BLAS.
    command.args(rest).env("OMP_NUM_THREADS", "1").env_remove("OPENBLAS_CORETYPE");
    shell::run("the search bench", &mut command)
}

/// `bench generate`: ours against llama.cpp's own program, over the same build of llama.cpp.
pub(crate) fn generate(rest: &[String]) -> Result {
    let args: Vec<String> = ["--target".into(), place::target().display().to_string()].into();
    beside("generate", &[&args, rest].concat())
}

/// `bench encode`: our way through ONNX Runtime, and tract, against ONNX Runtime's own interface for Python.
pub(crate) fn encode(rest: &[String]) -> Result {
    beside("encode", rest)
}

/// Runs `tools/bench/NAME.py` on the example `NAME_bench`.
fn beside(name: &str, args: &[String]) -> Result {
    let env = setup::build_env()?;
    let bench = place::root().join("tools/bench");
    let requirements = bench.join(format!("{name}-requirements.txt"));
    let python = python::environment(&format!("{name}-bench"), &requirements)?;
    let example = format!("{name}_bench");
    // In the profile and with the features of everything else, so that llama.cpp and tract are not built again.
    cargo::run("the build", &env, &["build", "--workspace", "--examples"], &[])?;
    let mut command = shell::command(python);
    command.arg(bench.join(format!("{name}.py"))).arg("--program");
    command.arg(place::target().join("debug/examples").join(example)).args(args);
    shell::run(&format!("the {name} bench"), &mut command)
}
