//! The library's folder: its file names, who may write, and whether what is there is ours, before SQLite touches it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode};

use super::sql::{damaged, io_error};
use super::{schema, sql};
use crate::error::{Error, ErrorKind, Result};
use crate::index::sync_folder;
use crate::types::Modality;

const DATABASE: &str = "library.db";
const LOCK: &str = "writer.lock";
/// There from before a fact is forgotten until no trace of it is left in any file.
const ERASING: &str = "erasing";
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Paths inside the library's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder of an existing library.
    pub(super) fn existing(path: &Path) -> Result<Self> {
        Self::holds_database(path)?;
        let folder = Self(path.to_path_buf());
        folder.check_database().map(|()| folder)
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
        let folder = Self(path.to_path_buf());
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
        folder.check_database().map(|()| folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// A connection for reading. Where not even SQLite's shared memory can be created, the database is read as the
    /// unchanging file that it then is; a journal with content would be ignored that way, so that is refused.
    pub(super) fn open_reader(&self) -> Result<Connection> {
        let connection = sql::open_reader(&self.database())?;
        let probe = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        match probe {
            Err(error) if cannot_create(&error) && self.journal_len() == 0 => sql::open_immutable(&self.database()),
            Err(error) => Err(sql::sql_error(error)),
            Ok(()) => Ok(connection),
        }
    }

    fn journal_len(&self) -> u64 {
        fs::metadata(self.0.join("library.db-wal")).map_or(0, |m| m.len())
    }

    /// Creates an empty database file that only its owner may read; SQLite gives its journal the same rights.
    pub(super) fn create_database(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        match options.open(self.database()) {
            Ok(_) => sync_folder(&self.0).map_err(|e| io_error("creating the library", e)),
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
        let probe = self.0.join("library.db-probe");
        match File::create(&probe).and_then(|_| fs::remove_file(&probe)) {
            Err(cause) => io_error("opening the library's database", cause),
            Ok(()) => {
                Error::new(ErrorKind::StorageFailed, "the storage failed to open a file; try again").with_source(error)
            }
        }
    }

    /// Removes index files other than those named, and temporary files that a crash left behind.
    pub(super) fn remove_stale(&self, keep: &[String]) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if Self::is_stale(name, keep) {
                fs::remove_file(entry.path())?;
            }
        }
        sync_folder(&self.0)
    }

    /// Whether a file is an index file, or a part of one, other than those named.
    pub(super) fn is_stale(name: &str, keep: &[String]) -> bool {
        is_index(name) && !keep.iter().any(|kept| kept == name)
    }

    /// Notes that a fact is about to be forgotten, so that an interrupted erasure is finished later.
    pub(super) fn begin_erasure(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        private(&mut options);
        options.open(self.0.join(ERASING))?;
        sync_folder(&self.0)
    }

    /// Whether an erasure was begun and not finished.
    pub(super) fn is_erasing(&self) -> bool {
        self.0.join(ERASING).exists()
    }

    /// Notes that no trace is left, once the emptied journal can't come back after a power loss.
    pub(super) fn end_erasure(&self) -> io::Result<()> {
        match File::open(self.0.join("library.db-wal")) {
            Ok(journal) => journal.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::remove_file(self.0.join(ERASING))
    }

    /// Looks at the database's first bytes, so that a foreign, damaged or newer file is refused before SQLite opens,
    /// and possibly recovers or checkpoints, it.
    fn check_database(&self) -> Result<()> {
        let mut header = Vec::new();
        let (len, read) = match File::open(self.database()) {
            Ok(file) => {
                let len = file.metadata().map_err(|e| io_error("opening the library", e))?.len();
                (len, file.take(100).read_to_end(&mut header))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_error("opening the library", error)),
        };
        read.map_err(|e| io_error("reading the library", e))?;
        let rollback = fs::metadata(self.0.join("library.db-journal")).is_ok_and(|m| m.len() > 0);
        if len == 0 || rollback {
            // Creation was interrupted: SQLite undoes the rest of it.
            return Ok(());
        }
        if !header.starts_with(SQLITE_MAGIC) || header.len() < 100 {
            return Err(damaged("library.db is not a SQLite database"));
        }
        schema::check_identity(i64::from(be32(&header, 68)), i64::from(be32(&header, 60)))?;
        self.check_length(&header, len)
    }

    /// A database without a journal must be as long as its header says.
    fn check_length(&self, header: &[u8], len: u64) -> Result<()> {
        let page_size = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
            1 => 65_536,
            size => size,
        };
        let pages = u64::from(be32(header, 28));
        if self.journal_len() == 0 && len < pages * page_size {
            return Err(damaged(&format!("library.db has {len} of {} bytes", pages * page_size)));
        }
        Ok(())
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

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
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
