//! Forgetting is proven by looking for the secrets in every byte of the library's folder.

use std::fs;
use std::path::Path;

use crane_core::index::Row;
use crane_core::library::{Amendment, Library, NewRecord};
use crane_core::{ErrorKind, FactState, Modality, NewFact};

use crate::support::{PRINT, image, key, open, record, text, try_open_reader, unit};

/// What must not be found: the words (also as the full-text index folds them, and without a prefix it may share),
/// the photo, and the vectors as they lie in the database and in the index.
fn secrets() -> Vec<Vec<u8>> {
    let mut secrets: Vec<Vec<u8>> =
        ["Qzxjvkw", "zxjvkw", "Wqhbxrt", "qhbxrt", "Vbnmzpq", "bnmzpq", "JPEGSECRET", "Kljhgfx", "ljhgfx"]
            .map(|word| word.as_bytes().to_vec())
            .to_vec();
    for seed in [7_001, 7_002, 7_003, 7_004] {
        let row = Row::from_embedding(&unit(seed)).0;
        // The raw vector begins like the row, so this covers both.
        secrets.push(row[..24].to_vec());
        secrets.push(row[200..224].to_vec());
    }
    secrets
}

fn secret_record() -> NewRecord {
    let mut photo = image(7_001);
    photo.thumbnail = Some([&[0xFF, 0xD8, 0xFF][..], &b"JPEGSECRET".repeat(900)].concat());
    NewRecord {
        fact: NewFact {
            statement: "Qzxjvkw lives here.".into(),
            subject: Some("Wqhbxrt".into()),
            note: Some("Qzxjvkw told me.".into()),
            ..NewFact::default()
        },
        images: vec![photo, image(7_002)],
        texts: vec![text("Vbnmzpq is a key.", 7_003)],
    }
}

fn present(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for (at, secret) in secrets().iter().enumerate() {
            if bytes.windows(secret.len()).any(|window| window == &secret[..]) {
                found.push(format!("secret {at} in {}", path.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    found
}

/// A library in which the secret fact has seen everything that leaves traces.
fn with_traces(folder: &Path, around: u64) -> (Library, crane_core::FactId) {
    let library = open(folder);
    let others = |from: u64| (0..around).map(|n| record(&format!("Other {n}."), from + n)).collect::<Vec<_>>();
    library.add_all(&others(10)).unwrap();
    let id = library.add(secret_record()).unwrap().id;
    library.flush().unwrap();
    library.add_all(&others(100_000)).unwrap();
    let fact = NewFact { statement: "Kljhgfx now.".into(), subject: Some("Wqhbxrt".into()), ..NewFact::default() };
    let add_texts = vec![text("Kljhgfx now.", 7_004)];
    library.edit(id, &Amendment { fact, add_texts, ..Amendment::default() }).unwrap();
    library.disable(id).unwrap();
    library.undo().unwrap();
    library.flush().unwrap();
    library.disable(id).unwrap();
    (library, id)
}

#[test]
fn nothing_of_a_forgotten_fact_is_left_in_any_file() {
    for around in [0, 30, 400] {
        let folder = tempfile::tempdir().unwrap();
        let (library, id) = with_traces(folder.path(), around);
        let found = present(folder.path());
        assert!(if key().is_some() { found.is_empty() } else { found.len() >= 10 }, "the scan finds what is there");
        let receipt = library.forget(id).unwrap();
        assert_eq!(present(folder.path()), Vec::<String>::new(), "with {around} facts around it");
        assert_eq!(library.receipts().unwrap(), [receipt]);
        library.flush().unwrap();
        drop(library);
        assert_eq!(present(folder.path()), Vec::<String>::new());
        let library = open(folder.path());
        assert_eq!(library.stat().unwrap().active, 2 * around);
        assert!(around == 0 || library.search(Modality::Image, &unit(10), 1).unwrap()[0].score > 0.99);
    }
}

#[test]
fn a_forgotten_fact_is_a_husk_that_nothing_brings_back() {
    let folder = tempfile::tempdir().unwrap();
    let (library, id) = with_traces(folder.path(), 3);
    library.forget(id).unwrap();
    let husk = library.get(id).unwrap();
    assert_eq!((husk.state, husk.statement.as_str(), husk.image_keys), (FactState::Forgotten, "", 0));
    assert!(library.keys(id).unwrap().is_empty() && library.lookup("Qzxjvkw", 9).unwrap().is_empty());
    for seed in [7_001, 7_002] {
        assert!(library.search(Modality::Image, &unit(seed), 99).unwrap().iter().all(|hit| hit.fact != id));
    }
    assert_eq!(library.forget(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.enable(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.restore(id, 1).unwrap_err().kind(), ErrorKind::NotFound);
    while let Some(undone) = library.undo().unwrap() {
        assert!(!undone.facts.contains(&id));
    }
    assert_eq!(library.get(id).unwrap().state, FactState::Forgotten);
    assert_eq!(library.history(Some(id), 1).unwrap()[0].op, "forget");
}

#[test]
fn a_fact_that_was_undone_can_be_forgotten_too() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let id = library.add(secret_record()).unwrap().id;
    library.undo().unwrap();
    assert_eq!(library.get(id).unwrap_err().kind(), ErrorKind::NotFound);
    library.forget(id).unwrap();
    assert_eq!(present(folder.path()), Vec::<String>::new());
    assert!(library.redo().unwrap().is_none());
}

#[test]
fn readers_in_other_connections_lose_it_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (library, id) = with_traces(folder.path(), 3);
    library.enable(id).unwrap();
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    assert_eq!(reader.search(Modality::Image, &unit(7_001), 1).unwrap()[0].fact, id);
    library.forget(id).unwrap();
    assert_ne!(reader.search(Modality::Image, &unit(7_001), 1).unwrap()[0].fact, id);
    assert_eq!(present(folder.path()), Vec::<String>::new());
}
