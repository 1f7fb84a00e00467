//! The fuzz targets over their committed corpus; `core/fuzz/README.md` tells how to run them on more.
#![allow(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is the report")]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

use crane_core::index::kernel::Kernel;
use crane_core::index::{Entry, HEADER_LEN, Identity, Index, Layout, Row};
use crane_core::library::pack::ExportOptions;
use crane_core::library::{Amendment, ImageKey, Library, NewRecord, TextKey};
use crane_core::{FactId, FactState, KeyId, Modality, NewFact, RawEmbedding};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn over_corpus(target: &str, entry: fn(&[u8])) {
    let mut inputs = 0;
    for file in fs::read_dir(corpus(target)).unwrap() {
        entry(&fs::read(file.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 2, "the corpus of {target} is part of the repository");
}

#[test]
fn index_open() {
    over_corpus("index_open", entry::index_open);
}

#[test]
fn pack_import() {
    over_corpus("pack_import", entry::pack_import);
}

#[test]
fn statement() {
    over_corpus("statement", entry::statement);
}

#[test]
#[ignore = "writes the seeds of the corpus anew, for when a format has changed"]
fn seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(name), bytes).unwrap();
    };
    let file = index_file(3);
    let body = Layout::of(3).unwrap().head_len;
    write("index_open", "seed-file", &[&[0], &file[..]].concat());
    write("index_open", "seed-sealed", &[&[1], &file[..HEADER_LEN], &file[body..]].concat());
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path(), &entry::PRINT).unwrap();
    write("pack_import", "seed-empty", &records(&library));
    let first = library.add(record("It stands in Oxford.", "Oxford", 0)).unwrap().id;
    write("pack_import", "seed-one", &records(&library));
    let fact = NewFact { statement: "It stands in Bath.".into(), ..NewFact::default() };
    library.edit(first, &Amendment { fact, ..Amendment::default() }).unwrap();
    let second = library.add(record("Gone.", "Nowhere", 1)).unwrap().id;
    library.supersede(first, &record("It stands in Ely.", "Ely", 2)).unwrap();
    library.forget(second).unwrap();
    write("pack_import", "seed-lived", &records(&library));
    for (at, words) in
        ["The café\nCollege\nOxford\ncaf", "\"*\nNEAR(\n-\nAND \"", "\u{1F5FC}", "a\0b"].iter().enumerate()
    {
        write("statement", &format!("seed-{at}"), words.as_bytes());
    }
}

fn record(statement: &str, target: &str, axis: usize) -> NewRecord {
    let (subject, target) = (Some("College".into()), Some(target.into()));
    let fact = NewFact { statement: statement.into(), subject, target, ..NewFact::default() };
    let (raw, embedding) = (RawEmbedding(vec![0.5; 2]), entry::unit(axis));
    let thumbnail = Some(vec![0xFF, 0xD8, 0xFF, 0xD9]);
    let texts = vec![TextKey { text: statement.into(), raw: raw.clone(), embedding: embedding.clone() }];
    NewRecord { fact, images: vec![ImageKey { raw, embedding, thumbnail }], texts }
}

/// The input that stands for what this library exports.
fn records(library: &Library) -> Vec<u8> {
    let (pack, report) = library.export(Vec::new(), &ExportOptions::default(), &mut |_, _| Ok(())).unwrap();
    let counts = [u8::try_from(report.facts).unwrap(), u8::try_from(report.receipts).unwrap()];
    [&counts[..], &pack[160..pack.len() - 32]].concat()
}

fn index_file(rows: usize) -> Vec<u8> {
    let mut index = Index::new(Kernel::best());
    for n in 0..rows {
        let fact = FactId(uuid::Uuid::from_u128(n as u128));
        let (state, valid_from, valid_until) = (FactState::Active, i64::MIN, i64::MAX);
        let entry = Entry { key: KeyId(n as i64), fact, state, valid_from, valid_until };
        index.push(entry, &Row::from_embedding(&entry::unit(n)));
    }
    let identity =
        Identity { modality: Modality::Image, generation: 1, change: 1, fingerprint: [0; 32], library: [0; 16] };
    let folder = tempfile::tempdir().unwrap();
    index.write(folder.path(), "image.1.idx", &identity).unwrap();
    fs::read(folder.path().join("image.1.idx")).unwrap()
}
