//! Forgetting: a fact's content and vectors are gone from every file of the library, and a receipt remains.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::change::{Change, Op, Sealed};
use super::facts::not_found;
use super::folder::Folder;
use super::snapshot::Snapshot;
use super::sql::{io_error, sql_error};
use super::vectors::named_files;
use super::{Library, checkpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{FactId, FactState};

/// What remains of a forgotten fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The fact that is gone.
    pub fact: FactId,
    /// When it was forgotten, Unix milliseconds.
    pub at: i64,
    /// The change of the history that did it.
    pub change: i64,
    /// Digest of the history up to that change.
    pub digest: [u8; 32],
}

impl Library {
    /// Erases a fact for good: statement, names, texts, photos and vectors are overwritten in the database, its
    /// journal, its full-text index, the index files and the history. It can't be undone.
    ///
    /// # Errors
    /// `NotFound`. `LibraryLocked` when another process's reader kept the journal from being emptied, or as the system
    /// says: if the fact is `Forgotten` then, [`Library::flush`] or the next opening finishes the erasure.
    pub fn forget(&self, id: FactId) -> Result<Receipt> {
        let mut writer = self.writer()?;
        let tx = writer.connection.transaction().map_err(sql_error)?;
        require(&tx, id)?;
        self.folder.begin_erasure().map_err(|e| io_error("forgetting a fact", e))?;
        // Old generations hold the vectors. Without them the index is rebuilt, so they go first.
        tx.execute("DELETE FROM generations", []).map_err(sql_error)?;
        let (receipt, sealed) = erase(&tx, id)?;
        tx.commit().map_err(sql_error)?;
        self.tell_forgotten();
        self.follow(&mut writer, sealed);
        finish_erasure(&writer.connection, &self.folder)?;
        Ok(receipt)
    }

    /// Has `told` called whenever something was forgotten, here or, as soon as that is noticed, by another process. The
    /// first one that is given stays.
    pub(crate) fn on_forget(&self, told: impl Fn() + Send + Sync + 'static) {
        // Given once, by the runtime that opened the library.
        let _ = self.on_forget.set(Box::new(told));
    }

    pub(super) fn tell_forgotten(&self) {
        if let Some(told) = self.on_forget.get() {
            told();
        }
    }

    /// Receipts of all forgotten facts, oldest first.
    pub fn receipts(&self) -> Result<Vec<Receipt>> {
        self.read(|connection| {
            let sql = "SELECT fact, at, change, digest FROM receipts ORDER BY change";
            let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
            let rows = rows.query_map([], |row| {
                let fact = FactId(uuid::Uuid::from_bytes(row.get(0)?));
                Ok(Receipt { fact, at: row.get(1)?, change: row.get(2)?, digest: row.get(3)? })
            });
            rows.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
        })
    }
}

/// Removes what traces a forgotten fact has left in the files, if an erasure is under way. The database is rewritten
/// without the pages and gaps that were freed, and the journal emptied. `secure_delete` zeroes freed cells and pages, but a
/// page that was rebalanced may keep an old copy of a cell in its gap.
pub(super) fn finish_erasure(connection: &Connection, folder: &Folder) -> Result<()> {
    if !folder.is_erasing() {
        return Ok(());
    }
    let keep = named_files(connection)?;
    folder.remove_stale(&keep).map_err(|e| io_error("removing index files", e))?;
    connection.execute_batch("VACUUM").map_err(sql_error)?;
    checkpoint(connection)?;
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let left: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(sql_error)?;
    if left > 0 {
        let busy =
            "another process still reads the library: the fact is gone, its journal is emptied at the next flush";
        return Err(Error::new(ErrorKind::LibraryLocked, busy));
    }
    folder.end_erasure().map_err(|e| io_error("forgetting a fact", e))
}

/// A fact that still has content somewhere: in the list, in the history or in its keys.
fn require(connection: &Connection, id: FactId) -> Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM facts WHERE id = ?1 AND state <> 4) \
               OR EXISTS (SELECT 1 FROM revisions WHERE fact = ?1 AND salt IS NOT NULL) \
               OR EXISTS (SELECT 1 FROM keys WHERE fact = ?1)";
    let known: bool = connection.query_row(sql, [id.0.as_bytes()], |row| row.get(0)).map_err(sql_error)?;
    if known { Ok(()) } else { Err(not_found()) }
}

fn erase(tx: &rusqlite::Transaction<'_>, id: FactId) -> Result<(Receipt, Sealed)> {
    let mut change = Change::begin(tx, Op::Forget, None, super::now_ms())?;
    let times = "SELECT created_at FROM facts WHERE id = ?1";
    let created_at: Option<i64> =
        tx.query_row(times, [id.0.as_bytes()], |row| row.get(0)).optional().map_err(sql_error)?;
    for sql in [
        "DELETE FROM originals WHERE key IN (SELECT id FROM keys WHERE fact = ?1)",
        "DELETE FROM keys WHERE fact = ?1",
        "UPDATE revisions SET before = NULL, after = NULL, past = NULL, salt = NULL WHERE fact = ?1",
    ] {
        tx.execute(sql, [id.0.as_bytes()]).map_err(sql_error)?;
    }
    let now = change.now();
    change.erase(id, created_at.map(|created_at| husk(created_at, now)).as_ref()).map_err(sql_error)?;
    let sealed = change.finish()?;
    let sql = "INSERT INTO receipts (fact, at, change, digest) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, params![id.0.as_bytes(), now, sealed.seq, sealed.digest]).map_err(sql_error)?;
    Ok((Receipt { fact: id, at: now, change: sealed.seq, digest: sealed.digest }, sealed))
}

/// What lists show of a forgotten fact.
fn husk(created_at: i64, now: i64) -> Snapshot {
    Snapshot {
        statement: String::new(),
        subject: None,
        target: None,
        source: None,
        note: None,
        state: FactState::Forgotten,
        supersedes: None,
        created_at,
        updated_at: now,
        valid_from: None,
        valid_until: None,
        origin: None,
        keys: Vec::new(),
    }
}
