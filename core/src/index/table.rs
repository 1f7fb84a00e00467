//! The index: a generation behind its file, and the rows added since.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::base::Base;
use super::coarse::{Block, Encoder};
use super::format::{Damage, Header, ROW_LEN};
use super::kernel::{CoarseKernel, Kernel};
use super::row::{Entry, Row};
use super::seal::SealKey;
use crate::types::KeyId;

/// The rows of one modality.
pub struct Index {
    pub(super) kernel: Kernel,
    pub(super) coarse_kernel: CoarseKernel,
    /// Of the generation, ascending by key, then of the tail in the order of adding.
    pub(super) entries: Vec<Entry>,
    pub(super) base: Option<Base>,
    pub(super) tail: Tail,
}

/// Rows added since the generation was written, coded like those in it.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) rows: Vec<Row>,
    pub(super) codes: Encoder,
    slots: HashMap<KeyId, usize>,
}

/// Why a generation file could not be taken, or not be read any further.
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
        let (coarse_kernel, entries) = (CoarseKernel::best(), Vec::new());
        Self { kernel, coarse_kernel, entries, base: None, tail: Tail::default() }
    }

    /// Opens a generation whose header has this digest: header, entries and coarse codes are read and verified, rows
    /// when a search first looks at them.
    pub fn open(file: File, digest: &[u8; 32], kernel: Kernel) -> Result<(Self, Header), LoadError> {
        Self::open_sealed(file, digest, kernel, None)
    }

    /// The same for a file that is sealed with this key, or with none.
    pub fn open_sealed(
        file: File,
        digest: &[u8; 32],
        kernel: Kernel,
        key: Option<&SealKey>,
    ) -> Result<(Self, Header), LoadError> {
        Self::open_base(file, Some(digest), kernel, key)
    }

    /// Opens a generation whatever its digest: what it holds agrees with its own checksums, and with nothing else.
    pub(crate) fn open_unnamed(file: File, kernel: Kernel, key: Option<&SealKey>) -> Result<(Self, Header), LoadError> {
        Self::open_base(file, None, kernel, key)
    }

    fn open_base(
        file: File,
        digest: Option<&[u8; 32]>,
        kernel: Kernel,
        key: Option<&SealKey>,
    ) -> Result<(Self, Header), LoadError> {
        let (header, entries, base) = Base::open(file, digest, key)?;
        Ok((Self { entries, base, ..Self::new(kernel) }, header))
    }

    /// The same index with another way to scan codes.
    #[must_use]
    pub fn with_coarse_kernel(mut self, kernel: CoarseKernel) -> Self {
        self.coarse_kernel = kernel;
        self
    }

    /// Reads every row that is still in the file alone, so that no search has to.
    pub fn warm_up(&self) -> Result<(), LoadError> {
        self.base.as_ref().map_or(Ok(()), |base| base.rows.warm_up())
    }

    /// All rows, in whatever state.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Rows added since the generation was written.
    pub fn tail_len(&self) -> usize {
        self.tail.rows.len()
    }

    /// Bytes that entries, codes and the rows read so far occupy.
    pub fn memory_bytes(&self) -> usize {
        self.base.as_ref().map_or(0, Base::memory_bytes)
            + self.tail.codes.memory_bytes()
            + self.tail.rows.capacity() * ROW_LEN
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// What is known of every key.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The row of a key.
    pub(crate) fn row_of(&self, key: KeyId) -> Result<Option<&[u8; ROW_LEN]>, LoadError> {
        self.slot(key).map(|slot| self.row(slot)).transpose()
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
        self.tail.slots.insert(entry.key, self.entries.len());
        self.entries.push(entry);
        self.tail.rows.push(*row);
        self.tail.codes.push(row);
    }

    /// Where a key's row lies.
    fn slot(&self, key: KeyId) -> Option<usize> {
        let base = &self.entries[..self.base_len()];
        base.binary_search_by_key(&key, |entry| entry.key).ok().or_else(|| self.tail.slots.get(&key).copied())
    }

    /// Rows of the generation.
    pub(super) fn base_len(&self) -> usize {
        self.entries.len() - self.tail.rows.len()
    }

    /// The row in a slot.
    #[inline]
    pub(super) fn row(&self, slot: usize) -> Result<&[u8; ROW_LEN], LoadError> {
        match &self.base {
            Some(base) if slot < base.rows.count() => base.rows.row(slot),
            _ => Ok(&self.tail.rows[slot - self.base_len()].0),
        }
    }

    /// Where the row in a slot is or will be.
    #[inline]
    pub(super) fn row_address(&self, slot: usize) -> *const u8 {
        match &self.base {
            Some(base) if slot < base.rows.count() => base.rows.address(slot),
            _ => self.tail.rows[slot - self.base_len()].0.as_ptr(),
        }
    }

    /// The codes of the generation and of the tail, each with the slot of its first row.
    pub(super) fn coded(&self) -> [(usize, &[Block]); 2] {
        let base = self.base.as_ref().map_or(&[][..], Base::blocks);
        [(0, base), (self.base_len(), self.tail.codes.blocks())]
    }

    /// No row, and no row's code, is longer.
    pub(super) fn reach(&self) -> f32 {
        self.base.as_ref().map_or(0.0, |base| base.reach).max(self.tail.codes.reach())
    }
}
