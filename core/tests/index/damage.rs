//! A generation file that is not exactly what was written is refused, whatever was done to it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crane_core::index::kernel::Kernel;
use crane_core::index::{HEADER_LEN, Header, Index, Layout, LoadError, PAGE_LEN, WriteError};

use crate::support::{Numbers, identity, index_of, mixed_rows, now};

struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    header: Header,
}

fn written(count: usize) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of(&mixed_rows(&mut Numbers(20), count), Kernel::best());
    let header = index.write(folder.path(), "image.1.idx", &identity(1)).unwrap();
    let path = folder.path().join("image.1.idx");
    let bytes = fs::read(&path).unwrap();
    Written { _folder: folder, path, bytes, header }
}

fn open(path: &Path, header: &Header) -> Result<Index, LoadError> {
    Index::open(File::open(path).unwrap(), &header.digest(), Kernel::best()).map(|(index, _)| index)
}

/// Opens and looks at every byte.
fn read(path: &Path, header: &Header) -> Result<Index, LoadError> {
    open(path, header).and_then(|index| index.warm_up().map(|()| index))
}

/// Overwrites a byte of a file where it lies.
fn flip(path: &Path, at: u64, bits: u8) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut byte)).unwrap();
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&[byte[0] ^ bits])).unwrap();
}

#[test]
fn the_file_has_the_documented_length_and_no_other_files_remain() {
    let w = written(3);
    // A head of one page, 3 x 48 bytes of entries, 4,224 of a coarse block, 3 x 512 of rows.
    assert_eq!(w.bytes.len(), (1 + 1 + 2 + 1) * PAGE_LEN);
    let layout = Layout::of(100_000).unwrap();
    let pages = (100_000_u64 * 48).div_ceil(4096) + (3_125_u64 * 4224).div_ceil(4096) + 12_500;
    assert_eq!(layout.file_len, (256 + 4 * pages).next_multiple_of(4096) + 4096 * pages);
    assert_eq!(&w.bytes[..8], b"CRANEIDX");
    assert_eq!(fs::read_dir(w.path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(read(&w.path, &w.header).unwrap().len(), 3);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let w = written(2);
    for at in 0..w.bytes.len() as u64 {
        // All bits of the header, one of every other byte.
        let bits = if at < HEADER_LEN as u64 { 0..8 } else { at as u32 % 8..at as u32 % 8 + 1 };
        for bit in bits {
            flip(&w.path, at, 1 << bit);
            assert!(read(&w.path, &w.header).is_err(), "bit {bit} of byte {at} was not noticed");
            flip(&w.path, at, 1 << bit);
        }
    }
    assert!(read(&w.path, &w.header).is_ok(), "all is as it was");
}

#[test]
fn every_truncation_and_any_extension_is_noticed() {
    let w = written(2);
    for len in (0..w.bytes.len()).rev().step_by(13).chain(0..300) {
        File::options().write(true).open(&w.path).unwrap().set_len(len as u64).unwrap();
        assert!(read(&w.path, &w.header).is_err(), "{len} bytes were believed");
    }
    for extra in [1, 64, 512, 576] {
        let mut bytes = w.bytes.clone();
        bytes.resize(bytes.len() + extra, 0);
        fs::write(&w.path, &bytes).unwrap();
        assert!(read(&w.path, &w.header).is_err(), "{extra} bytes more were believed");
    }
}

#[test]
fn a_header_that_promises_more_than_memory_is_refused_before_any_arithmetic() {
    let w = written(1);
    for count in [u64::MAX, u64::MAX / 576, 1 << 60, 32_000_000_000_000_000] {
        let lying = Header { count, ..w.header };
        assert!(Header::decode(&lying.encode(), w.bytes.len() as u64).is_err());
        let mut bytes = w.bytes.clone();
        bytes[..HEADER_LEN].copy_from_slice(&lying.encode());
        fs::write(&w.path, &bytes).unwrap();
        assert!(read(&w.path, &lying).is_err());
        assert!(Layout::of(count).is_none());
    }
}

#[test]
fn a_sound_file_that_the_database_does_not_name_is_refused() {
    let w = written(1);
    for other in [
        Header { generation: 2, ..w.header },
        Header { fingerprint: [9; 32], ..w.header },
        Header { library: [9; 16], ..w.header },
        Header { change: 8, ..w.header },
    ] {
        assert!(matches!(read(&w.path, &other), Err(LoadError::Damaged(_))));
    }
}

#[test]
fn rows_are_read_when_they_are_looked_at_and_once() {
    let w = written(3000);
    let index = open(&w.path, &w.header).unwrap();
    let query = Numbers(21).unit();
    let opened = index.memory_bytes();
    let first = index.search(&query, 5, &now()).unwrap();
    let searched = index.memory_bytes();
    assert!(searched >= opened + PAGE_LEN && searched < opened + 375 * PAGE_LEN, "{opened}, then {searched}");
    index.warm_up().unwrap();
    assert_eq!(index.memory_bytes(), opened + 375 * PAGE_LEN);
    File::options().write(true).open(&w.path).unwrap().set_len(0).unwrap();
    assert_eq!(index.search(&query, 5, &now()).unwrap(), first, "all rows are in memory");
    index.warm_up().unwrap();
}

/// With a map this would be SIGBUS.
#[test]
fn truncating_the_file_under_an_open_index_is_an_error() {
    let w = written(3000);
    let index = open(&w.path, &w.header).unwrap();
    let query = Numbers(21).unit();
    let before = index.search(&query, 5, &now()).unwrap();
    File::options().write(true).open(&w.path).unwrap().set_len(PAGE_LEN as u64).unwrap();
    assert_eq!(index.search(&query, 5, &now()).unwrap(), before, "these rows were looked at before");
    assert!(matches!(index.search(&query, 3000, &now()), Err(LoadError::Io(_))));
    assert!(index.warm_up().is_err());
    let folder = tempfile::tempdir().unwrap();
    let written = index.write(folder.path(), "image.2.idx", &identity(2));
    assert!(matches!(written, Err(WriteError::Source(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn a_row_that_rots_under_an_open_index_is_an_error_until_it_is_mended() {
    let w = written(300);
    let index = open(&w.path, &w.header).unwrap();
    let query = Numbers(21).unit();
    let at = w.bytes.len() as u64 - PAGE_LEN as u64 - 7;
    flip(&w.path, at, 16);
    assert!(matches!(index.search(&query, 300, &now()), Err(LoadError::Damaged(_))));
    assert!(index.warm_up().is_err());
    flip(&w.path, at, 16);
    let hits = index.search(&query, 300, &now()).unwrap();
    assert_eq!(hits, read(&w.path, &w.header).unwrap().search_all(&query, 300, &now()).unwrap());
}

#[test]
fn threads_may_look_at_the_same_rows_first() {
    let w = written(2000);
    let want = read(&w.path, &w.header).unwrap();
    let index = open(&w.path, &w.header).unwrap();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (index, want) = (&index, &want);
            scope.spawn(move || {
                for query in (0..12).map(|n| Numbers(100 * seed + n).unit()) {
                    let k = if query.0[0] > 0.0 { 5 } else { 500 };
                    assert_eq!(index.search(&query, k, &now()).unwrap(), want.search_all(&query, k, &now()).unwrap());
                }
            });
        }
        scope.spawn(|| index.warm_up().unwrap());
    });
}

#[test]
fn a_generation_is_written_from_one_that_stays_in_its_file() {
    let w = written(300);
    let index = open(&w.path, &w.header).unwrap();
    let before = index.memory_bytes();
    let folder = tempfile::tempdir().unwrap();
    let header = index.write(folder.path(), "image.1.idx", &identity(1)).unwrap();
    assert_eq!(index.memory_bytes(), before, "what is copied is not kept");
    assert_eq!(header, w.header);
    assert!(fs::read(folder.path().join("image.1.idx")).unwrap() == w.bytes);
}

#[test]
fn another_version_is_refused_before_anything_else_is_believed() {
    let w = written(1);
    for version in [0_u32, 1, 3, u32::MAX] {
        let mut bytes: [u8; HEADER_LEN] = w.header.encode();
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
        bytes[HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        let refused = Header::decode(&bytes, w.bytes.len() as u64).unwrap_err();
        assert_eq!(refused.to_string(), format!("version is {version}, not 2"));
    }
}

#[test]
fn a_folder_that_is_gone_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of(&mixed_rows(&mut Numbers(22), 3), Kernel::best());
    let missing = folder.path().join("missing");
    assert!(index.write(&missing, "image.1.idx", &identity(1)).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The committed file of format version 2 must open for ever.
#[test]
fn the_golden_file_opens() {
    let bytes = include_bytes!("../golden/index/image.1.idx");
    let w = written(3);
    if let Ok(path) = std::env::var("CRANE_WRITE_GOLDEN_INDEX") {
        fs::write(path, &w.bytes).unwrap();
        return;
    }
    assert!(bytes.as_slice() == w.bytes, "format 2 must be written as ever");
    fs::write(&w.path, bytes).unwrap();
    assert_eq!(read(&w.path, &w.header).unwrap().len(), 3);
}
