//! SQLite's errors in our terms, and how connections are set up.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::keys::FileKeys;
use crate::error::{Error, ErrorKind, Result};

/// How long a statement waits for another process before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const FULL: (ErrorKind, &str) = (ErrorKind::StorageFull, "the disk is full; free some space and try again");

/// What a caller can act on in an error of SQLite. The messages hold no values of the statement.
pub(super) fn sql_error(error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => FULL,
        // The shared memory beside the journal could not grow, which only a full disk prevents.
        Some(ErrorCode::SystemIoFailure) if is_shm_size(&error) => FULL,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            (ErrorKind::ReadOnly, "the library cannot be written; check the permissions of its folder")
        }
        Some(ErrorCode::CannotOpen) => {
            (ErrorKind::ReadOnly, "the library's database cannot be opened; check the permissions of its folder")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            (ErrorKind::LibraryLocked, "another process keeps the library busy; try again")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => return corrupt("SQLite reports damage", error),
        Some(ErrorCode::OutOfMemory) => (ErrorKind::OutOfMemory, "not enough memory for the library"),
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::StorageFailed, "the storage failed to read or write"),
        _ => match error {
            // A column of another type than the schema gives it: STRICT tables hold none, so the page is damaged.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => return corrupt("a column has the wrong type", error),
            // Our statements fit our schema, so its text in the database is damaged.
            rusqlite::Error::SqlInputError { .. } => return corrupt("a statement does not fit the schema", error),
            _ => (ErrorKind::Internal, "a statement of the library failed"),
        },
    };
    Error::new(kind, message).with_source(error)
}

/// SQLite could not open or create a file, and does not say why.
pub(super) fn is_unopened(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let is_unopened = |error: &rusqlite::Error| {
        let shm = error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMOPEN);
        shm || error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
    };
    source.is_some_and(is_unopened)
}

/// Another connection is in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The shared memory of readers and writer could not be given its size.
pub(super) fn is_shm_size(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// The error for a damaged database.
pub(super) fn corrupt(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Error {
    damaged(what).with_source(source)
}

/// The same without a cause.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::LibraryCorrupt,
        format!(
            "the library's database is damaged ({what}); it was left as it is: restore a copy, or salvage what can be read into a new library with `crane library salvage` or Library::salvage"
        ),
    )
}

/// What a caller can act on in an error of the file system.
pub(super) fn io_error(doing: &str, error: io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (ErrorKind::StorageFull, "the disk is full")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::ReadOnly, "not permitted; check the permissions of file and folder")
        }
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "not found"),
        // `AlreadyExists`: a file stands where the folder should be made.
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidFilename => {
            (ErrorKind::InvalidInput, "not a folder's path")
        }
        io::ErrorKind::OutOfMemory => (ErrorKind::OutOfMemory, "not enough memory"),
        _ => (ErrorKind::StorageFailed, "the storage failed"),
    };
    Error::new(kind, format!("{doing}: {advice}")).with_source(error)
}

/// A connection that may write. WAL lets readers go on; `FULL` makes every commit durable before it returns;
/// `secure_delete` overwrites what is deleted; no page of the database is ever mapped.
pub(super) fn open_writer(path: &Path, keys: Option<&FileKeys>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql_error)?;
    configure(&connection, keys).map_err(sql_error)?;
    // Has an effect on an empty database only. Of an encrypted one, the keys have said it.
    if keys.is_none() {
        connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(sql_error)?;
    }
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(sql_error)?;
    if connection.is_readonly("main").map_err(sql_error)? {
        return Err(Error::new(ErrorKind::ReadOnly, "library.db is read-only; check its permissions"));
    }
    Ok(connection)
}

/// Bytes of a page of new databases. The raw embedding of a key, 2,304 bytes with SigLIP so400m, leaves almost half of
/// a page of 4 KiB empty. Of every encrypted one: SQLCipher has to be told.
pub(super) const PAGE_BYTES: u32 = 8_192;
/// Most memory for pages of the writer: enough for the indexes' pages that a bulk import touches again and again.
const CACHE_KIB: i32 = 16_384;

/// Called once the database is known to be ours: before that, nothing of it may change.
pub(super) fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // SQLite is silent about files that it could not create for this.
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On Apple's systems a plain fsync does not reach the medium.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)
}

/// Writes a frame to the journal, so that SQLite clears what it holds of the journal in shared memory.
///
/// When SQLite recovers a journal of which no frame counts, it copies a buffer into `library.db-shm` that it has allocated
/// and never written: whatever this process had in that memory, a statement that was forgotten meanwhile perhaps. The next
/// frame overwrites all of it; on a full disk that is the frame of the next change.
pub(super) fn clear_shared_memory(connection: &Connection) {
    if let Err(error) = connection.execute("UPDATE library SET last_key = last_key", []) {
        tracing::warn!(kind = ?sql_error(error).kind(), "shared memory is cleared by the next change");
    }
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path, keys: Option<&FileKeys>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql_error)?;
    configure(&connection, keys).map_err(sql_error)?;
    Ok(connection)
}

/// A connection to a file that nothing can change, on a file system that can't be written.
pub(super) fn open_immutable(path: &Path, keys: Option<&FileKeys>) -> Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(sql_error)?;
    configure(&connection, keys).map_err(sql_error)?;
    Ok(connection)
}

fn configure(connection: &Connection, keys: Option<&FileKeys>) -> rusqlite::Result<()> {
    keys.map_or(Ok(()), |keys| keys.unlock(connection))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Plans don't depend on bound values: otherwise SQLite prepares some statements anew for every value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Temporary tables would otherwise be written outside the library's folder.
    connection.pragma_update(None, "temp_store", "MEMORY")
}
