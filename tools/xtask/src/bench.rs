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
    let env = setup::build_env()?;
    let bench = place::root().join("tools/bench");
    let python = python::environment("generate-bench", &bench.join("generate-requirements.txt"))?;
    // In the profile and with the features of everything else, so that llama.cpp is not built again.
    cargo::run("the build", &env, &["build", "--workspace", "--example", "generate_bench"], &[])?;
    let mut command = shell::command(python);
    command.arg(bench.join("generate.py")).arg("--program").arg(place::target().join("debug/examples/generate_bench"));
    command.arg("--target").arg(place::target()).args(rest);
    shell::run("the generation bench", &mut command)
}
