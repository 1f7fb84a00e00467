//! Writing a generation: a temporary file, synced, renamed into place, and the folder synced. Files never change after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use super::coarse::{BLOCK_ROWS, Encoder};
use super::format::{HEADER_LEN, Header, Layout, PAGE_LEN, encode_entry};
use super::rows::Spare;
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
        let temporary = folder.join(format!("{name}.tmp"));
        let result = self.write_file(&temporary, identity).and_then(|header| {
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

    fn write_file(&self, path: &Path, identity: &Identity) -> Result<Header, WriteError> {
        let slots = self.live_slots();
        let layout = Layout::of(slots.len() as u64).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut body = Body::behind(layout.head_len, create_private(path)?)?;
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
        let (mut file, mut checks) = body.finish()?;
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
        file.rewind()?;
        file.write_all(&[&header.encode()[..], &checks].concat())?;
        file.sync_all()?;
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
    page: Vec<u8>,
    checks: Vec<u8>,
}

impl Body {
    /// Leaves room for the head, which is written last.
    fn behind(head_len: usize, file: File) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&vec![0; head_len])?;
        Ok(Self { out, page: Vec::with_capacity(PAGE_LEN), checks: Vec::new() })
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_LEN - self.page.len()));
            self.page.extend_from_slice(now);
            bytes = later;
            if self.page.len() == PAGE_LEN {
                self.end_page()?;
            }
        }
        Ok(())
    }

    /// Fills the last page of a part with zeros.
    fn end_part(&mut self) -> io::Result<()> {
        if self.page.is_empty() { Ok(()) } else { self.end_page() }
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.page.resize(PAGE_LEN, 0);
        self.checks.extend_from_slice(&crc32fast::hash(&self.page).to_le_bytes());
        self.out.write_all(&self.page)?;
        self.page.clear();
        Ok(())
    }

    fn finish(self) -> io::Result<(File, Vec<u8>)> {
        Ok((self.out.into_inner().map_err(io::IntoInnerError::into_error)?, self.checks))
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
