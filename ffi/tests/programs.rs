//! C and C++ programs against the header and the library: misuse, a story, and the README's own example.
#![cfg(all(unix, feature = "onnx", feature = "llama"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is the report; what is skipped is said")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{command, compile, compile_sanitized, expect_success};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny")
}

#[test]
fn every_misuse_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("misuse");
    compile_sanitized(Path::new("misuse.c"), &program);
    let run = command(&program).arg(models()).arg(folder.path().join("library")).output().unwrap();
    assert!(expect_success(&run).contains("answered"));
}

#[test]
fn misuse_under_valgrind() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("misuse");
    compile(Path::new("misuse.c"), &program, &[]).unwrap();
    let mut valgrind = command(Path::new("valgrind"));
    // Not `possible`: Rust keeps the main thread's own handle by a pointer into its middle.
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    let run = valgrind.arg(&program).arg(models()).arg(folder.path().join("library")).output().unwrap();
    assert!(expect_success(&run).contains("answered"));
}

#[test]
fn a_story_in_cpp() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("story");
    compile_sanitized(Path::new("story.cpp"), &program);
    let photo = models().join("demo/gate.jpg");
    let run = command(&program).arg(models()).arg(folder.path().join("library")).arg(photo).output().unwrap();
    assert!(expect_success(&run).contains("used"));
}

#[test]
fn an_exception_that_leaves_a_callback_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    const ABORT: i32 = 6;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("throwing");
    compile(Path::new("throwing.cpp"), &program, &[]).unwrap();
    let run = command(&program).arg(models()).arg(folder.path().join("library")).output().unwrap();
    assert_eq!(run.status.signal(), Some(ABORT), "{run:?}");
}

#[test]
fn the_readmes_example() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let example = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("example.c"), folder.path().join("example"));
    std::fs::write(&source, example).unwrap();
    compile_sanitized(&source, &program);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let run = command(&program).current_dir(root).arg(folder.path().join("library")).output().unwrap();
    assert!(expect_success(&run).contains("Theaprairk"), "{run:?}");
}
