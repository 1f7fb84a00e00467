//! The part of an index that comes from a generation file: codes in memory, rows in the file until they are needed.

use std::fs::File;

use super::coarse::{BLOCK_LEN, BLOCK_ROWS, Block};
use super::format::{CHECK_LEN, Damage, ENTRY_LEN, HEADER_LEN, Header, Layout, PAGE_LEN, decode_entry};
use super::memory::Memory;
use super::pages::{PageFile, Pages};
use super::row::Entry;
use super::rows::Rows;
use super::seal::SealKey;
use super::table::LoadError;

/// An open generation.
pub(super) struct Base {
    coarse: Memory,
    /// No row, and no row's code, is longer.
    pub(super) reach: f32,
    pub(super) rows: Rows,
}

impl Base {
    /// Reads header, entries and coarse codes of the generation whose header has this digest, or any; the rows stay in
    /// the file. A generation without rows has no base.
    pub(super) fn open(
        file: File,
        digest: Option<&[u8; 32]>,
        key: Option<&SealKey>,
    ) -> Result<(Header, Vec<Entry>, Option<Self>), LoadError> {
        let file = PageFile::open(file, key)?;
        let mut page = [0; PAGE_LEN];
        file.read(0, &mut page)?;
        let header = Header::decode(page.first_chunk().expect("shorter than a page"), file.len())?;
        if digest.is_some_and(|digest| header.digest() != *digest) {
            return Err(Damage("the database names another file".into()).into());
        }
        let layout = Layout::of(header.count).ok_or_else(|| Damage("too many rows for this machine".into()))?;
        let checks = read_checks(&file, &header, &layout)?;
        // The header was checked against the file's length: all of it exists, and `count` fits.
        let (count, pages) = (header.count as usize, Pages::new(file, layout.head_len / PAGE_LEN, checks));
        if count == 0 {
            return Ok((header, Vec::new(), None));
        }
        let entries = read_entries(&pages, &layout, count)?;
        let mut coarse = Memory::zeroed((layout.rows - layout.coarse) * PAGE_LEN)?;
        pages.read(layout.coarse, coarse.bytes_mut())?;
        let rows = Rows::new(pages, layout.rows, count)?;
        Ok((header, entries, Some(Self { coarse, reach: f32::from_bits(header.reach), rows })))
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.coarse.bytes().as_chunks::<BLOCK_LEN>().0[..self.rows.count().div_ceil(BLOCK_ROWS)]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.coarse.bytes().len() + self.rows.memory_bytes()
    }
}

/// The rest of the head: a checksum for each page, then zeros.
fn read_checks(file: &PageFile, header: &Header, layout: &Layout) -> Result<Vec<u32>, LoadError> {
    let mut head = vec![0; layout.head_len];
    file.read(0, &mut head)?;
    let bytes = &head[HEADER_LEN..];
    if crc32fast::hash(bytes) != header.checks_crc {
        return Err(Damage("checksum of the checksums is wrong".into()).into());
    }
    let checks = bytes.as_chunks::<CHECK_LEN>().0[..layout.pages].iter();
    Ok(checks.map(|check| u32::from_le_bytes(*check)).collect())
}

fn read_entries(pages: &Pages, layout: &Layout, count: usize) -> Result<Vec<Entry>, LoadError> {
    let mut bytes = vec![0; layout.coarse * PAGE_LEN];
    pages.read(0, &mut bytes)?;
    let entries = bytes.as_chunks::<ENTRY_LEN>().0[..count].iter();
    let entries = entries.map(decode_entry).collect::<Result<Vec<_>, _>>()?;
    if entries.is_sorted_by(|a, b| a.key < b.key) {
        return Ok(entries);
    }
    Err(Damage("keys are not ascending".into()).into())
}
