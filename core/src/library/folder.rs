//! The library's folder: its file names, its key, and who may write.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::content::Content;
use super::keys::{FileKeys, SALT_LEN};
use super::sql::{self, PAGE_BYTES, io_error};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SealKey, sync_folder};
use crate::key::{LibraryKey, fill_random};
use crate::types::Modality;

const DATABASE: &str = "library.db";
const LOCK: &str = "writer.lock";
/// There from before a fact is forgotten until no trace of it is left in any file.
const ERASING: &str = "erasing";
/// The copy that takes the database's place when its key changes.
const COPY: &str = "library.db-copy";
/// Pages of an encrypted database that a key is tried on.
const TRIED_PAGES: usize = 8;

/// The library's folder, and the keys of its files if it is encrypted.
pub(super) struct Folder {
    path: PathBuf,
    keys: Option<FileKeys>,
}

impl Folder {
    /// The folder of an existing library.
    pub(super) fn existing(path: &Path) -> Result<Self> {
        Self::holds_database(path)?;
        let folder = Self { path: path.to_path_buf(), keys: None };
        folder.check_database().map(|_| folder)
    }

    /// Whether there is a database, in whatever state.
    pub(super) fn holds_database(path: &Path) -> Result<()> {
        match fs::metadata(path.join(DATABASE)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::NotFound, "there is no library in this folder").with_source(error))
            }
            Err(error) => Err(io_error("opening the library's folder", error)),
        }
    }

    /// The folder of a library that may have to be created. A folder with other people's files is refused.
    pub(super) fn create(path: &Path) -> Result<Self> {
        create_private_folder(path).map_err(|e| io_error("creating the library's folder", e))?;
        let folder = Self { path: path.to_path_buf(), keys: None };
        let known = folder.database().exists();
        let entries = fs::read_dir(path).map_err(|e| io_error("reading the library's folder", e))?;
        for entry in entries {
            let entry = entry.map_err(|e| io_error("reading the library's folder", e))?;
            let name = entry.file_name();
            let ours = name.to_str().is_some_and(|name| name.starts_with('.') || is_ours(name));
            if !known && !ours {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "the folder holds other files and no library; choose an empty folder or a new one",
                ));
            }
        }
        if !known {
            sync_names(path).map_err(|e| io_error("creating the library's folder", e))?;
        }
        folder.check_database().map(|_| folder)
    }

    /// Takes the host's key, or none, and finds out whether the files are of it. For writing, call it with the writer's
    /// lock held: a new database gets its salt here.
    pub(super) fn unlock(&mut self, key: Option<&LibraryKey>) -> Result<()> {
        let refused = |message: &str| Err(Error::new(ErrorKind::WrongKey, message));
        self.keys = match (self.check_database()?, key) {
            (Content::New | Content::Plain, None) => None,
            (Content::New, Some(key)) => Some(FileKeys::derive(key, new_salt()?)?),
            (Content::Plain, Some(_)) => {
                return refused("the library is not encrypted: encrypt it first, or open it without a key");
            }
            (Content::Sealed(_), _) if !LibraryKey::SUPPORTED => {
                return refused(
                    "the library is encrypted, and this build of Crane has no encryption; or its first page is damaged: \
                     then salvage it",
                );
            }
            (Content::Sealed(_), None) => {
                return refused(
                    "the library is encrypted: its key is needed; or its first page is damaged: then salvage it",
                );
            }
            (Content::Sealed(salt), Some(key)) => {
                let keys = FileKeys::derive(key, salt)?;
                if !keys.fit(&self.first_bytes(TRIED_PAGES * PAGE_BYTES as usize)?) {
                    return refused("the library is encrypted with another key");
                }
                Some(keys)
            }
        };
        Ok(())
    }

    pub(super) fn keys(&self) -> Option<&FileKeys> {
        self.keys.as_ref()
    }

    /// What the index files are sealed with.
    pub(super) fn index_key(&self) -> Option<&SealKey> {
        self.keys.as_ref().map(FileKeys::index)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where a copy under another key is made.
    pub(super) fn copy(&self) -> PathBuf {
        self.path.join(COPY)
    }

    /// The connection for writing.
    pub(super) fn open_writer(&self) -> Result<Connection> {
        sql::open_writer(&self.database(), self.keys()).map_err(|error| self.explain_key(error))
    }

    /// A connection for reading. Where not even SQLite's shared memory can be created, the database is read as the
    /// unchanging file that it then is; a journal with content would be ignored that way, so that is refused.
    pub(super) fn open_reader(&self) -> Result<Connection> {
        let (path, keys) = (self.database(), self.keys());
        let before = identity(&path);
        let connection = sql::open_reader(&path, keys)?;
        let probe = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        match probe {
            Err(error) if cannot_create(&error) && self.journal_len() == 0 => sql::open_immutable(&path, keys),
            Err(error) => Err(self.explain_key(sql::sql_error(error))),
            // The key was changed while this waited: the connection is to a file that no longer has a name.
            Ok(()) if identity(&path) != before => self.open_reader(),
            Ok(()) => Ok(connection),
        }
    }

    /// A database that SQLite can't read may be one whose key was changed since this library was opened.
    fn explain_key(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::LibraryCorrupt {
            return error;
        }
        let same = match (self.check_database(), &self.keys) {
            (Ok(Content::Sealed(salt)), Some(keys)) => salt == *keys.salt(),
            (Ok(Content::Sealed(_)), None) | (Ok(Content::Plain), Some(_)) => false,
            _ => true,
        };
        let message = "the library's key was changed by another process: open it again with the new one";
        if same { error } else { Error::new(ErrorKind::WrongKey, message) }
    }

    /// Bytes of SQLite's journal; more than none: the last writer did not close the library.
    pub(super) fn journal_len(&self) -> u64 {
        fs::metadata(self.path.join("library.db-wal")).map_or(0, |m| m.len())
    }

    /// Creates an empty database file that only its owner may read; SQLite gives its journal the same rights.
    pub(super) fn create_database(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        match options.open(self.database()) {
            Ok(_) => sync_folder(&self.path).map_err(|e| io_error("creating the library", e)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(io_error("creating the library", error)),
        }
    }

    /// Finds out what kept SQLite from opening a file, by creating one: the folder's permissions, a full disk, or a device
    /// that failed once.
    pub(super) fn explain(&self, error: Error) -> Error {
        if !sql::is_unopened(&error) {
            return error;
        }
        let probe = self.path.join("library.db-probe");
        match File::create(&probe).and_then(|_| fs::remove_file(&probe)) {
            Err(cause) => io_error("opening the library's database", cause),
            Ok(()) => {
                Error::new(ErrorKind::StorageFailed, "the storage failed to open a file; try again").with_source(error)
            }
        }
    }

    /// Removes index files other than those named, and what a crash left behind of temporary files and copies.
    pub(super) fn remove_stale(&self, keep: &[String]) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if Self::is_stale(name, keep) {
                fs::remove_file(entry.path())?;
            }
        }
        sync_folder(&self.path)
    }

    /// Whether a file is an index file, or a part of one, other than those named, or a copy that was never finished.
    pub(super) fn is_stale(name: &str, keep: &[String]) -> bool {
        name.starts_with(COPY) || is_index(name) && !keep.iter().any(|kept| kept == name)
    }

    /// Notes that a fact is about to be forgotten, so that an interrupted erasure is finished later.
    pub(super) fn begin_erasure(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        private(&mut options);
        options.open(self.path.join(ERASING))?;
        sync_folder(&self.path)
    }

    /// Whether an erasure was begun and not finished.
    pub(super) fn is_erasing(&self) -> bool {
        self.path.join(ERASING).exists()
    }

    /// Notes that no trace is left, once the emptied journal can't come back after a power loss.
    pub(super) fn end_erasure(&self) -> io::Result<()> {
        match File::open(self.path.join("library.db-wal")) {
            Ok(journal) => journal.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::remove_file(self.path.join(ERASING))
    }
}

/// Random bytes for a new database.
pub(super) fn new_salt() -> Result<[u8; SALT_LEN]> {
    let mut salt = [0; SALT_LEN];
    fill_random(&mut salt)?;
    Ok(salt)
}

/// Which file lies at a path, where the system can tell. Unlike opening and closing it, asking for that leaves the locks
/// alone that SQLite holds on it.
fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// What SQLite says depends on whether the folder or the file system can't be written, or the disk is full.
fn cannot_create(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) || sql::is_shm_size(error)
}

/// The right to write: an advisory lock on `writer.lock`, which the system lets go of when the process ends.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing alone does not do: a child process that another thread is just starting still shares the file.
        let _ = self.file.unlock();
    }
}

impl WriterLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(folder: &Folder) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let path = folder.path().join(LOCK);
        let mut file = options.open(path).map_err(|e| io_error("taking the library's writer lock", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&mut file)),
            Err(TryLockError::Error(error)) => return Err(io_error("taking the library's writer lock", error)),
        }
        write_pid(&mut file).map_err(|e| io_error("taking the library's writer lock", e))?;
        Ok(Self { file })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(std::process::id().to_string().as_bytes())
}

fn locked(file: &mut File) -> Error {
    let mut text = String::new();
    // Unreadable on systems with mandatory locks: then there is just no number to name.
    let pid = file.take(20).read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok());
    let who = match pid {
        Some(pid) if pid == std::process::id() => "this process already".to_owned(),
        Some(pid) => format!("another process (id {pid})"),
        None => "another process".to_owned(),
    };
    Error::new(ErrorKind::LibraryLocked, format!("{who} has the library open for writing; close it there first"))
}

/// The name of a generation's file.
pub(super) fn index_name(modality: Modality, generation: u64) -> String {
    format!("{}.{generation}.idx", modality_name(modality))
}

fn modality_name(modality: Modality) -> &'static str {
    match modality {
        Modality::Image => "image",
        Modality::Text => "text",
    }
}

fn is_index(name: &str) -> bool {
    let stem = name.strip_suffix(".tmp").unwrap_or(name).strip_suffix(".idx");
    let number = stem.and_then(|stem| stem.strip_prefix("image.").or_else(|| stem.strip_prefix("text.")));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn is_ours(name: &str) -> bool {
    [LOCK, DATABASE, ERASING].contains(&name) || name.starts_with("library.db-") || is_index(name)
}

pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Makes the name of a new library's folder durable, and those of the folders above it, which may be as new. Far up they
/// may not be ours to open.
fn sync_names(path: &Path) -> io::Result<()> {
    let named = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
    let mut above = path.ancestors().skip(1).map(named);
    above.next().map_or(Ok(()), |parent| sync_folder(&parent))?;
    above.all(|folder| sync_folder(&folder).is_ok());
    Ok(())
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}
