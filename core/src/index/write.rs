//! Writing a generation: a temporary file, synced, renamed into place, and the folder synced. Files never change after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use super::coarse::{BLOCK_ROWS, Encoder};
use super::format::{HEADER_LEN, Header, Layout, PAGE_LEN, encode_entry};
use super::rows::Spare;
use super::seal::{FileSeal, PRELUDE_LEN, SealKey};
use super::table::{Index, LoadError};
use crate::types::{FactState, Modality};

/// What a new generation says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Which index it is.
    pub modality: Modality,
    /// Its number, larger than every one before.
    pub generation: u64,
    /// The last change of the history that it holds.
    pub change: u64,
    /// Digest of the fingerprint.
    pub fingerprint: [u8; 32],
    /// Identity of the library.
    pub library: [u8; 16],
}

/// Why a generation could not be written.
#[derive(Debug)]
pub enum WriteError {
    /// A row could not be read from the generation before.
    Source(LoadError),
    /// The new file could not be written.
    Io(io::Error),
}

impl From<LoadError> for WriteError {
    fn from(error: LoadError) -> Self {
        Self::Source(error)
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) | WriteError::Source(LoadError::Io(error)) => error,
            WriteError::Source(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl Index {
    /// Writes all rows but the deleted ones to `folder/name` and returns the header. A file left behind by a crash
    /// under the temporary name is replaced.
    pub fn write(&self, folder: &Path, name: &str, identity: &Identity) -> Result<Header, WriteError> {
        self.write_sealed(folder, name, identity, None)
    }

    /// The same, sealed with this key, or with none.
    pub fn write_sealed(
        &self,
        folder: &Path,
        name: &str,
        identity: &Identity,
        key: Option<&SealKey>,
    ) -> Result<Header, WriteError> {
        let temporary = folder.join(format!("{name}.tmp"));
        let result = self.write_file(&temporary, identity, key).and_then(|header| {
            fs::rename(&temporary, folder.join(name))?;
            sync_folder(folder)?;
            Ok(header)
        });
        if result.is_err() {
            // Best effort: the error itself is what the caller must see.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn write_file(&self, path: &Path, identity: &Identity, key: Option<&SealKey>) -> Result<Header, WriteError> {
        let slots = self.live_slots();
        let layout = Layout::of(slots.len() as u64).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut body = Body::behind(layout.head_len, create_private(path)?, key.map(FileSeal::create).transpose()?)?;
        for slot in &slots {
            body.write(&encode_entry(&self.entries[*slot]))?;
        }
        body.end_part()?;
        let codes = self.codes_of(&slots);
        codes.blocks().iter().try_for_each(|block| body.write(block))?;
        body.end_part()?;
        let mut spare = Spare::new();
        for slot in &slots {
            body.write(match &self.base {
                Some(base) if *slot < base.rows.count() => base.rows.pass(*slot, &mut spare)?,
                _ => self.row(*slot)?,
            })?;
        }
        body.end_part()?;
        let mut checks = std::mem::take(&mut body.checks);
        checks.resize(layout.head_len - HEADER_LEN, 0);
        let header = Header {
            modality: identity.modality,
            count: slots.len() as u64,
            generation: identity.generation,
            change: identity.change,
            fingerprint: identity.fingerprint,
            library: identity.library,
            checks_crc: crc32fast::hash(&checks),
            reach: codes.reach().to_bits(),
        };
        body.finish(&[&header.encode()[..], &checks].concat())?.sync_all()?;
        Ok(header)
    }

    /// Slots of every row that could be found again, ascending by key.
    fn live_slots(&self) -> Vec<usize> {
        let dead = |slot: &usize| matches!(self.entries[*slot].state, FactState::Deleted | FactState::Forgotten);
        let mut slots: Vec<usize> = (0..self.entries.len()).filter(|slot| !dead(slot)).collect();
        slots.sort_unstable_by_key(|slot| self.entries[*slot].key);
        slots
    }

    /// The codes of these rows, which all exist already.
    fn codes_of(&self, slots: &[usize]) -> Encoder {
        let ([(_, base), (first, tail)], reach) = (self.coded(), self.reach());
        let mut codes = Encoder::default();
        for slot in slots {
            let (blocks, at) = slot.checked_sub(first).map_or((base, *slot), |at| (tail, at));
            codes.copy(&blocks[at / BLOCK_ROWS], at % BLOCK_ROWS, reach);
        }
        codes
    }
}

/// The pages of a new file, and their checksums as bytes.
struct Body {
    out: BufWriter<File>,
    seal: Option<FileSeal>,
    page: [u8; PAGE_LEN],
    /// Bytes of `page` that are written.
    filled: usize,
    /// The file's page that comes next.
    number: u64,
    checks: Vec<u8>,
}

impl Body {
    /// Leaves room for the head, which is written last.
    fn behind(head_len: usize, file: File, seal: Option<FileSeal>) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let pages = head_len / PAGE_LEN;
        let room = if seal.is_some() { PRELUDE_LEN + pages * FileSeal::PAGE_LEN } else { head_len };
        out.write_all(&vec![0; room])?;
        Ok(Self { out, seal, page: [0; PAGE_LEN], filled: 0, number: pages as u64, checks: Vec::new() })
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_LEN - self.filled));
            self.page[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == PAGE_LEN {
                self.end_page()?;
            }
        }
        Ok(())
    }

    /// Fills the last page of a part with zeros.
    fn end_part(&mut self) -> io::Result<()> {
        if self.filled == 0 { Ok(()) } else { self.end_page() }
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.page[self.filled..].fill(0);
        self.checks.extend_from_slice(&crc32fast::hash(&self.page).to_le_bytes());
        self.filled = 0;
        self.put_page()
    }

    /// Writes the page to the file, sealed where the file is.
    fn put_page(&mut self) -> io::Result<()> {
        let tag = self.seal.as_ref().map(|seal| seal.seal(self.number, &mut self.page));
        self.number += 1;
        self.out.write_all(&self.page)?;
        tag.map_or(Ok(()), |tag| self.out.write_all(&tag))
    }

    /// Writes the head, whole pages, into the room left for it.
    fn finish(mut self, head: &[u8]) -> io::Result<File> {
        self.out.rewind()?;
        if let Some(seal) = &self.seal {
            self.out.write_all(seal.prelude())?;
        }
        self.number = 0;
        for page in head.as_chunks::<PAGE_LEN>().0 {
            self.page = *page;
            self.put_page()?;
        }
        self.out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// A new file that only its owner may read, where the system knows owners.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes names in a folder durable. Only Unix can, and only there it is needed.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
