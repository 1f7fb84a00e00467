//! Writing a generation: a temporary file, synced, renamed into place, and the folder synced. Files never change after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::coarse::Encoder;
use super::format::{HEADER_LEN, Header, encode_entry};
use super::row::Row;
use super::table::Index;
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

impl Index {
    /// Writes all rows but the deleted ones to `folder/name` and returns the header. A file left behind by a crash
    /// under the temporary name is replaced.
    pub fn write(&self, folder: &Path, name: &str, identity: &Identity) -> io::Result<Header> {
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

    fn write_file(&self, path: &Path, identity: &Identity) -> io::Result<Header> {
        let slots = self.live_slots();
        let entries = self.encode_entries(&slots);
        let (coarse, reach) = self.encode_coarse(&slots);
        let header = Header {
            modality: identity.modality,
            count: slots.len() as u64,
            generation: identity.generation,
            change: identity.change,
            fingerprint: identity.fingerprint,
            library: identity.library,
            entries_crc: crc32fast::hash(&entries),
            coarse_crc: crc32fast::hash(&coarse),
            reach: reach.to_bits(),
        };
        let file = create_private(path)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let bytes: [u8; HEADER_LEN] = header.encode();
        out.write_all(&bytes)?;
        out.write_all(&entries)?;
        out.write_all(&coarse)?;
        for slot in slots {
            out.write_all(self.row(slot))?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(header)
    }

    /// Slots of every row that could be found again, ascending by key.
    fn live_slots(&self) -> Vec<usize> {
        let dead = |slot: &usize| matches!(self.entries[*slot].state, FactState::Deleted | FactState::Forgotten);
        let mut slots: Vec<usize> = (0..self.entries.len()).filter(|slot| !dead(slot)).collect();
        slots.sort_unstable_by_key(|slot| self.entries[*slot].key);
        slots
    }

    fn encode_coarse(&self, slots: &[usize]) -> (Vec<u8>, f32) {
        let mut encoder = Encoder::default();
        for slot in slots {
            encoder.push(&Row(*self.row(*slot)));
        }
        encoder.finish()
    }

    fn encode_entries(&self, slots: &[usize]) -> Vec<u8> {
        slots.iter().flat_map(|slot| encode_entry(&self.entries[*slot], crc32fast::hash(self.row(*slot)))).collect()
    }
}

/// A new file that only its owner may read, where the system knows owners.
fn create_private(path: &Path) -> io::Result<File> {
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
