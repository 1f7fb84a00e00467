//! A generation file that is not exactly what was written is refused, whatever was done to it.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crane_core::index::kernel::Kernel;
use crane_core::index::{ENTRY_LEN, HEADER_LEN, Header, Index, LoadError, ROW_LEN, coarse_len};

use crate::support::{Numbers, identity, index_of, mixed_rows};

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

fn read(path: &Path, header: &Header) -> Result<Index, LoadError> {
    Index::read(&mut File::open(path).unwrap(), &header.digest(), Kernel::best()).map(|(index, _)| index)
}

#[test]
fn the_file_has_the_documented_length_and_no_other_files_remain() {
    let w = written(3);
    assert_eq!(w.bytes.len(), HEADER_LEN + 3 * (ENTRY_LEN + ROW_LEN) + coarse_len(3));
    assert_eq!(&w.bytes[..8], b"CRANEIDX");
    assert_eq!(fs::read_dir(w.path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(read(&w.path, &w.header).unwrap().len(), 3);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let w = written(2);
    let mut file = File::options().write(true).open(&w.path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.write_all(&[byte])).unwrap();
    };
    for (at, byte) in w.bytes.iter().enumerate() {
        for bit in 0..8 {
            put(at, byte ^ (1 << bit));
            assert!(read(&w.path, &w.header).is_err(), "bit {bit} of byte {at} was not noticed");
        }
        put(at, *byte);
    }
    assert!(read(&w.path, &w.header).is_ok(), "all is as it was");
}

#[test]
fn every_truncation_and_any_extension_is_noticed() {
    let w = written(2);
    for len in (0..w.bytes.len()).rev() {
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
fn truncating_the_file_under_an_open_index_harms_nothing() {
    let w = written(300);
    let index = read(&w.path, &w.header).unwrap();
    let query = Numbers(21).unit();
    let before = index.search(&query, 5, &crate::support::now());
    File::options().write(true).open(&w.path).unwrap().set_len(0).unwrap();
    assert_eq!(index.search(&query, 5, &crate::support::now()), before);
}

#[test]
fn a_folder_that_is_gone_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of(&mixed_rows(&mut Numbers(22), 3), Kernel::best());
    let missing = folder.path().join("missing");
    assert!(index.write(&missing, "image.1.idx", &identity(1)).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The committed file of format version 1 must open for ever.
#[test]
fn the_golden_file_opens() {
    let bytes = include_bytes!("../golden/index/image.1.idx");
    let w = written(3);
    if let Ok(path) = std::env::var("CRANE_WRITE_GOLDEN_INDEX") {
        fs::write(path, &w.bytes).unwrap();
        return;
    }
    assert!(bytes.as_slice() == w.bytes, "format 1 must be written as ever");
    fs::write(&w.path, bytes).unwrap();
    assert_eq!(read(&w.path, &w.header).unwrap().len(), 3);
}
