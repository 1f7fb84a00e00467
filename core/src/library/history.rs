//! The history: what was changed when, taking changes back, and bringing them again.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::Library;
use super::change::{Change, Op, revision_digest};
use super::facts::{load, not_found};
use super::snapshot::Snapshot;
use super::sql::{damaged, sql_error};
use crate::error::Result;
use crate::types::{Fact, FactId};

/// One change of the library. It names facts by id and holds no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// Its number, counting up from 1.
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    /// What was done: `add`, `edit`, `enable`, `disable`, `delete`, `supersede`, `restore`, `import`, `forget`, `undo`,
    /// `redo`, `reembed`; `salvage` in a library that was made from a damaged one.
    pub op: String,
    /// The change that this one took back or brought again.
    pub undoes: Option<i64>,
    /// The facts it touched.
    pub facts: Vec<FactId>,
}

/// Changes that are neither taken back nor erased; the newest is the one to undo.
const UNDOABLE: &str = "SELECT c.seq FROM changes c WHERE c.op NOT IN ('undo', 'redo', 'forget', 'salvage', 'reembed') \
     AND c.seq > coalesce((SELECT max(seq) FROM changes WHERE op = 'reembed'), 0) \
     AND NOT EXISTS (SELECT 1 FROM changes u WHERE u.undoes = c.seq AND u.op = 'undo' \
         AND NOT EXISTS (SELECT 1 FROM changes r WHERE r.undoes = u.seq AND r.op = 'redo')) \
     AND EXISTS (SELECT 1 FROM revisions v WHERE v.change = c.seq AND v.salt IS NOT NULL) \
     ORDER BY c.seq DESC LIMIT 1";

/// Undos that stand and after which nothing new was done; the newest is the one to redo.
const REDOABLE: &str = "SELECT u.seq FROM changes u WHERE u.op = 'undo' \
     AND u.seq > coalesce((SELECT n.seq FROM changes n WHERE n.op NOT IN ('undo', 'redo') ORDER BY n.seq DESC LIMIT 1), 0) \
     AND NOT EXISTS (SELECT 1 FROM changes r WHERE r.undoes = u.seq AND r.op = 'redo') \
     AND EXISTS (SELECT 1 FROM revisions v WHERE v.change = u.seq AND v.salt IS NOT NULL) \
     ORDER BY u.seq DESC LIMIT 1";

impl Library {
    /// Changes, newest first, of one fact or of all; at most `limit`.
    pub fn history(&self, fact: Option<FactId>, limit: u32) -> Result<Vec<HistoryEntry>> {
        self.read(|connection| {
            let sql = "SELECT seq, at, op, undoes FROM changes WHERE ?1 IS NULL \
                       OR seq IN (SELECT change FROM revisions WHERE fact = ?1) ORDER BY seq DESC LIMIT ?2";
            let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
            let rows = rows
                .query_map(params![fact.map(|id| id.0.into_bytes()), limit], |row| {
                    let (seq, at, op, undoes) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                    Ok(HistoryEntry { seq, at, op, undoes, facts: Vec::new() })
                })
                .map_err(sql_error)?;
            let mut entries: Vec<HistoryEntry> = rows.collect::<rusqlite::Result<_>>().map_err(sql_error)?;
            for entry in &mut entries {
                entry.facts = facts_of(connection, entry.seq).map_err(sql_error)?;
            }
            Ok(entries)
        })
    }

    /// Takes back the newest change that stands; every fact it touched is exactly as it was. `None`: there is none.
    pub fn undo(&self) -> Result<Option<HistoryEntry>> {
        self.turn_back(Op::Undo, UNDOABLE)
    }

    /// Brings the change back that was undone last, unless something else was done since. `None`: there is none.
    pub fn redo(&self) -> Result<Option<HistoryEntry>> {
        self.turn_back(Op::Redo, REDOABLE)
    }

    /// The fact as it was right after a change of the history.
    ///
    /// # Errors
    /// `NotFound` where it did not exist then, or is forgotten.
    pub fn as_of(&self, id: FactId, seq: i64) -> Result<Fact> {
        self.read(|connection| {
            let snapshot = snapshot_at(connection, id, seq)?;
            let (mut images, mut texts) = (0, 0);
            for key in &snapshot.keys {
                *(if modality_of(connection, *key)? == Some(1) { &mut texts } else { &mut images }) += 1;
            }
            Ok(snapshot.into_fact(id, images, texts))
        })
    }

    /// Makes a fact what it was right after a change of the history; that is a change of its own.
    ///
    /// # Errors
    /// As [`Library::as_of`].
    pub fn restore(&self, id: FactId, seq: i64) -> Result<Fact> {
        self.write(Op::Restore, |change| {
            let before = match load(change.tx(), id) {
                Ok(before) => Some(before),
                // The fact was undone, not forgotten: `snapshot_at` tells these apart.
                Err(error) if error.kind() == crate::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let mut after = snapshot_at(change.tx(), id, seq)?;
            // Keys that new encoders could not read are gone for good.
            let mut kept = Vec::new();
            for key in after.keys {
                kept.extend(modality_of(change.tx(), key)?.map(|_| key));
            }
            after.keys = kept;
            change.set(id, before.as_ref(), Some(&after))
        })?;
        self.get(id)
    }

    fn turn_back(&self, op: Op, target: &str) -> Result<Option<HistoryEntry>> {
        let find = |tx: &Connection| {
            let found = tx.prepare_cached(target).and_then(|mut s| s.query_row([], |row| row.get(0)).optional());
            Ok(found.map_err(sql_error)?.map(Some))
        };
        self.write_about(op, find, |change, about| {
            let undoes = about.ok_or_else(|| damaged("the history names no change to take back"))?;
            let facts = revert(change, undoes)?;
            Ok(HistoryEntry { seq: change.seq(), at: change.now(), op: op.name().into(), undoes: about, facts })
        })
    }
}

/// Whether a key is of a photo (0) or a text (1); none: only a photo can have been erased.
fn modality_of(connection: &Connection, key: i64) -> Result<Option<i64>> {
    let sql = "SELECT modality FROM keys WHERE id = ?1";
    connection.prepare_cached(sql).and_then(|mut s| s.query_row([key], |row| row.get(0)).optional()).map_err(sql_error)
}

/// Sets every fact of a change back to what it was before it.
fn revert(change: &mut Change<'_>, seq: i64) -> Result<Vec<FactId>> {
    let mut facts = Vec::new();
    for (id, before, after) in revisions_of(change.tx(), seq)? {
        let present = match load(change.tx(), id) {
            Ok(present) => Some(present),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if present != after {
            return Err(damaged("a fact differs from the last entry of its history"));
        }
        change.set(id, after.as_ref(), before.as_ref())?;
        facts.push(id);
    }
    Ok(facts)
}

type Revision = (FactId, Option<Snapshot>, Option<Snapshot>);

/// What a change did, as far as it isn't erased, each revision checked against its digest.
fn revisions_of(connection: &Connection, seq: i64) -> Result<Vec<Revision>> {
    let sql = "SELECT fact, before, after, past, salt, digest FROM revisions \
               WHERE change = ?1 AND salt IS NOT NULL ORDER BY n";
    let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
    let mut rows = rows.query([seq]).map_err(sql_error)?;
    let mut revisions = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        revisions.push(read_revision(row)?);
    }
    Ok(revisions)
}

/// Reads `fact, before, after, past, salt, digest`, checked against the digest.
pub(super) fn read_revision(row: &rusqlite::Row<'_>) -> Result<Revision> {
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<_> {
        let texts: [Option<String>; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        Ok((FactId(Uuid::from_bytes(row.get(0)?)), texts, row.get::<_, Vec<u8>>(4)?, row.get::<_, [u8; 32]>(5)?))
    };
    let (id, texts, salt, digest) = read(row).map_err(sql_error)?;
    if revision_digest(&salt, texts.each_ref().map(Option::as_deref)) != digest {
        return Err(damaged("checksum of an entry of the history"));
    }
    let [before, after, _] = texts;
    let parse = |json: Option<String>| json.map(|json| Snapshot::from_json(&json)).transpose();
    Ok((id, parse(before)?, parse(after)?))
}

fn snapshot_at(connection: &Connection, id: FactId, seq: i64) -> Result<Snapshot> {
    let sql = "SELECT change FROM revisions WHERE fact = ?1 AND change <= ?2 ORDER BY change DESC LIMIT 1";
    let change: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row(params![id.0.as_bytes(), seq], |row| row.get(0)).optional())
        .map_err(sql_error)?;
    let revisions = revisions_of(connection, change.ok_or_else(not_found)?)?;
    revisions.into_iter().find(|(fact, ..)| *fact == id).and_then(|(_, _, after)| after).ok_or_else(not_found)
}

fn facts_of(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<FactId>> {
    let mut facts = connection.prepare_cached("SELECT fact FROM revisions WHERE change = ?1 ORDER BY n")?;
    let facts = facts.query_map([seq], |row| row.get(0).map(|id| FactId(Uuid::from_bytes(id))))?;
    facts.collect()
}
