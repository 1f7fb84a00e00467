//! Storage that is full or read-only, on a small file system of memory where the test may mount one (Linux, root).
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};

use crane_core::library::{FactFilter, Library};
use crane_core::{ErrorKind, Modality};

use crate::support::{PRINT, open, record, try_open, try_open_reader, unit};

struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        run(&["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.path().to_str().unwrap()]).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) -> bool {
        run(&["mount", "-o", &format!("remount,{options}"), self.path().to_str().unwrap()])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(&["umount", "-l", self.path().to_str().unwrap()]);
    }
}

fn run(words: &[&str]) -> bool {
    let (stdout, stderr) = (Stdio::null(), Stdio::null());
    Command::new(words[0]).args(&words[1..]).stdout(stdout).stderr(stderr).status().is_ok_and(|s| s.success())
}

#[test]
fn a_full_disk_is_said_to_be_full_and_harms_nothing() {
    let Some(disk) = Mounted::new("size=400k") else { return };
    let path = disk.path().join("library");
    let library = open(&path);
    let mut stored = Vec::new();
    let error = loop {
        match library.add(record("A fact among many.", stored.len() as u64)) {
            Ok(fact) => stored.push(fact.id),
            Err(error) => break error,
        }
        assert!(stored.len() < 10_000, "the disk never became full");
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert!(!stored.is_empty());
    let intact = |library: &Library| {
        assert_eq!(library.list(&FactFilter::default()).unwrap().len(), stored.len());
        assert_eq!(library.search(Modality::Image, &unit(0), 1).unwrap()[0].fact, stored[0]);
    };
    intact(&library);
    drop(library);
    assert!(disk.remount("size=8m"));
    let library = open(&path);
    intact(&library);
    library.add(record("There is room again.", 5_000)).unwrap();
    library.flush().unwrap();
}

#[test]
fn a_disk_too_small_for_a_library_is_said_to_be_full() {
    let Some(disk) = Mounted::new("size=16k") else { return };
    let error = try_open(disk.path().join("library"), &PRINT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
}

#[test]
fn a_read_only_file_system_can_be_read_and_says_so_to_writers() {
    let Some(disk) = Mounted::new("size=8m") else { return };
    let path = disk.path().join("library");
    let library = open(&path);
    let id = library.add(record("Carved in stone.", 1)).unwrap().id;
    library.close().unwrap();
    assert!(disk.remount("ro"));
    let error = try_open(&path, &PRINT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
    assert_eq!(try_open(disk.path().join("new"), &PRINT).err().unwrap().kind(), ErrorKind::ReadOnly);
    let library = try_open_reader(&path, &PRINT).unwrap();
    assert_eq!(library.search(Modality::Image, &unit(1), 1).unwrap()[0].fact, id);
    assert_eq!(library.get(id).unwrap().id, id);
}
