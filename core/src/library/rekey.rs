//! Encrypting a library, decrypting it, and changing its key: a copy of the database under the other key takes its place
//! by one rename. Before it the old key opens the library, after it the new one, and there is no moment between.
//!
//! The rejected option is SQLCipher's `PRAGMA rekey`, which rewrites pages in place, keeps the salt and can neither
//! encrypt nor decrypt: two ways for one thing.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::{Connection, params};

use super::change::last_change;
use super::content::Content;
use super::folder::{Folder, WriterLock, new_salt};
use super::keys::FileKeys;
use super::sql::{PAGE_BYTES, damaged, io_error, sql_error};
use super::{Library, own_row, schema, sql};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{create_private, sync_folder};
use crate::key::LibraryKey;
use crate::types::Fingerprint;

impl Library {
    /// Whether a library is encrypted; false where there is none.
    ///
    /// # Errors
    /// As [`Library::open`], as far as the first bytes of the database tell.
    pub fn is_encrypted(path: impl AsRef<Path>) -> Result<bool> {
        match Folder::existing(path.as_ref()) {
            Ok(folder) => Ok(matches!(folder.check_database()?, Content::Sealed(_))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Encrypts a library that nobody has open. It takes as much free space again as the database, and until it is done
    /// the library stays as it was, whatever happens. The old files are removed, which leaves what they held on the
    /// medium until that is written over; see `docs/ENCRYPTION.md`.
    ///
    /// # Errors
    /// - `LibraryLocked`: someone has it open, also for reading.
    /// - `WrongKey`: it is encrypted already, or this build has no encryption.
    /// - `NotFound`, `LibraryCorrupt`, `StorageFull` and their like as [`Library::open`].
    pub fn encrypt(path: impl AsRef<Path>, key: &LibraryKey) -> Result<()> {
        change_key(path.as_ref(), None, Some(key))
    }

    /// Makes a plain library of an encrypted one; see [`Library::encrypt`].
    ///
    /// # Errors
    /// As [`Library::encrypt`]; `WrongKey`: it is encrypted with another key, or not at all.
    pub fn decrypt(path: impl AsRef<Path>, key: &LibraryKey) -> Result<()> {
        change_key(path.as_ref(), Some(key), None)
    }

    /// Encrypts a library anew with another key; see [`Library::encrypt`]. The same key again is fine too: the keys of
    /// the files, which are derived from it and a new salt, change all the same.
    ///
    /// # Errors
    /// As [`Library::decrypt`].
    pub fn rekey(path: impl AsRef<Path>, old: &LibraryKey, new: &LibraryKey) -> Result<()> {
        change_key(path.as_ref(), Some(old), Some(new))
    }
}

fn change_key(path: &Path, old: Option<&LibraryKey>, new: Option<&LibraryKey>) -> Result<()> {
    let mut folder = Folder::existing(path)?;
    let lock = WriterLock::take(&folder)?;
    folder.unlock(old)?;
    let keys = new.map(|key| FileKeys::derive(key, new_salt()?)).transpose()?;
    let fingerprint = replace_database(&folder, keys.as_ref())?;
    // From here on the new key counts, and what is left to do is derived: another opening would do it as well.
    drop((folder, lock));
    let opened = Library::open_with(path, &fingerprint, new);
    if let Err(error) = opened.and_then(|library| library.flush().and(library.close())) {
        tracing::warn!(kind = ?error.kind(), "index files could not be written; the next open takes longer");
    }
    Ok(())
}

/// Puts a copy under other keys, or under none, in the database's place. The index files of before are removed.
fn replace_database(folder: &Folder, keys: Option<&FileKeys>) -> Result<Fingerprint> {
    let connection = folder.open_writer()?;
    if schema::accept(&connection)? != schema::VERSION {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the library is new, or has an older schema: open it once first",
        ));
    }
    sql::make_durable(&connection).map_err(sql_error)?;
    leave_journal(&connection)?;
    let copied = copy_database(folder, &connection, keys).and_then(|()| verify_copy(folder, &connection, keys));
    let (_, fingerprint) = copied.and_then(|()| own_row(&connection)).inspect_err(|_| {
        // Best effort: the error itself is what the caller must see, and the next opening for writing removes it too.
        let _ = fs::remove_file(folder.copy());
    })?;
    connection.close().map_err(|(_, error)| sql_error(error))?;
    let renamed = fs::rename(folder.copy(), folder.database()).and_then(|()| sync_folder(folder.path()));
    renamed.map_err(|e| io_error("putting the new database in place", e))?;
    if let Err(error) = folder.remove_stale(&[]) {
        tracing::warn!(%error, "old index files could not be removed; the next open tries again");
    }
    Ok(fingerprint)
}

/// Empties the journal, removes it and locks everyone out. Only a library that nobody else has open allows that: whoever
/// had would go on reading the old file, and a journal that stayed would be taken for one of the new file.
fn leave_journal(connection: &Connection) -> Result<()> {
    let busy = || Error::new(ErrorKind::LibraryLocked, "another process reads the library: close it there first");
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(sql_error)?;
    let mode = connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0));
    match mode {
        Ok(mode) if mode == "delete" => {}
        Ok(_) => return Err(busy()),
        Err(error) if sql::is_busy(&error) => return Err(busy()),
        Err(error) => return Err(sql_error(error)),
    }
    // The lock is taken by a write, and kept.
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT").map_err(sql_error)
}

fn copy_database(folder: &Folder, connection: &Connection, keys: Option<&FileKeys>) -> Result<()> {
    let path = folder.copy();
    create_private(&path).map_err(|e| io_error("creating a copy of the database", e))?;
    let name = path.to_str().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the library's path is not Unicode"))?;
    attach(connection, name, keys).and_then(|()| fill_copy(connection)).map_err(sql_error)?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(|e| io_error("writing a copy of the database", e))
}

fn attach(connection: &Connection, path: &str, keys: Option<&FileKeys>) -> rusqlite::Result<()> {
    match keys {
        Some(keys) => keys.attach(connection, path, "copy"),
        None => {
            connection.execute("ATTACH DATABASE ?1 AS copy KEY ''", params![path])?;
            connection.pragma_update(Some("copy"), "page_size", PAGE_BYTES)
        }
    }
}

/// Copies tables, indexes and full text, and what the header says. The index files are not named: they are of the old
/// key.
fn fill_copy(connection: &Connection) -> rusqlite::Result<()> {
    // Nothing is there to be undone: a copy that is not finished is thrown away.
    connection.pragma_update_and_check(Some("copy"), "journal_mode", "MEMORY", |_| Ok(()))?;
    connection.execute_batch("BEGIN")?;
    connection.query_row("SELECT sqlcipher_export('copy')", [], |_| Ok(()))?;
    connection.pragma_update(Some("copy"), "application_id", schema::APPLICATION_ID)?;
    connection.pragma_update(Some("copy"), "user_version", schema::VERSION)?;
    connection.execute_batch("DELETE FROM copy.generations; COMMIT; DETACH copy")
}

/// Reads the whole copy with its own key: all pages are sound, and its history ends where the original's does.
fn verify_copy(folder: &Folder, original: &Connection, keys: Option<&FileKeys>) -> Result<()> {
    let copy = sql::open_immutable(&folder.copy(), keys)?;
    schema::accept(&copy)?;
    let sound = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map_err(sql_error)?;
    let same = last_change(&copy).map_err(sql_error)? == last_change(original).map_err(sql_error)?;
    if sound == "ok" && same { Ok(()) } else { Err(damaged("its copy is not sound")) }
}
