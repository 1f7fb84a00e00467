//! Libraries that are read-only, missing, locked, damaged, or somebody else's folder.

use std::fs::{self, File};
use std::path::Path;

use crane_tests::{Bench, Outcome, chmod, unprivileged};

const FACT: &str = "The charge is a lion.";
const ADD: [&str; 4] = ["fact", "add", "--statement", "The field is azure."];

/// Every file of a folder with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the library's folder").flatten();
    let mut all: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a file of the library"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_read_only_library_can_be_asked_but_not_changed() {
    let bench = Bench::new();
    bench.add_fact(FACT);
    chmod(bench.library(), "a=rX");
    let before = content(bench.library());

    let run = |args: &[&str]| Outcome::of(unprivileged(&bench).args(args));
    let message = run(&ADD).fails("read_only");
    assert!(message.contains("librar"), "{message}");
    assert_eq!(run(&["fact", "list"]).ok().as_array().map(Vec::len), Some(1));
    let preview = run(&["preview", FACT]).ok();
    assert!(preview.to_string().contains("\"fire\""), "{preview}");

    assert_eq!(content(bench.library()), before, "nothing in the folder changed");
    chmod(bench.library(), "u=rwX");
    bench.crane(&ADD).ok();
    assert_eq!(bench.facts(), 2);
}

#[test]
fn a_folder_in_which_nothing_may_be_created() {
    let bench = Bench::new();
    fs::create_dir(bench.dir().join("closed")).expect("the temporary folder is writable");
    let bench = {
        let library = bench.dir().join("closed/library");
        bench.with_library(library)
    };
    let mut command = unprivileged(&bench);
    chmod(&bench.dir().join("closed"), "a=rX");
    Outcome::of(command.args(ADD)).fails("read_only");
    chmod(&bench.dir().join("closed"), "u=rwX");
}

#[test]
fn a_library_that_is_not_there() {
    let bench = Bench::new();
    let deep = bench.dir().join("not/yet/there");
    let bench = bench.with_library(deep.clone());
    for args in [&["fact", "list"][..], &["fact", "show", "00000000-0000-4000-8000-000000000000"]] {
        let outcome = bench.crane(args);
        // A list of a library that nobody wrote to is empty; a fact of it does not exist. Neither makes a folder.
        if args[1] == "list" {
            assert_eq!(outcome.ok(), serde_json::json!([]));
        } else {
            outcome.fails("not_found");
        }
        assert!(!deep.exists(), "only looking creates nothing");
    }
    bench.add_fact(FACT);
    assert_eq!(bench.facts(), 1);
}

#[test]
fn a_file_where_the_library_should_be() {
    let bench = Bench::new();
    let file = bench.file("notes.txt", b"mine");
    let bench = bench.with_library(file.clone());
    for args in [&ADD[..], &["fact", "list"], &["preview", "Why?"]] {
        bench.crane(args).fails("invalid_input");
    }
    assert_eq!(fs::read(file).expect("still there"), b"mine");
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let bench = Bench::new();
    fs::create_dir(bench.library()).expect("the temporary folder is writable");
    fs::write(bench.library().join("thesis.tex"), "mine").expect("the temporary folder is writable");
    let message = bench.crane(&ADD).fails("invalid_input");
    assert!(message.contains("folder"), "{message}");
    assert_eq!(content(bench.library()), [("thesis.tex".to_owned(), b"mine".to_vec())]);
}

#[test]
fn a_library_that_another_process_writes_to() {
    let bench = Bench::new();
    bench.add_fact(FACT);
    let lock = File::options().write(true).open(bench.library().join("writer.lock")).expect("the writer's lock");
    lock.lock().expect("nobody else has it");

    let message = bench.crane(&ADD).fails("library_locked");
    assert!(message.contains("close"), "the message says what to do: {message}");
    assert_eq!(bench.facts(), 1, "reading goes on beside a writer");
    bench.crane(&["ask", "Which charge?"]).ok();

    drop(lock);
    bench.crane(&ADD).ok();
    assert_eq!(bench.facts(), 2);
}

#[test]
fn a_damaged_database_is_reported_and_not_touched() {
    let bench = Bench::new();
    bench.add_fact(FACT);
    let database = bench.library().join("library.db");
    let whole = fs::read(&database).expect("the database");
    for damaged in
        [whole[..whole.len() / 2].to_vec(), b"not a database at all, though long enough to be read".repeat(90)]
    {
        fs::write(&database, &damaged).expect("the temporary folder is writable");
        for args in [&ADD[..], &["fact", "list"], &["ask", "Which charge?"]] {
            bench.crane(args).fails("library_corrupt");
        }
        assert_eq!(fs::read(&database).expect("still there"), damaged);
    }
    fs::write(&database, whole).expect("the temporary folder is writable");
    assert_eq!(bench.facts(), 1);
}

#[test]
fn damaged_index_files_are_rebuilt() {
    let bench = Bench::new();
    bench.add_fact(FACT);
    let before = bench.crane(&["preview", FACT]).ok();
    let is_index = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "idx");
    let indexes: Vec<_> = content(bench.library()).into_iter().filter(|(name, _)| is_index(name)).collect();
    for (name, bytes) in &indexes {
        let file = bench.library().join(name);
        let mut flipped = bytes.clone();
        *flipped.last_mut().expect("an index file is not empty") ^= 1;
        for damaged in [Vec::new(), bytes[..bytes.len() / 2].to_vec(), flipped, b"foreign".repeat(100)] {
            fs::write(&file, damaged).expect("the temporary folder is writable");
            let after = bench.crane(&["preview", FACT]).ok();
            assert_eq!(after["decision"], before["decision"], "{name}");
        }
        fs::remove_file(&file).ok();
        assert_eq!(bench.crane(&["preview", FACT]).ok()["decision"], before["decision"], "{name} removed");
    }
}
