//! Index files are derived: whatever happens to them, searches are the same and nothing is lost.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crane_core::library::{Library, NewRecord};
use crane_core::{ErrorKind, Hit, Modality};

use crate::support::{PRINT, database, key, open, record, try_open, try_open_reader, unit};

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "idx" || e == "tmp"));
    files.sort();
    files
}

fn filled(path: &Path, count: u64) -> Library {
    let library = open(path);
    let records: Vec<NewRecord> = (0..count).map(|n| record(&format!("Fact {n}."), n)).collect();
    library.add_all(&records).unwrap();
    library
}

fn searches(library: &Library) -> Vec<Hit> {
    let modalities = [Modality::Image, Modality::Text];
    modalities.iter().flat_map(|m| (0..5).flat_map(|n| library.search(*m, &unit(n), 7).unwrap())).collect()
}

#[test]
fn flush_writes_one_generation_and_the_next_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 20);
    assert!(files(folder.path()).is_empty(), "a small library needs no file yet");
    let before = searches(&library);
    library.flush().unwrap();
    assert_eq!(searches(&library), before);
    let first = files(folder.path());
    assert_eq!(first.len(), 2);
    library.flush().unwrap();
    assert_eq!(files(folder.path()), first, "nothing changed, nothing is written");
    library.add(record("One more.", 900)).unwrap();
    assert_ne!(searches(&library), before);
    let before = searches(&library);
    library.flush().unwrap();
    let second = files(folder.path());
    assert!(second.len() == 2 && second != first);
    library.close().unwrap();
    let library = open(folder.path());
    assert_eq!(library.stat().unwrap().image_rows, (21, 0), "all rows come from the file");
    assert_eq!(searches(&library), before);
}

#[test]
fn rows_behind_the_generation_are_found_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 20);
    library.flush().unwrap();
    let disabled = library.search(Modality::Image, &unit(3), 1).unwrap()[0].fact;
    library.disable(disabled).unwrap();
    library.add(record("Later.", 900)).unwrap();
    let before = searches(&library);
    drop(library);
    let library = open(folder.path());
    assert_eq!(library.stat().unwrap().image_rows, (21, 1));
    assert_eq!(searches(&library), before);
}

#[test]
fn a_large_tail_becomes_a_generation_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 400);
    assert_eq!(files(folder.path()).len(), 2);
    drop(library);
    assert_eq!(open(folder.path()).stat().unwrap().text_rows, (400, 0));
}

#[test]
fn damaged_missing_and_foreign_index_files_are_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 30);
    library.flush().unwrap();
    let before = searches(&library);
    drop(library);
    let path = files(folder.path())[0].clone();
    let bytes = fs::read(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    filled(other.path(), 30).flush().unwrap();
    let foreign = fs::read(&files(other.path())[0]).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 4;
    let contents = [vec![], bytes[..bytes.len() - 1].to_vec(), foreign, flipped, vec![0; 1 << 20]];
    for content in contents {
        fs::write(&path, content).unwrap();
        assert_eq!(searches(&try_open_reader(folder.path(), &PRINT).unwrap()), before);
        assert_eq!(searches(&open(folder.path())), before);
    }
    fs::remove_file(&path).unwrap();
    let library = open(folder.path());
    assert_eq!(searches(&library), before);
    library.add(record("And on.", 77)).unwrap();
    library.flush().unwrap();
    drop(library);
    assert_eq!(open(folder.path()).stat().unwrap().image_rows, (31, 0), "a good file again");
}

/// Overwrites or shortens a file where it lies, under whoever has it open.
fn spoil(path: &Path, truncate: bool) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 4096;
    bytes[end..].fill(0x55);
    let len = if truncate { end as u64 } else { bytes.len() as u64 };
    let mut file = File::options().write(true).open(path).unwrap();
    file.write_all(&bytes).and_then(|()| file.set_len(len)).unwrap();
}

#[test]
fn an_index_file_that_fails_under_an_open_library_is_replaced_and_the_search_answered() {
    for truncate in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let library = filled(folder.path(), 30);
        let before = searches(&library);
        library.flush().unwrap();
        let reader = try_open_reader(folder.path(), &PRINT).unwrap();
        let warm = try_open_reader(folder.path(), &PRINT).unwrap();
        warm.warm_up().unwrap();
        files(folder.path()).iter().for_each(|path| spoil(path, truncate));
        assert_eq!(searches(&warm), before, "all of it was in memory");
        assert_eq!(searches(&reader), before, "a reader rebuilds for itself");
        assert_eq!(searches(&library), before);
        assert_eq!(library.stat().unwrap().image_rows, (30, 30), "from the database");
        let later = library.add(record("Later.", 901)).unwrap().id;
        library.flush().unwrap();
        assert_eq!(library.stat().unwrap().image_rows, (31, 0), "from a good file again");
        assert_eq!(reader.search(Modality::Image, &unit(901), 1).unwrap()[0].fact, later);
        library.close().unwrap();
        assert_eq!(open(folder.path()).stat().unwrap().image_rows, (31, 0));
    }
}

#[test]
fn an_index_file_that_fails_while_the_next_is_written_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 30);
    library.flush().unwrap();
    files(folder.path()).iter().for_each(|path| spoil(path, false));
    library.add(record("Later.", 901)).unwrap();
    library.flush().unwrap();
    assert_eq!(library.stat().unwrap().image_rows, (31, 0));
    assert_eq!(library.search(Modality::Image, &unit(901), 40).unwrap().len(), 31);
}

#[test]
fn what_a_crash_left_behind_is_removed_and_never_believed() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 30);
    library.flush().unwrap();
    let before = searches(&library);
    drop(library);
    let named = files(folder.path());
    // A generation that was renamed into place before the database could name it, and a half-written one.
    fs::copy(&named[0], folder.path().join("image.99.idx")).unwrap();
    fs::write(folder.path().join("text.100.idx.tmp"), "half").unwrap();
    let library = open(folder.path());
    assert_eq!(files(folder.path()), named);
    assert_eq!(searches(&library), before);
}

#[test]
fn a_flipped_vector_or_text_in_the_database_is_reported() {
    for (table, column) in [("keys", "vector = zeroblob(512)"), ("keys", "text = 'other'"), ("facts", "target = 'x'")] {
        let folder = tempfile::tempdir().unwrap();
        let id = filled(folder.path(), 3).list(&Default::default()).unwrap()[0].id;
        let database = database(folder.path()).unwrap();
        database.execute(&format!("UPDATE {table} SET {column}"), []).unwrap();
        drop(database);
        let outcome = try_open(folder.path(), &PRINT).and_then(|library| library.get(id));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::LibraryCorrupt, "{table}.{column}");
    }
}

/// Flips single bytes all over the database: opening and reading either works, giving what was stored, or says
/// `LibraryCorrupt`; it never panics and never gives something else.
#[test]
fn flipped_bytes_anywhere_never_give_a_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let library = filled(folder.path(), 12);
    let facts = library.list(&Default::default()).unwrap();
    let before = searches(&library);
    library.close().unwrap();
    let path = folder.path().join("library.db");
    let sound = fs::read(&path).unwrap();
    for step in 0..150 {
        let mut bytes = sound.clone();
        let at = (step * 7_919 + 13) % bytes.len();
        bytes[at] ^= 1 << (step % 8);
        fs::write(&path, &bytes).unwrap();
        for leftover in ["library.db-wal", "library.db-shm"] {
            let _ = fs::remove_file(folder.path().join(leftover));
        }
        match try_open_reader(folder.path(), &PRINT).and_then(|l| Ok((l.list(&Default::default())?, l))) {
            Ok((listed, library)) => {
                // A damaged index page can hide rows from a list; what is shown must be true.
                assert!(listed.iter().all(|fact| facts.contains(fact)), "byte {at} changed a fact in silence");
                assert!(searches(&library).iter().all(|hit| before.contains(hit)), "byte {at} changed a search");
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::LibraryCorrupt
                        | ErrorKind::InvalidInput
                        | ErrorKind::ReadOnly
                        | ErrorKind::FingerprintMismatch
                ) || key().is_some() && error.kind() == ErrorKind::WrongKey,
                "byte {at}: {error}"
            ),
        }
    }
}
