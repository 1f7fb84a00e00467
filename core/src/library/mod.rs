//! The fact library: a folder with one SQLite database, which is the truth, and two index files derived from it.
//!
//! ```text
//! Library::open(folder, &fingerprint)            one writer; creates the folder; LibraryLocked for a second writer
//! Library::open_read_only(folder, &fingerprint)  any number, beside the writer; changes give ReadOnly
//! Library::open_with(folder, &fingerprint, Some(&key))  the same, encrypted; Library::encrypt, ::decrypt, ::rekey
//!   .add(NewRecord) -> Fact                      .add_all(Vec<NewRecord>) -> Vec<Fact>   one transaction, durable
//!   .get(FactId) -> Fact                         NotFound; deleted facts are still shown here
//!   .list(&FactFilter) -> Vec<Fact>              newest first
//!   .keys(FactId) -> Vec<Key>                    what it is found by; .thumbnail(KeyId) -> Option<Vec<u8>>
//!   .enable(id) .disable(id) .delete(id) -> Fact
//!   .search(Modality, &Embedding, k) -> Vec<Hit> exact, best first, ties by key id; active facts that hold now
//!   .search_with(…, &Filter)                     states, another moment, or only some facts: .facts_from(source)
//!   .search_many(…, &[Embedding], …, threads)    several searches in one pass
//!   .edit(id, &Amendment) .supersede(old, &NewRecord) -> Fact    .conflicts(&NewRecord, similarity) -> Vec<Conflict>
//!   .undo() .redo() -> Option<HistoryEntry>      .history(Option<FactId>, limit)  .as_of(id, seq)  .restore(id, seq)
//!   .forget(id) -> Receipt                       erased from every file; .receipts() remain
//!   .export_file(path, …)  .preview_import(&mut pack, …)  .import(&mut pack, …)  .past(id)    fact packs, see [`pack`]
//!   .lookup(words, limit) -> Vec<Fact>           full text, for people
//!   .check(…) -> CheckReport  .repair(…) -> RepairReport  what is derived is made anew; also for a library that can't open:
//! Library::check_at(folder, …)  ::repair_at(folder, …)  ::salvage(folder, into, …) -> SalvageReport
//!   .stat() -> Stat   .flush()   .suspend()   .resume()   .close()
//! ```
//!
//! `Library` is `Send + Sync` and every method takes `&self`. Writers queue on an inner mutex; readers and searches
//! don't wait for them. Every change is one transaction, durable when the call returns, and one row of an append-only
//! history. Errors hold no facts, questions or vectors.

mod amend;
mod away;
mod change;
mod check;
mod content;
mod facts;
mod find;
mod folder;
mod forget;
mod history;
#[cfg_attr(not(feature = "encryption"), path = "no_keys.rs")]
mod keys;
mod lookup;
pub mod pack;
mod record;
mod reembed;
mod rekey;
mod repair;
mod salvage;
mod schema;
mod snapshot;
mod sql;
mod stat;
mod vectors;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior, params};
use uuid::Uuid;

pub use amend::{Amendment, Collision, Conflict};
pub use check::{CheckReport, Finding, Part, Severity};
pub use facts::Key;
pub use forget::Receipt;
pub use history::HistoryEntry;
pub use record::{
    FactFilter, ImageKey, MAX_IMAGE_KEYS, MAX_NAME_CHARS, MAX_RAW_DIM, MAX_TEXT_CHARS, MAX_TEXT_KEYS,
    MAX_THUMBNAIL_BYTES, NewRecord, TextKey,
};
pub use reembed::{Embedder, Material, ReembedReport, Unreadable};
pub use repair::{RepairReport, Repaired};
pub use salvage::SalvageReport;
pub use stat::Stat;

use crate::error::{Error, ErrorKind, Result};
use crate::key::LibraryKey;
use crate::types::{Fingerprint, Modality};
use away::Readers;
use change::{Change, Op, Sealed};
use find::Watch;
use folder::{Folder, WriterLock};
use forget::finish_erasure;
use sql::{damaged, io_error, sql_error};
use vectors::Vectors;

/// What is told of work under way: steps done, and steps in all; most often a step is a fact. An error stops the work, and
/// nothing of it remains. It must not change the library, which is busy.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// After how many steps progress is told again.
const TELL_EVERY: u64 = 256;

/// A person's corrections and the indexes that find them.
pub struct Library {
    folder: Folder,
    fingerprint: Fingerprint,
    id: [u8; 16],
    vectors: RwLock<Vectors>,
    /// A change was committed that `vectors` could not take over yet.
    behind: AtomicBool,
    readers: Readers,
    /// Is told when something was forgotten, here or by another process.
    on_forget: OnceLock<Box<dyn Fn() + Send + Sync>>,
    access: Access,
}

/// None while the library is put away.
enum Access {
    Write(Mutex<Option<Writer>>),
    Read(Mutex<Option<Watch>>),
}

/// Fields drop in order: the lock goes last.
struct Writer {
    connection: Connection,
    _lock: WriterLock,
}

impl Library {
    /// Opens a library for reading and writing; an empty or missing folder becomes a new one.
    ///
    /// # Errors
    /// - `LibraryLocked`: another process (its id is in the message) or this one has it open for writing.
    /// - `FingerprintMismatch`: its vectors come from other encoders, or another head.
    /// - `LibraryCorrupt`: damaged, or written by a later version. Nothing in the folder was changed.
    /// - `InvalidInput`: the path is a file, or a folder with other files; or `raw_dim` is out of range.
    /// - `ReadOnly`, `StorageFull`, `StorageFailed`: as the system says.
    pub fn open(path: impl AsRef<Path>, fingerprint: &Fingerprint) -> Result<Self> {
        Self::open_with(path, fingerprint, None)
    }

    /// The same for a library that is encrypted with this key, or with none; a new one is created so.
    ///
    /// # Errors
    /// As [`Library::open`]. `WrongKey`: it is encrypted with another key, or not at all; a build without the feature
    /// `encryption` takes no key.
    pub fn open_with(path: impl AsRef<Path>, fingerprint: &Fingerprint, key: Option<&LibraryKey>) -> Result<Self> {
        check_fingerprint(fingerprint)?;
        let mut folder = Folder::create(path.as_ref())?;
        let lock = WriterLock::take(&folder)?;
        folder.create_database()?;
        folder.unlock(key)?;
        let opened = open_database(&folder, fingerprint).map_err(|error| folder.explain(error))?;
        let (connection, id, vectors) = opened;
        let access = Access::Write(Mutex::new(Some(Writer { connection, _lock: lock })));
        let library = Self::assemble(folder, *fingerprint, id, vectors, access);
        library.tidy()?;
        Ok(library)
    }

    /// Opens an existing library for reading, beside any writer, also in a folder that can't be written.
    ///
    /// # Errors
    /// `NotFound` where there is no library; else as [`Library::open`], without `LibraryLocked`.
    pub fn open_read_only(path: impl AsRef<Path>, fingerprint: &Fingerprint) -> Result<Self> {
        Self::open_read_only_with(path, fingerprint, None)
    }

    /// The same for a library that is encrypted with this key, or with none.
    ///
    /// # Errors
    /// As [`Library::open_read_only`], and `WrongKey` as [`Library::open_with`].
    pub fn open_read_only_with(
        path: impl AsRef<Path>,
        fingerprint: &Fingerprint,
        key: Option<&LibraryKey>,
    ) -> Result<Self> {
        check_fingerprint(fingerprint)?;
        let mut folder = Folder::existing(path.as_ref())?;
        folder.unlock(key)?;
        let mut connection = folder.open_reader()?;
        if schema::accept(&connection)? != schema::VERSION {
            let message = "the library has an older schema, or is being created; open it once for writing";
            return Err(Error::new(ErrorKind::ReadOnly, message));
        }
        let id = check_library(&connection, fingerprint)?;
        let vectors = load_vectors(&mut connection, &folder)?;
        let access = Access::Read(Mutex::new(Some(Watch::new(connection))));
        Ok(Self::assemble(folder, *fingerprint, id, vectors, access))
    }

    fn assemble(folder: Folder, fingerprint: Fingerprint, id: [u8; 16], vectors: Vectors, access: Access) -> Self {
        let (vectors, readers) = (RwLock::new(vectors), Readers::new());
        let (behind, on_forget) = (AtomicBool::new(false), OnceLock::new());
        Self { folder, fingerprint, id, vectors, behind, readers, on_forget, access }
    }

    /// Which encoders and head its vectors come from.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether it was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        matches!(self.access, Access::Read(_))
    }

    /// Brings the index files up to date and empties SQLite's journal, so that the next open is as fast as can be.
    pub fn flush(&self) -> Result<()> {
        let mut writer = self.writer()?;
        self.save_vectors(&mut writer)?;
        checkpoint(&writer.connection)?;
        finish_erasure(&writer.connection, &self.folder)
    }

    /// Runs one change: all of `work` and its history row are committed, or nothing is.
    fn write<T>(&self, op: Op, work: impl FnOnce(&mut Change<'_>) -> Result<T>) -> Result<T> {
        let done = self.write_about(op, |_| Ok(Some(None)), |change, _| work(change))?;
        done.ok_or_else(|| Error::new(ErrorKind::Internal, "a change found nothing to do"))
    }

    /// The same for a change about an earlier one, or about none (`Some(None)`). `None`: there is nothing to do.
    fn write_about<T>(
        &self,
        op: Op,
        find: impl FnOnce(&Connection) -> Result<Option<Option<i64>>>,
        work: impl FnOnce(&mut Change<'_>, Option<i64>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut writer = self.writer()?;
        let committed = commit(&mut writer.connection, op, find, work).map_err(|error| self.folder.explain(error))?;
        let Some((result, sealed)) = committed else { return Ok(None) };
        self.follow(&mut writer, sealed);
        Ok(Some(result))
    }

    /// Takes a committed change over into the indexes. The change is durable whatever happens here, so errors only
    /// leave a note for the next search to try again.
    fn follow(&self, writer: &mut Writer, sealed: Sealed) {
        let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let followed = vectors.follow(&writer.connection, &self.folder, sealed);
        self.behind.store(followed.is_err(), Ordering::Release);
        let full = followed.is_ok() && vectors.wants_saving();
        drop(vectors);
        if full && let Err(error) = self.save_vectors(writer) {
            tracing::warn!(kind = ?error.kind(), "index files could not be written; the next open takes longer");
        }
    }

    /// Writes both generations and lets the database name them; the files named before are removed.
    fn save_vectors(&self, writer: &mut Writer) -> Result<()> {
        let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        vectors.take_over(&writer.connection, &self.folder)?;
        self.behind.store(false, Ordering::Release);
        vectors.save(&mut writer.connection, &self.folder, self.id, self.fingerprint.digest())
    }

    /// After opening for writing: large tails become generations, what a crash left behind is removed, and an erasure
    /// that it interrupted is finished.
    fn tidy(&self) -> Result<()> {
        let mut writer = self.writer()?;
        let large = self.vectors.read().unwrap_or_else(PoisonError::into_inner).wants_saving();
        if large && let Err(error) = self.save_vectors(&mut writer) {
            tracing::warn!(kind = ?error.kind(), "index files could not be written; opening takes longer");
        }
        let keep = vectors::named_files(&writer.connection)?;
        self.folder.remove_stale(&keep).map_err(|e| io_error("tidying the library's folder", e))?;
        if let Err(error) = finish_erasure(&writer.connection, &self.folder) {
            tracing::warn!(kind = ?error.kind(), "an erasure could not be finished; the next flush tries again");
        }
        Ok(())
    }
}

/// One change in one transaction; see [`Library::write_about`].
fn commit<T>(
    connection: &mut Connection,
    op: Op,
    find: impl FnOnce(&Connection) -> Result<Option<Option<i64>>>,
    work: impl FnOnce(&mut Change<'_>, Option<i64>) -> Result<T>,
) -> Result<Option<(T, Sealed)>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
    let Some(about) = find(&tx)? else { return Ok(None) };
    let mut change = Change::begin(&tx, op, about, now_ms())?;
    let result = work(&mut change, about)?;
    let sealed = change.finish()?;
    tx.commit().map_err(sql_error)?;
    Ok(Some((result, sealed)))
}

fn check_fingerprint(fingerprint: &Fingerprint) -> Result<()> {
    if (1..=MAX_RAW_DIM).contains(&fingerprint.raw_dim) {
        return Ok(());
    }
    Err(record::invalid(format!("raw_dim is {}, it must be 1 to {MAX_RAW_DIM}", fingerprint.raw_dim)))
}

fn insert_library(connection: &Connection, fingerprint: &Fingerprint) -> rusqlite::Result<()> {
    let sql = "INSERT INTO library (only_row, id, created_at, encoders, head, raw_dim, last_key) \
               VALUES (1, ?1, ?2, ?3, ?4, ?5, 0)";
    let id = Uuid::new_v4();
    let Fingerprint { encoders, head, raw_dim } = fingerprint;
    connection.execute(sql, params![id.as_bytes(), now_ms(), encoders, head, raw_dim])?;
    Ok(())
}

/// The library's id, if its vectors come from these encoders and this head.
fn check_library(connection: &Connection, fingerprint: &Fingerprint) -> Result<[u8; 16]> {
    let (id, stored) = own_row(connection)?;
    let (old, new) = (stored.raw_dim, fingerprint.raw_dim);
    let message = if old != new {
        format!(
            "the library holds {old}-wide vectors, these encoders give {new}-wide ones; re-embed it (`crane library reembed`)"
        )
    } else if stored.encoders != fingerprint.encoders {
        "the library was written with other encoders; use those models or re-embed it (`crane library reembed`)"
            .to_owned()
    } else if stored.head != fingerprint.head {
        "the library was written with another projection head; use that one or re-project it (`crane library reembed`)"
            .to_owned()
    } else {
        return Ok(id);
    };
    Err(Error::new(ErrorKind::FingerprintMismatch, message))
}

/// The library's id, and which encoders and head its vectors come from.
fn own_row(connection: &Connection) -> Result<([u8; 16], Fingerprint)> {
    let sql = "SELECT id, encoders, head, raw_dim FROM library";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, Fingerprint { encoders: row.get(1)?, head: row.get(2)?, raw_dim: row.get(3)? }))
    };
    connection.query_row(sql, [], read).map_err(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => damaged("the library's own row is missing"),
        other => sql_error(other),
    })
}

fn open_database(folder: &Folder, fingerprint: &Fingerprint) -> Result<(Connection, [u8; 16], Vectors)> {
    let was_left = folder.journal_len() > 0;
    let mut connection = folder.open_writer()?;
    schema::establish(&mut connection, |tx| insert_library(tx, fingerprint))?;
    let id = check_library(&connection, fingerprint)?;
    sql::make_durable(&connection).map_err(sql_error)?;
    if was_left {
        sql::clear_shared_memory(&connection);
    }
    let vectors = load_vectors(&mut connection, folder)?;
    Ok((connection, id, vectors))
}

/// Loads the indexes inside one read transaction, so that files, history and keys are of the same moment.
fn load_vectors(connection: &mut Connection, folder: &Folder) -> Result<Vectors> {
    let tx = connection.transaction().map_err(sql_error)?;
    Vectors::load(&tx, folder)
}

/// Moves the journal into the database and empties it. A reader in the way only delays that to a later time.
fn checkpoint(connection: &Connection) -> Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(sql_error)
}

/// Now, Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Both modalities, in the order of their numbers.
const MODALITIES: [Modality; 2] = [Modality::Image, Modality::Text];
