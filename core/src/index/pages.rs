//! The body of a generation file: pages of 4 KiB, each with a checksum that the head of the file holds.
//!
//! Every byte of the body goes through [`Pages::read`], which gives out nothing whose checksum is wrong. The file is
//! read at positions, never mapped, so the worst that its truncation or a failing medium can do is an error here.

use std::fs::File;
use std::io;

use super::format::{Damage, PAGE_LEN};
use super::table::LoadError;

/// An open generation file behind its head.
pub(super) struct Pages {
    file: Positioned,
    /// Where the first page lies in the file.
    start: u64,
    /// CRC-32 of each page.
    checks: Vec<u32>,
}

impl Pages {
    pub(super) fn new(file: File, start: u64, checks: Vec<u32>) -> Self {
        Self { file: Positioned::new(file), start, checks }
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
        self.file.read(self.start + (first * PAGE_LEN) as u64, into)?;
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
