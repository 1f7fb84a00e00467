//! The body of a generation file: pages of 4 KiB, each with a checksum that the head of the file holds.
//!
//! Every byte of the body goes through [`Pages::read`], which gives out nothing whose checksum is wrong. The file is
//! read at positions, never mapped, so the worst that its truncation or a failing medium can do is an error here.

use std::fs::File;
use std::io;

use super::format::{Damage, PAGE_LEN};
use super::seal::{FileSeal, PRELUDE_LEN, SealKey};
use super::table::LoadError;

/// Sealed pages that are read at a time.
const RUN: usize = 64;

/// A generation file as the pages of the plain format, whatever seals them.
pub(super) struct PageFile {
    file: Positioned,
    seal: Option<FileSeal>,
    /// Bytes of the plain file.
    len: u64,
}

impl PageFile {
    /// With a key only a sealed file is taken, without one only a plain one.
    pub(super) fn open(mut file: File, key: Option<&SealKey>) -> Result<Self, LoadError> {
        let stored = file.metadata()?.len();
        let seal = key.map(|key| FileSeal::open(key, &mut file)).transpose()?;
        let (before, page) = if seal.is_some() { (PRELUDE_LEN, FileSeal::PAGE_LEN) } else { (0, PAGE_LEN) };
        let pages = stored.checked_sub(before as u64).filter(|len| *len > 0 && len % page as u64 == 0);
        let pages = pages.ok_or_else(|| Damage(format!("{stored} bytes are not whole pages")))? / page as u64;
        Ok(Self { file: Positioned::new(file), seal, len: pages * PAGE_LEN as u64 })
    }

    /// Bytes of the plain file, whole pages and at least one.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Reads consecutive pages of the plain file, as many as `into` is long. After an error `into` holds anything.
    pub(super) fn read(&self, first: usize, into: &mut [u8]) -> Result<(), LoadError> {
        let Some(seal) = &self.seal else {
            return Ok(self.file.read((first * PAGE_LEN) as u64, into)?);
        };
        let (mut number, pages) = (first, into.as_chunks_mut::<PAGE_LEN>().0);
        let mut sealed = vec![0; pages.len().min(RUN) * FileSeal::PAGE_LEN];
        for run in pages.chunks_mut(RUN) {
            let sealed = &mut sealed[..run.len() * FileSeal::PAGE_LEN];
            self.file.read((PRELUDE_LEN + number * FileSeal::PAGE_LEN) as u64, sealed)?;
            for (page, sealed) in run.iter_mut().zip(sealed.chunks_exact(FileSeal::PAGE_LEN)) {
                seal.unseal(number as u64, sealed, page)?;
                number += 1;
            }
        }
        Ok(())
    }
}

/// An open generation file behind its head.
pub(super) struct Pages {
    file: PageFile,
    /// The file's page in which the body begins.
    start: usize,
    /// CRC-32 of each page.
    checks: Vec<u32>,
}

impl Pages {
    pub(super) const fn new(file: PageFile, start: usize, checks: Vec<u32>) -> Self {
        Self { file, start, checks }
    }

    /// Bytes that the checksums occupy in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.checks.capacity() * size_of::<u32>()
    }

    /// Reads consecutive pages, as many as `into` is long, and verifies them. After an error `into` holds anything.
    ///
    /// # Panics
    /// When `into` is not a whole number of pages, or the file has no such pages.
    pub(super) fn read(&self, first: usize, into: &mut [u8]) -> Result<(), LoadError> {
        let (pages, rest) = into.as_chunks::<PAGE_LEN>();
        assert!(rest.is_empty(), "whole pages are read");
        let checks = first..first + pages.len();
        self.file.read(self.start + first, into)?;
        for (page, check) in into.as_chunks::<PAGE_LEN>().0.iter().zip(&self.checks[checks]) {
            if crc32fast::hash(page) != *check {
                return Err(Damage("checksum of a page is wrong".into()).into());
            }
        }
        Ok(())
    }
}

/// A file that is read at positions, by many threads at once where the system can.
#[cfg(any(unix, windows))]
struct Positioned(File);

#[cfg(unix)]
impl Positioned {
    fn new(file: File) -> Self {
        Self(file)
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, into, at)
    }
}

#[cfg(windows)]
impl Positioned {
    fn new(file: File) -> Self {
        Self(file)
    }

    fn read(&self, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&self.0, into, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => (at, into) = (at + n as u64, &mut into[n..]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(not(any(unix, windows)))]
struct Positioned(std::sync::Mutex<File>);

#[cfg(not(any(unix, windows)))]
impl Positioned {
    fn new(file: File) -> Self {
        Self(std::sync::Mutex::new(file))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(into)
    }
}
