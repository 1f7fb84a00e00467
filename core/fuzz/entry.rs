//! What the fuzz targets run on arbitrary bytes. `core/tests/fuzz.rs` runs the same over the committed corpus.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports")]
#![allow(dead_code, reason = "each target takes one of these")]

use std::cell::RefCell;
use std::fs::File;
use std::io::{Cursor, Seek, Write};

use crane_core::index::kernel::Kernel;
use crane_core::index::{Filter, HEADER_LEN, Index, Layout, PAGE_LEN};
use crane_core::library::pack::{ImportOptions, OnConflict, Pack};
use crane_core::library::{FactFilter, ImageKey, Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, ErrorKind, Fingerprint, NewFact, RawEmbedding};
use sha2::{Digest, Sha256};

/// What every library and every pack here is of.
pub(crate) const PRINT: Fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: 2 };
/// After how many inputs a library is thrown away: small enough to stay fast, large enough to see old content.
const INPUTS: u32 = 300;

/// An index file of arbitrary bytes is told to be damaged, or can be searched. The first byte says whether the checksums
/// are made right, without which nothing gets far.
pub(crate) fn index_open(data: &[u8]) {
    let Some((seal, bytes)) = data.split_first() else { return };
    let sealed = if seal % 2 == 0 { None } else { sealed_index(bytes) };
    let bytes = sealed.as_deref().unwrap_or(bytes);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    // The database would name the file by the digest of its header: let it always be named.
    let digest = bytes.get(..HEADER_LEN).map_or([0; 32], |header| Sha256::digest(header).into());
    if let Ok((index, _)) = Index::open(file, &digest, Kernel::best()) {
        for k in [1, 7] {
            index.search(&unit(k), k, &Filter::active_at(0)).ok();
        }
    }
}

/// A header and, right behind it, a body: put where they belong, filled up with zeroes, under the checksums that are right.
fn sealed_index(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, body) = bytes.split_at_checked(HEADER_LEN)?;
    let count = u64::from_le_bytes(header[24..32].try_into().unwrap());
    let layout = Layout::of(count).filter(|_| count <= 64)?;
    let mut file = header.to_vec();
    file.resize(layout.head_len, 0);
    file.extend(body);
    file.resize(usize::try_from(layout.file_len).unwrap(), 0);
    for page in 0..layout.pages {
        let from = layout.head_len + page * PAGE_LEN;
        let crc = crc32fast::hash(&file[from..from + PAGE_LEN]);
        file[HEADER_LEN + 4 * page..][..4].copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32fast::hash(&file[HEADER_LEN..layout.head_len]);
    file[96..100].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32fast::hash(&file[..252]);
    file[252..256].copy_from_slice(&crc.to_le_bytes());
    Some(file)
}

/// A pack of arbitrary records, well sealed, is refused, or imported wholly: under every policy, and twice.
pub(crate) fn pack_import(data: &[u8]) {
    let Some((counts, records)) = data.split_at_checked(2) else { return };
    let Ok(mut pack) = Pack::read(Cursor::new(sealed(counts[0], counts[1], records))) else { return };
    for on_conflict in [OnConflict::Skip, OnConflict::KeepBoth, OnConflict::Supersede] {
        with_library(|library| {
            let options = ImportOptions { on_conflict, ..ImportOptions::default() };
            let before = library.stat().unwrap();
            let preview = library.preview_import(&mut pack, &options, &mut |_, _| Ok(())).unwrap();
            let first = library.import(&mut pack, &options, &mut |_, _| Ok(())).unwrap();
            assert!(first.added.len() >= preview.new.len());
            let second = library.import(&mut pack, &options, &mut |_, _| Ok(())).unwrap();
            assert_eq!(second.change, None, "a second import finds everything");
            if first.change.is_some() {
                library.undo().unwrap().unwrap();
            }
            assert_eq!(library.stat().unwrap().active, before.active);
        });
    }
}

/// The header that this library takes, the records, and the digest that is right for them.
fn sealed(facts: u8, receipts: u8, records: &[u8]) -> Vec<u8> {
    let mut bytes = b"CRANEPAK\x01\0\0\0".to_vec();
    bytes.extend(PRINT.raw_dim.to_le_bytes());
    bytes.extend([PRINT.encoders, PRINT.head].concat());
    bytes.extend([3; 24]);
    bytes.extend(u32::from(facts).to_le_bytes());
    bytes.extend(u32::from(receipts).to_le_bytes());
    bytes.extend([0; 48]);
    bytes.extend(records);
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// Arbitrary words are stored and found as they are, or refused; no lookup breaks out of its quotes.
pub(crate) fn statement(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(4, '\n').map(str::to_owned);
    let statement = parts.next().unwrap_or_default();
    let (subject, target, words) = (parts.next(), parts.next(), parts.next());
    let fact = NewFact { statement: statement.clone(), subject, target, ..NewFact::default() };
    let key = TextKey { text: "A key.".into(), raw: RawEmbedding(vec![0.5; 2]), embedding: unit(1) };
    with_library(|library| {
        let refused = |error: &crane_core::Error| assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        for lookup in [Some(&statement), fact.subject.as_ref(), words.as_ref()].into_iter().flatten() {
            library.lookup(lookup, 5).map_err(|error| refused(&error)).ok();
        }
        let (subject, target) = (fact.subject.clone(), fact.target.clone());
        let added = match library.add(NewRecord { fact, texts: vec![key.clone()], images: Vec::new() }) {
            Ok(added) => added,
            Err(error) => return refused(&error),
        };
        let stored = library.get(added.id).unwrap();
        assert_eq!((&stored.statement, &stored.subject, &stored.target), (&statement, &subject, &target));
        let filter = FactFilter { subject, ..FactFilter::default() };
        assert!(library.list(&filter).unwrap().contains(&added));
        library.undo().unwrap().unwrap();
    });
}

/// A unit vector.
pub(crate) fn unit(axis: usize) -> Embedding {
    let mut values = [0.0; EMBEDDING_DIM];
    values[axis] = 1.0;
    Embedding(values)
}

/// A library that many inputs share, in memory where the system has a folder for that.
fn with_library(work: impl FnOnce(&Library)) {
    thread_local!(static SHARED: RefCell<Option<(Library, tempfile::TempDir, u32)>> = const { RefCell::new(None) });
    SHARED.with_borrow_mut(|shared| {
        let (library, folder, inputs) = shared.take().unwrap_or_else(|| {
            let memory = std::path::Path::new("/dev/shm");
            let parent = if File::open(memory).is_ok() { memory.to_owned() } else { std::env::temp_dir() };
            let folder = tempfile::tempdir_in(parent).unwrap();
            let library = Library::open(folder.path(), &PRINT).unwrap();
            library.add(in_the_way()).unwrap();
            (library, folder, 0)
        });
        work(&library);
        if inputs < INPUTS {
            *shared = Some((library, folder, inputs + 1));
        }
    });
}

/// A fact that others can collide with.
fn in_the_way() -> NewRecord {
    let (subject, target) = (Some("College".into()), Some("Cambridge".into()));
    let fact = NewFact { statement: "It stands in Cambridge.".into(), subject, target, ..NewFact::default() };
    let image = ImageKey { raw: RawEmbedding(vec![0.5; 2]), embedding: unit(0), thumbnail: None };
    NewRecord { fact, images: vec![image], texts: Vec::new() }
}
