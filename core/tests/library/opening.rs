//! Which folders become or stay libraries, who may write, and what is refused untouched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crane_core::library::FactFilter;
use crane_core::{ErrorKind, Fingerprint, Modality};
use rusqlite::Connection;

use crate::support::{PRINT, database, key, open, record, try_open, try_open_reader, unit};

#[test]
fn a_missing_folder_becomes_a_library_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er");
    let fact = open(&path).add(record("The tower is in Pisa.", 1)).unwrap();
    let library = open(&path);
    assert_eq!(library.get(fact.id).unwrap(), fact);
    assert_eq!(library.search(Modality::Image, &unit(1), 1).unwrap()[0].fact, fact.id);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library");
    let library = open(&path);
    library.add(record("A secret.", 1)).unwrap();
    library.flush().unwrap();
    for entry in fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_second_writer_is_told_who_has_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = try_open(folder.path(), &PRINT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LibraryLocked);
    assert!(error.to_string().contains("this process"), "{error}");
    first.close().unwrap();
    open(folder.path());
}

/// The other half of the next test; by itself it does nothing.
#[test]
fn holder() {
    if let Ok(path) = std::env::var("CRANE_TEST_HOLD") {
        let _library = open(Path::new(&path));
        println!("held");
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }
}

#[test]
fn a_writer_in_another_process_is_named_and_its_death_frees_the_library() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "opening::holder", "--nocapture"])
        .env("CRANE_TEST_HOLD", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held = BufReader::new(child.stdout.take().unwrap()).lines().any(|line| line.unwrap().ends_with("held"));
    assert!(held);
    let error = try_open(folder.path(), &PRINT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LibraryLocked);
    assert!(error.to_string().contains(&child.id().to_string()), "{error}");
    assert!(try_open_reader(folder.path(), &PRINT).is_ok(), "readers go on");
    child.kill().unwrap();
    child.wait().unwrap();
    open(folder.path());
}

#[test]
fn readers_follow_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path());
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    assert!(reader.is_read_only() && reader.search(Modality::Image, &unit(1), 1).unwrap().is_empty());
    let fact = writer.add(record("New.", 1)).unwrap();
    assert_eq!(reader.search(Modality::Image, &unit(1), 1).unwrap()[0].fact, fact.id);
    writer.delete(fact.id).unwrap();
    writer.flush().unwrap();
    assert!(reader.search(Modality::Image, &unit(1), 1).unwrap().is_empty());
    assert_eq!(reader.add(record("No.", 2)).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(reader.delete(fact.id).unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn reading_needs_a_library() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |path: &Path| try_open_reader(path, &PRINT).err().unwrap().kind();
    assert_eq!(kind(folder.path()), ErrorKind::NotFound);
    assert_eq!(kind(&folder.path().join("none")), ErrorKind::NotFound);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "reading creates nothing");
}

#[test]
fn other_models_are_refused_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).add(record("Here.", 1)).unwrap();
    let refusal = |print: Fingerprint| {
        let error = try_open(folder.path(), &print).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::FingerprintMismatch);
        assert_eq!(try_open_reader(folder.path(), &print).err().unwrap().kind(), ErrorKind::FingerprintMismatch);
        error.to_string()
    };
    assert!(refusal(Fingerprint { encoders: [9; 32], ..PRINT }).contains("other encoders"));
    assert!(refusal(Fingerprint { head: [9; 32], ..PRINT }).contains("projection head"));
    assert!(refusal(Fingerprint { raw_dim: 25, ..PRINT }).contains("24-wide"));
    let absurd = Fingerprint { raw_dim: 0, ..PRINT };
    assert_eq!(try_open(folder.path(), &absurd).err().unwrap().kind(), ErrorKind::InvalidInput);
    assert_eq!(open(folder.path()).list(&FactFilter::default()).unwrap().len(), 1, "unharmed");
}

/// Opens a folder both ways, expects one kind of error, and that no byte of it changed.
fn refused_untouched(path: &Path, kind: ErrorKind) -> String {
    let bytes = |path: &Path| -> BTreeMap<_, _> {
        let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|p| !p.ends_with("writer.lock")).map(|p| (p.clone(), fs::read(p).unwrap()));
        // An encrypted database has to be opened to be looked into, which leaves an empty journal and its index.
        files.filter(|(p, bytes)| key().is_none() || !(bytes.is_empty() || p.ends_with("library.db-shm"))).collect()
    };
    let before = bytes(path);
    let error = try_open(path, &PRINT).err().expect("must be refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(try_open_reader(path, &PRINT).err().expect("must be refused").kind(), kind);
    assert!(before == bytes(path), "something was changed");
    error.to_string()
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "text").unwrap();
    assert!(try_open(&path, &PRINT).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

#[test]
fn a_folder_with_other_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("holiday.jpg"), "photo").unwrap();
    let error = try_open(folder.path(), &PRINT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join("library.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1").unwrap();
    drop(other);
    refused_untouched(folder.path(), ErrorKind::InvalidInput);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).add(record("From the future.", 1)).unwrap();
    let database = database(folder.path()).unwrap();
    database.execute_batch("PRAGMA user_version = 9").unwrap();
    drop(database);
    assert!(refused_untouched(folder.path(), ErrorKind::LibraryCorrupt).contains("update Crane"));
}

#[test]
fn garbage_and_truncated_databases_are_refused() {
    for damage in ["garbage", "short", "truncated"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library.db");
        open(folder.path()).add(record("Gone.", 1)).unwrap();
        let bytes = fs::read(&path).unwrap();
        match damage {
            "garbage" => fs::write(&path, vec![0x5A; 8192]).unwrap(),
            "short" => fs::write(&path, &bytes[..50]).unwrap(),
            _ => fs::write(&path, &bytes[..bytes.len() - 4096]).unwrap(),
        }
        refused_untouched(folder.path(), ErrorKind::LibraryCorrupt);
    }
}

#[test]
fn an_interrupted_creation_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("library.db"), "").unwrap();
    fs::write(folder.path().join("writer.lock"), "1").unwrap();
    open(folder.path()).add(record("Complete.", 1)).unwrap();
}
