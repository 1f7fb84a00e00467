//! A library with a key, through the objects. No model is loaded: its fact comes in a pack.
#![cfg(all(feature = "uniffi", feature = "encryption"))]
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crane_core::bundle::Bundle;
use crane_core::library::pack::ExportOptions;
use crane_core::library::{Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, ErrorKind, NewFact, RawEmbedding};
use crane_ffi::{Crane, CraneError, FactLibrary, ImportOptions, OpenOptions, generate_key};

const STATEMENT: &str = "Progeal was founded by Dufleath.";

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny")
}

/// A pack of one fact, with a vector that no model made.
fn pack(folder: &Path) -> String {
    let fingerprint = Bundle::open(&models()).unwrap().fingerprint();
    let library = Library::open(folder.join("plain"), &fingerprint).unwrap();
    let raw = RawEmbedding(vec![1.0; fingerprint.raw_dim as usize]);
    let embedding = Embedding(std::array::from_fn(|_| 1.0 / (EMBEDDING_DIM as f32).sqrt()));
    let texts = vec![TextKey { text: STATEMENT.into(), raw, embedding }];
    let fact = NewFact { statement: STATEMENT.into(), ..NewFact::default() };
    library.add(NewRecord { fact, images: Vec::new(), texts }).unwrap();
    let file = folder.join("facts.pack");
    library.export_file(&file, &ExportOptions::default(), &mut |_, _| Ok(())).unwrap();
    file.to_string_lossy().into_owned()
}

fn open(library: &Path, key: Option<&str>) -> Result<Arc<Crane>, CraneError> {
    Crane::open(OpenOptions {
        models: models().to_string_lossy().into_owned(),
        library: library.to_string_lossy().into_owned(),
        key: key.map(str::to_owned),
        read_only: false,
        keep_thumbnails: false,
        threads: None,
        gpu_layers: None,
        idle_unload_ms: None,
        embedding_cache_bytes: None,
        memory_budget: None,
        state: None,
    })
}

/// Whether any file of a library holds the statement as it stands.
fn is_readable(library: &Path) -> bool {
    let files = std::fs::read_dir(library).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(STATEMENT.len()).any(|words| words == STATEMENT.as_bytes()))
}

#[test]
fn facts_stay_with_whoever_has_the_key_of_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (file, library) = (pack(folder.path()), folder.path().join("library"));
    let keys = [generate_key().unwrap(), generate_key().unwrap()];
    let crane = open(&library, Some(&keys[0])).unwrap();
    let options = ImportOptions { trusted: Vec::new(), similarity: 0.95, on_conflict: None };
    let id = crane.import_pack(file, options, None).unwrap().added.remove(0);
    crane.shut_down().unwrap();
    assert!(!is_readable(&library));

    // One object goes through every key: it has the new one each time.
    let apart = FactLibrary::new(library.to_string_lossy().into_owned(), Some(keys[0].clone())).unwrap();
    for (new, old) in [(Some(&keys[1]), Some(&keys[0])), (None, Some(&keys[1])), (Some(&keys[0]), None)] {
        apart.set_key(new.cloned()).unwrap();
        assert_eq!((apart.is_encrypted().unwrap(), is_readable(&library)), (new.is_some(), new.is_none()));
        let refused = open(&library, old.map(String::as_str)).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::WrongKey);
        let report = apart.check(None).unwrap();
        assert!(report.facts == 1 && report.findings.is_empty());
        let crane = open(&library, new.map(String::as_str)).unwrap();
        assert_eq!(crane.fact(id.clone()).unwrap().statement, STATEMENT);
        assert_eq!(apart.set_key(Some(keys[1].clone())).unwrap_err().kind(), ErrorKind::LibraryLocked);
        crane.shut_down().unwrap();
    }

    let saved = folder.path().join("saved");
    apart.salvage(saved.to_string_lossy().into_owned(), None, None).unwrap();
    assert!(!is_readable(&saved), "what is salvaged has the same key");
    assert_eq!(open(&saved, None).err().unwrap().kind(), ErrorKind::WrongKey);
    assert_eq!(open(&saved, Some(&keys[0])).unwrap().fact(id).unwrap().statement, STATEMENT);
}
