//! What is done to a library while nobody uses it: checks, repair, encryption, other models.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crane_core::library::{Library, Unreadable};
use crane_core::{CancelToken, LibraryKey, Runtime};

use super::Result;
use super::check::{CheckReport, ReembedReport, RepairReport, SalvageReport};
use super::progress::{Listener, steps};
use crate::shared::{self, parse_key};

/// A library's folder, for what is done to it while no `Crane` is open on it, and for one that can't be opened. It holds
/// nothing open, and needs no models but to re-embed.
#[derive(uniffi::Object)]
pub struct FactLibrary {
    folder: PathBuf,
    key: Mutex<Option<LibraryKey>>,
}

#[uniffi::export]
impl FactLibrary {
    /// Names a folder, and the key of the library there if it is encrypted. Nothing is looked at yet.
    ///
    /// Fails with `InvalidInput` for a key that is none.
    #[uniffi::constructor(default(key = None))]
    pub fn new(folder: String, key: Option<String>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { folder: folder.into(), key: Mutex::new(parse_key(key)?) }))
    }

    /// Checks database, history, full text, index files and vectors against each other. Nothing is changed, and a finding is
    /// no error. The library may be in use meanwhile.
    ///
    /// Fails with `NotFound` where there is none, `LibraryCorrupt` where the database can't even be looked into, `WrongKey`,
    /// `Cancelled` when the listener throws.
    #[uniffi::method(default(progress = None))]
    pub fn check(&self, progress: Listener) -> Result<CheckReport> {
        Ok(Library::check_at_with(&self.folder, self.key().as_ref(), &mut steps(progress))?.into())
    }

    /// Checks the library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies up.
    /// Facts, keys and history are never touched. A second check follows, of which the listener is told from 0 again.
    ///
    /// Fails as `check`, and with `LibraryLocked` while it is open for writing.
    #[uniffi::method(default(progress = None))]
    pub fn repair(&self, progress: Listener) -> Result<RepairReport> {
        Ok(Library::repair_at_with(&self.folder, self.key().as_ref(), &mut steps(progress))?.into())
    }

    /// Saves what can be read of a damaged library into a new one, whose folder must be empty or missing; it has the same
    /// key. The damaged one stays as it is. `models` is the models' folder, and needed only where the damaged library does
    /// not say for sure which models its vectors come from.
    ///
    /// Fails with `NotFound` where there is no library, `InvalidInput` when `into` holds anything, `LibraryCorrupt` when
    /// nothing could be read, `WrongKey`, `Cancelled`; nothing is left at `into` then.
    #[uniffi::method(default(models = None, progress = None))]
    pub fn salvage(&self, into: String, models: Option<String>, progress: Listener) -> Result<SalvageReport> {
        let fingerprint = shared::fingerprint(models)?;
        let (key, told) = (self.key(), &mut steps(progress));
        Ok(Library::salvage_with(&self.folder, into, fingerprint.as_ref(), key.as_ref(), told)?.into())
    }

    /// Makes every vector anew with the models in this folder, where `Crane.open` says `FingerprintMismatch`. It is all or
    /// nothing.
    ///
    /// Photos of which the library keeps no copy can't be read again. Unless they may be erased, they are refused with
    /// `InvalidInput`; facts stay, and one that nothing finds any more is disabled. Fails also with `LibraryLocked`,
    /// `WrongKey`, `ModelMissing`, `ModelCorrupt`, and with `Cancelled` when the listener throws.
    #[uniffi::method(default(erase_unreadable = false, progress = None))]
    pub fn reembed(&self, models: String, erase_unreadable: bool, progress: Listener) -> Result<ReembedReport> {
        let unreadable = if erase_unreadable { Unreadable::Erase } else { Unreadable::Refuse };
        let options = crane_core::OpenOptions { key: self.key(), ..crane_core::OpenOptions::new(models, &self.folder) };
        Ok(Runtime::reembed(&options, unreadable, &CancelToken::new(), &mut steps(progress))?.into())
    }

    /// Whether the library is encrypted; false where there is none.
    pub fn is_encrypted(&self) -> Result<bool> {
        Ok(Library::is_encrypted(&self.folder)?)
    }

    /// Encrypts the library with a key, `cranekey1:` and 64 hexadecimal digits, or with another one than before; none: makes
    /// it a plain one. Until it is done the library stays as it was, whatever happens. Keep the new key before this is
    /// called: without it the library can't be read.
    ///
    /// Fails with `WrongKey` when this object has another key than the library, or this build has no encryption (see
    /// `has_encryption`); `LibraryLocked` while it is open anywhere, also for reading; `InvalidInput` for a key that is none,
    /// or when there is neither an old key nor a new one; `NotFound`, `StorageFull`.
    pub fn set_key(&self, key: Option<String>) -> Result {
        let new = parse_key(key)?;
        // Whoever changes the key at the same time waits, and then has the wrong one.
        let mut held = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        shared::set_key(&self.folder, held.as_ref(), new.as_ref())?;
        *held = new;
        Ok(())
    }
}

impl FactLibrary {
    fn key(&self) -> Option<LibraryKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
