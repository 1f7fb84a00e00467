//! The generated halves of the language packages, made from the library itself.

use std::path::{Path, PathBuf};

use crate::{Result, cargo, place, setup, shell};

/// Builds the library and generates one language's source into `out`, or into `target/bindings/LANGUAGE`.
pub(crate) fn command(args: &[String]) -> Result {
    let (language, out) = match args {
        [language] => (language, place::target().join("bindings").join(language)),
        [language, out] => (language, PathBuf::from(out)),
        _ => return Err("usage: cargo xtask bindings kotlin|swift|python [OUT]".into()),
    };
    build()?;
    generate(language, &library(), &out)?;
    println!("{language}: generated into {}", out.display());
    Ok(())
}

/// Builds crane-ffi's library, with everything else that tests need.
pub(crate) fn build() -> Result {
    cargo::build(&setup::build_env()?)
}

/// crane-ffi's library as the build leaves it, with the symbols that describe its interface.
pub(crate) fn library() -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    place::target().join("debug").join(format!("{DLL_PREFIX}crane_ffi{DLL_SUFFIX}"))
}

/// Generates one language's source from a library that is not stripped.
pub(crate) fn generate(language: &str, library: &Path, out: &Path) -> Result {
    let mut bindgen = cargo::command();
    bindgen.args(["run", "--quiet", "--locked", "--manifest-path", "tools/bindgen/Cargo.toml", "--target-dir"]);
    bindgen.arg(place::target().join("bindgen")).arg("--").arg(language).arg(library).arg(out);
    shell::run("crane-bindgen", &mut bindgen)
}
