//! Salvage: what can be read of a damaged library becomes a new one. The damaged one is not touched.
//!
//! Its files are copied first, so that not even SQLite recovers anything in them. Rows are taken from the copy through
//! SQLite as far as it goes, then from every page that still looks like one of a table, whoever it belongs to. Nothing is
//! believed but what a checksum confirms: a fact by its own or by its history's, a vector by its key's, where the index
//! file may stand in for a page of the database.

mod pages;
mod rebuild;
mod rescue;

use std::fs::{self, File};
use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use super::folder::Folder;
use super::keys::FileKeys;
use super::record::invalid;
use super::sql::{damaged, io_error};
use super::{Library, Progress, check_fingerprint, own_row};
use crate::error::{Error, ErrorKind, Result};
use crate::index::kernel::Kernel;
use crate::index::{Header, Index, SealKey};
use crate::key::LibraryKey;
use crate::types::Fingerprint;

/// What was saved of a damaged library, and what is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SalvageReport {
    /// Facts in the new library.
    pub facts: u64,
    /// How many of them were taken from their history, since they themselves were damaged: with the words of its last entry
    /// that can be read.
    pub facts_from_history: u64,
    /// How many of them have no key left. They are disabled, and `edit` makes them findable again.
    pub facts_without_keys: u64,
    /// Facts that are known to have been there and could not be saved.
    pub lost_facts: u64,
    /// Keys in the new library.
    pub keys: u64,
    /// How many of them have their vector from the index file.
    pub keys_from_index: u64,
    /// Keys that are known to have been there and could not be saved.
    pub lost_keys: u64,
    /// Facts whose past could not be saved.
    pub lost_pasts: u64,
    /// Receipts of forgotten facts in the new library.
    pub receipts: u64,
}

impl Library {
    /// Saves what can be read of a damaged library into a new one, whose folder must be empty or missing. Facts keep their
    /// ids, and what they went through as their past; the new history begins with the salvage. The damaged library stays
    /// as it is. `fingerprint` counts where the damaged library no longer says which models its vectors come from, or says
    /// what its index files contradict.
    ///
    /// # Errors
    /// `NotFound` where there is no library; `InvalidInput` when `into` holds anything; `LibraryCorrupt` when nothing
    /// could be read, or no fingerprint is known; what `progress` gives. Nothing is left at `into` then.
    pub fn salvage(
        from: impl AsRef<Path>,
        into: impl AsRef<Path>,
        fingerprint: Option<&Fingerprint>,
        progress: Progress<'_>,
    ) -> Result<SalvageReport> {
        Self::salvage_with(from, into, fingerprint, None, progress)
    }

    /// The same for a library that is encrypted with this key, or with none; the new one is too.
    ///
    /// # Errors
    /// As [`Library::salvage`]; `WrongKey`: no page of it is encrypted with this key, or none of it is in the clear.
    pub fn salvage_with(
        from: impl AsRef<Path>,
        into: impl AsRef<Path>,
        fingerprint: Option<&Fingerprint>,
        key: Option<&LibraryKey>,
        progress: Progress<'_>,
    ) -> Result<SalvageReport> {
        let (from, into) = (from.as_ref(), into.as_ref());
        Folder::holds_database(from)?;
        let existed = into.exists();
        if fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(invalid("the folder for what is salvaged is not empty; choose another one"));
        }
        let keys = key.map(|key| Ok((key, damaged_keys(from, key)?))).transpose()?;
        let scratch = Scratch::create(into)?;
        let saved = scratch.copy(from).and_then(|()| save(from, into, &scratch, (fingerprint, keys), progress));
        drop(scratch);
        if saved.is_err() {
            // Best effort: the error itself is what the caller must see.
            let _ = if existed { empty(into) } else { fs::remove_dir_all(into) };
        }
        saved
    }
}

fn save(
    from: &Path,
    into: &Path,
    scratch: &Scratch,
    (fingerprint, keys): (Option<&Fingerprint>, Option<(&LibraryKey, FileKeys)>),
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    let (key, keys) = keys.unzip();
    let rescued = rescue::rescue(&scratch.0, keys.as_ref())?;
    let (indexes, headers): (Vec<_>, Vec<_>) = indexes(from, keys.as_ref().map(FileKeys::index)).unzip();
    let stored = own_row(&rescued).map(|(_, fingerprint)| fingerprint).ok();
    let stored = stored.filter(|fingerprint| check_fingerprint(fingerprint).is_ok());
    let fingerprint = believed(stored, fingerprint, &headers)
        .ok_or_else(|| damaged("it does not say which models its vectors come from"))?;
    let library = Library::open_with(into, &fingerprint, key)?;
    let report = rebuild::rebuild(&library, &rescued, indexes, progress)?;
    library.flush()?;
    library.close()?;
    Ok(report)
}

/// The index files that are sound, whatever the database says of them.
fn indexes(from: &Path, key: Option<&SealKey>) -> impl Iterator<Item = (Index, Header)> {
    index_files(from).filter_map(move |file| Index::open_unnamed(file, Kernel::best(), key).ok())
}

fn index_files(from: &Path) -> impl Iterator<Item = File> {
    let files = fs::read_dir(from).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "idx")).filter_map(|path| File::open(path).ok())
}

/// Which models the vectors come from. The database's own row has no checksum, the index files that repeat its digest do:
/// what one of them confirms goes first, then what the database says.
fn believed(stored: Option<Fingerprint>, given: Option<&Fingerprint>, headers: &[Header]) -> Option<Fingerprint> {
    let candidates = [stored.as_ref(), given];
    let confirmed = |print: &&Fingerprint| headers.iter().any(|header| header.fingerprint == print.digest());
    let found = candidates.into_iter().flatten().find(confirmed);
    found.or_else(|| candidates.into_iter().flatten().next()).copied()
}

/// The keys of a library whose first page may be damaged: index files state its salt as well.
fn damaged_keys(from: &Path, key: &LibraryKey) -> Result<FileKeys> {
    let pages = fs::read(from.join("library.db")).map_err(|e| io_error("reading the damaged library", e))?;
    let stated = index_files(from).filter_map(|mut file| SealKey::salt_in(&mut file));
    for salt in pages.first_chunk().copied().into_iter().chain(stated) {
        let keys = FileKeys::derive(key, salt)?;
        if keys.fit(&pages) {
            return Ok(keys);
        }
    }
    Err(Error::new(ErrorKind::WrongKey, "nothing of the damaged library is encrypted with this key"))
}

/// Copies of the damaged files, in the new library's folder so that they are on the same disk and nobody else's to read;
/// gone in the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn create(into: &Path) -> Result<Self> {
        super::folder::create_private_folder(into).map_err(|e| io_error("creating the new library's folder", e))?;
        let path = into.join(format!(".salvage-{}", Uuid::new_v4()));
        super::folder::create_private_folder(&path).map_err(|e| io_error("creating the new library's folder", e))?;
        Ok(Self(path))
    }

    fn copy(&self, from: &Path) -> Result<()> {
        for name in ["library.db", "library.db-wal"] {
            match fs::copy(from.join(name), self.0.join(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.map_err(|e| io_error("copying the damaged library", e))?),
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn empty(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}
