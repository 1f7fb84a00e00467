//! The index in memory: a generation read from its file, and behind it the rows added since.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use super::coarse::coarse_len;
use super::format::{Damage, ENTRY_LEN, HEADER_LEN, Header, ROW_LEN, decode_entry};
use super::kernel::{CoarseKernel, Kernel};
use super::memory::Memory;
use super::row::{Entry, Row};
use crate::types::KeyId;

/// The rows of one modality.
pub struct Index {
    pub(super) kernel: Kernel,
    /// Of the generation, ascending by key, then of the tail in the order of adding.
    pub(super) entries: Vec<Entry>,
    /// The generation's rows.
    pub(super) base: Memory,
    /// Their coarse codes.
    pub(super) coarse: Memory,
    /// No row of the generation, and no code, is longer.
    pub(super) reach: f32,
    pub(super) coarse_kernel: CoarseKernel,
    /// The tail's rows.
    pub(super) tail: Vec<Row>,
    tail_slots: HashMap<KeyId, usize>,
}

/// Why a generation file could not be taken.
#[derive(Debug)]
pub enum LoadError {
    /// It could not be read.
    Io(io::Error),
    /// It was read and is not what was asked for.
    Damaged(Damage),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "index file cannot be read: {error}"),
            Self::Damaged(damage) => write!(f, "index file is damaged: {damage}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Damage> for LoadError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl Index {
    /// An index without rows.
    pub fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            entries: Vec::new(),
            base: Memory::empty(),
            coarse: Memory::empty(),
            reach: 0.0,
            coarse_kernel: CoarseKernel::best(),
            tail: Vec::new(),
            tail_slots: HashMap::new(),
        }
    }

    /// Reads a generation whose header has this digest. Every checksum is verified before a row counts.
    pub fn read(file: &mut File, digest: &[u8; 32], kernel: Kernel) -> Result<(Self, Header), LoadError> {
        let len = file.metadata()?.len();
        let mut bytes = [0; HEADER_LEN];
        file.read_exact(&mut bytes)?;
        let header = Header::decode(&bytes, len)?;
        if header.digest() != *digest {
            return Err(Damage("the database names another file".into()).into());
        }
        // The file is at least this long, so both lengths fit.
        let count = usize::try_from(header.count).map_err(|_| Damage("too many rows for this machine".into()))?;
        let (entries, crcs) = read_entries(file, count, header.entries_crc)?;
        let coarse = read_coarse(file, count, header.coarse_crc)?;
        let base = read_rows(file, &crcs)?;
        let reach = f32::from_bits(header.reach);
        Ok((Self { entries, base, coarse, reach, ..Self::new(kernel) }, header))
    }

    /// The same index with another way to scan codes.
    #[must_use]
    pub fn with_coarse_kernel(mut self, kernel: CoarseKernel) -> Self {
        self.coarse_kernel = kernel;
        self
    }

    /// All rows, in whatever state.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Rows added since the generation was read.
    pub fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// Bytes that the rows and entries occupy.
    pub fn memory_bytes(&self) -> usize {
        self.base.bytes().len()
            + self.coarse.bytes().len()
            + self.tail.capacity() * ROW_LEN
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// What is known of a key.
    pub fn entry(&self, key: KeyId) -> Option<&Entry> {
        self.slot(key).map(|slot| &self.entries[slot])
    }

    /// Updates what is known of a key whose row is here already. False: it isn't.
    pub fn update(&mut self, entry: Entry) -> bool {
        let Some(slot) = self.slot(entry.key) else { return false };
        self.entries[slot] = entry;
        true
    }

    /// Adds a row, or updates its entry when the key is here already: the vector of a key never changes.
    pub fn push(&mut self, entry: Entry, row: &Row) {
        if self.update(entry) {
            return;
        }
        self.tail_slots.insert(entry.key, self.entries.len());
        self.entries.push(entry);
        self.tail.push(*row);
    }

    /// Where a key's row lies.
    pub(super) fn slot(&self, key: KeyId) -> Option<usize> {
        let base = &self.entries[..self.base_len()];
        base.binary_search_by_key(&key, |entry| entry.key).ok().or_else(|| self.tail_slots.get(&key).copied())
    }

    /// Rows of the generation.
    pub(super) fn base_len(&self) -> usize {
        self.entries.len() - self.tail.len()
    }

    /// The row in a slot.
    pub(super) fn row(&self, slot: usize) -> &[u8; ROW_LEN] {
        match slot.checked_sub(self.base_len()) {
            Some(at) => &self.tail[at].0,
            None => &self.base.bytes().as_chunks().0[slot],
        }
    }
}

fn read_entries(file: &mut File, count: usize, crc: u32) -> Result<(Vec<Entry>, Vec<u32>), LoadError> {
    let mut bytes = vec![0; count * ENTRY_LEN];
    file.read_exact(&mut bytes)?;
    if crc32fast::hash(&bytes) != crc {
        return Err(Damage("checksum of the entries is wrong".into()).into());
    }
    let (mut entries, mut crcs) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for bytes in bytes.as_chunks::<ENTRY_LEN>().0 {
        let (entry, crc) = decode_entry(bytes)?;
        entries.push(entry);
        crcs.push(crc);
    }
    if !entries.is_sorted_by(|a, b| a.key < b.key) {
        return Err(Damage("keys are not ascending".into()).into());
    }
    Ok((entries, crcs))
}

fn read_coarse(file: &mut File, count: usize, crc: u32) -> Result<Memory, LoadError> {
    let mut memory = Memory::zeroed(coarse_len(count))?;
    file.read_exact(memory.bytes_mut())?;
    if crc32fast::hash(memory.bytes()) != crc {
        return Err(Damage("checksum of the coarse codes is wrong".into()).into());
    }
    Ok(memory)
}

fn read_rows(file: &mut File, crcs: &[u32]) -> Result<Memory, LoadError> {
    let mut memory = Memory::zeroed(crcs.len() * ROW_LEN)?;
    file.read_exact(memory.bytes_mut())?;
    for (row, crc) in memory.bytes().chunks_exact(ROW_LEN).zip(crcs) {
        if crc32fast::hash(row) != *crc {
            return Err(Damage("checksum of a row is wrong".into()).into());
        }
    }
    Ok(memory)
}
