//! Kotlin: the part of `android` that needs no Android, built and tested on a JVM by Maven.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, bindings, dist, place, setup, shell};

/// Runs Maven's build with all its tests; says so where there is no Maven and none may be installed.
pub(crate) fn test() -> Result {
    if let Some(missing) = setup::missing_for_kotlin() {
        println!("    SKIPPED: the tests of Kotlin need {missing}");
        return Ok(());
    }
    bindings::build()?;
    prepare(&bindings::library())?;
    shell::run("Maven", maven().arg("test"))
}

/// Generates what Maven compiles besides what is written by hand: the low-level half, and the README's example.
pub(crate) fn prepare(library: &Path) -> Result {
    let generated = place::target().join("bindings/kotlin");
    dist::fresh(&generated)?;
    bindings::generate("kotlin", library, &generated)?;
    let file = folder().join("README.md");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let example = text.split("```kotlin\n").find(|part| part.contains("fun main()"));
    let example = example.and_then(|rest| rest.split("```").next()).ok_or("android/README.md has no example")?;
    // Maven leaves classes behind whose source is gone, and would run their tests.
    dist::fresh(&place::target().join("maven"))?;
    let place = place::target().join("maven/readme");
    let library = place.join("my-library");
    dist::write(&place.join("kotlin/Readme.kt"), &example.replace("my-library", &library.to_string_lossy()))
}

/// Maven on `android`, told where cargo builds.
pub(crate) fn maven() -> Command {
    let mut maven = shell::command("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "--file"]).arg(folder().join("pom.xml"));
    maven.arg(format!("-Dcrane.target={}", place::target().display()));
    maven
}

/// The Kotlin library.
pub(crate) fn folder() -> PathBuf {
    place::root().join("android")
}
