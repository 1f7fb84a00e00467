//! A library that is put away while its app is in the background, or closed for good.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crane_core::library::{FactFilter, Library};
use crane_core::{ErrorKind, FactId, Modality, Result};

use crate::support::{PRINT, open, record, try_open_reader, unit};

fn found(library: &Library, seed: u64) -> Vec<FactId> {
    library.search(Modality::Image, &unit(seed), 8).unwrap().iter().map(|hit| hit.fact).collect()
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().unwrap().kind()
}

/// Files of the folder that this process has open.
#[cfg(target_os = "linux")]
fn open_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    files.filter_map(|entry| std::fs::read_link(entry.path()).ok()).filter(|path| path.starts_with(folder)).collect()
}

#[cfg(not(target_os = "linux"))]
fn open_files(_: &Path) -> Vec<std::path::PathBuf> {
    Vec::new()
}

#[test]
fn suspended_it_holds_no_file_and_still_answers() {
    let folder = tempfile::tempdir().unwrap();
    for read_only in [false, true] {
        let writer = open(folder.path());
        let fact = writer.add(record("The tower is in Pisa.", 1)).unwrap();
        let library = if read_only {
            writer.close().unwrap();
            try_open_reader(folder.path(), &PRINT).unwrap()
        } else {
            writer
        };
        assert_eq!(library.get(fact.id).unwrap(), fact);
        library.suspend().unwrap();
        assert_eq!(library.get(fact.id).unwrap(), fact);
        assert!(found(&library, 1).contains(&fact.id));
        assert_eq!(open_files(folder.path()), Vec::<std::path::PathBuf>::new());
        let journal = std::fs::metadata(folder.path().join("library.db-wal")).map_or(0, |file| file.len());
        assert_eq!(journal, 0);
        if !read_only {
            assert_eq!(kind(library.add(record("Another.", 2))), ErrorKind::Backgrounded);
            assert_eq!(kind(library.forget(fact.id)), ErrorKind::Backgrounded);
            library.resume().unwrap();
            library.add(record("Another.", 2)).unwrap();
        }
        library.resume().unwrap();
        assert_eq!(library.get(fact.id).unwrap(), fact);
    }
}

#[test]
fn what_others_write_meanwhile_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let old = library.add(record("The tower is in Rome.", 1)).unwrap();
    library.suspend().unwrap();
    let other = open(folder.path());
    let new = other.add(record("The tower is in Pisa.", 2)).unwrap();
    assert!(found(&library, 2).contains(&new.id));
    other.forget(old.id).unwrap();
    assert!(!found(&library, 1).contains(&old.id));

    // Another one writes: searching works, changing does not, until it has gone.
    assert_eq!(kind(library.resume()), ErrorKind::LibraryLocked);
    assert!(found(&library, 2).contains(&new.id));
    assert_eq!(kind(library.disable(new.id)), ErrorKind::LibraryLocked);
    let last = other.add(record("The tower leans.", 3)).unwrap();
    other.close().unwrap();
    library.disable(new.id).unwrap();
    assert_eq!((found(&library, 3), library.list(&FactFilter::default()).unwrap().len()), (vec![last.id], 2));
}

#[test]
fn a_closed_library_says_so_and_leaves_nothing_open() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let fact = library.add(record("The tower is in Pisa.", 1)).unwrap();
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    for library in [&reader, &library] {
        library.close().unwrap();
        library.close().unwrap();
        library.suspend().unwrap();
        assert_eq!(kind(library.resume()), ErrorKind::Closed);
        assert_eq!(kind(library.get(fact.id)), ErrorKind::Closed);
        assert_eq!(kind(library.search(Modality::Image, &unit(1), 1)), ErrorKind::Closed);
        assert_eq!(kind(library.stat()), ErrorKind::Closed);
    }
    assert_eq!(kind(library.undo()), ErrorKind::Closed);
    assert_eq!(kind(library.flush()), ErrorKind::Closed);
    assert_eq!(open_files(folder.path()), Vec::<std::path::PathBuf>::new());
    assert_eq!(open(folder.path()).get(fact.id).unwrap(), fact);
}

#[test]
fn suspending_amid_reads_and_changes_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let (stored, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (library, stored, stop) = (&library, &stored, &stop);
            scope.spawn(move || {
                for seed in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    match library.add(record("A fact.", thread * 1_000_000 + seed)) {
                        Ok(fact) => {
                            stored.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(library.get(fact.id).unwrap(), fact);
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Backgrounded),
                    }
                    library.search(Modality::Image, &unit(seed), 1).unwrap();
                }
            });
        }
        for _ in 0..20 {
            library.suspend().unwrap();
            // The lock is free while it is put away.
            drop(open(folder.path()));
            library.resume().unwrap();
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(library.list(&FactFilter::default()).unwrap().len(), stored.load(Ordering::Relaxed));
}
