//! The history: the chain of digests, each revision against its own, and that the facts are where it ends.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{Checker, Part, Severity};
use crate::error::{ErrorKind, Result};
use crate::library::change::{begin_digest, link_digest};
use crate::library::facts::load;
use crate::library::folder::Folder;
use crate::library::history::read_revision;
use crate::library::snapshot::Snapshot;
use crate::library::sql::sql_error;
use crate::types::FactId;

/// What the history says a fact is: a hash, since all of them don't fit into memory. None: it is not there.
type Ends = HashMap<FactId, Option<u64>>;

pub(super) fn check(tx: &Connection, _: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    let ends = follow(tx, checker)?;
    facts_are_where_it_ends(tx, &ends, checker)?;
    receipts(tx, checker)?;
    let strays = "SELECT count(*) FROM revisions WHERE change NOT IN (SELECT seq FROM changes)";
    let strays: i64 = tx.query_row(strays, [], |row| row.get(0)).map_err(sql_error)?;
    if strays > 0 {
        damaged(checker, "an entry belongs to no change", None);
    }
    Ok(())
}

/// Follows the chain from the first change to the last.
fn follow(tx: &Connection, checker: &mut Checker<'_>) -> Result<Ends> {
    let (mut ends, mut last, mut link) = (Ends::new(), 0, [0; 32]);
    let mut rows = tx.prepare("SELECT seq, at, op, undoes, digest FROM changes ORDER BY seq").map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        type Columns = (i64, i64, String, Option<i64>, [u8; 32]);
        let columns = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (seq, at, op, undoes, digest) = columns(row).map_err(sql_error)?;
        if seq != last + 1 {
            damaged(checker, "a change is missing", None);
        }
        let mut hash = begin_digest(&link, seq, at, undoes, &op);
        revisions(tx, seq, &mut ends, &mut |id, digest| link_digest(&mut hash, id, digest), checker)?;
        if digest != <[u8; 32]>::from(sha2::Digest::finalize(hash)) {
            damaged(checker, "a change does not match its digest", None);
        }
        (last, link) = (seq, digest);
        checker.report.changes += 1;
        checker.step()?;
    }
    Ok(ends)
}

fn revisions(
    tx: &Connection,
    seq: i64,
    ends: &mut Ends,
    bind: &mut dyn FnMut(FactId, &[u8; 32]),
    checker: &mut Checker<'_>,
) -> Result<()> {
    let sql = "SELECT fact, before, after, past, salt, digest, \
               before IS NULL AND after IS NULL AND past IS NULL FROM revisions WHERE change = ?1 ORDER BY n";
    let mut rows = tx.prepare_cached(sql).map_err(sql_error)?;
    let mut rows = rows.query(params![seq]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let id = FactId(Uuid::from_bytes(row.get(0).map_err(sql_error)?));
        bind(id, &row.get(5).map_err(sql_error)?);
        let erased = row.get_ref(4).map_err(sql_error)? == rusqlite::types::ValueRef::Null;
        if erased {
            // The digest of what is erased can't be made again: it stays in the chain, that is all.
            if !row.get::<_, bool>(6).map_err(sql_error)? {
                damaged(checker, "an erased entry still has content", Some(id));
            }
            ends.insert(id, None);
        } else if let Ok((_, before, after)) = read_revision(row) {
            let (before, after) = (hash(before.as_ref()), hash(after.as_ref()));
            if ends.insert(id, after).unwrap_or(None) != before {
                damaged(checker, "an entry begins elsewhere than the one before it ends", Some(id));
            }
        } else {
            damaged(checker, "an entry does not match its checksum", Some(id));
            ends.remove(&id);
        }
    }
    Ok(())
}

fn facts_are_where_it_ends(tx: &Connection, ends: &Ends, checker: &mut Checker<'_>) -> Result<()> {
    for (id, end) in ends {
        let present = match load(tx, *id) {
            Ok(fact) => hash(Some(&fact)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // Its checksum is wrong, which was told with the facts.
            Err(error) if error.kind() == ErrorKind::LibraryCorrupt => continue,
            Err(error) => return Err(error),
        };
        if present != *end {
            damaged(checker, "a fact differs from the last entry of its history", Some(*id));
        }
        checker.step()?;
    }
    let sql = "SELECT id FROM facts WHERE id NOT IN (SELECT fact FROM revisions)";
    let mut rows = tx.prepare(sql).map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let id = FactId(Uuid::from_bytes(row.get(0).map_err(sql_error)?));
        damaged(checker, "a fact has no history", Some(id));
    }
    Ok(())
}

/// Every receipt is of a change that forgot, and nothing of its fact is left; nor is a fact forgotten without one.
fn receipts(tx: &Connection, checker: &mut Checker<'_>) -> Result<()> {
    for (sql, what) in [
        (
            "SELECT r.fact FROM receipts r LEFT JOIN changes c ON c.seq = r.change \
             WHERE c.op IS NULL OR c.op <> 'salvage' AND (c.op <> 'forget' OR c.digest <> r.digest)",
            "a receipt does not match its change",
        ),
        (
            "SELECT r.fact FROM receipts r WHERE EXISTS (SELECT 1 FROM keys k WHERE k.fact = r.fact) \
             OR EXISTS (SELECT 1 FROM facts f WHERE f.id = r.fact AND (f.state <> 4 OR f.statement <> ''))",
            "a forgotten fact still has content",
        ),
        (
            "SELECT id FROM facts WHERE state = 4 AND id NOT IN (SELECT fact FROM receipts) \
             UNION SELECT fact FROM revisions WHERE salt IS NULL AND fact NOT IN (SELECT fact FROM receipts)",
            "a forgotten fact has no receipt",
        ),
    ] {
        let mut rows = tx.prepare(sql).map_err(sql_error)?;
        let mut rows = rows.query([]).map_err(sql_error)?;
        while let Some(row) = rows.next().map_err(sql_error)? {
            let id = FactId(Uuid::from_bytes(row.get(0).map_err(sql_error)?));
            damaged(checker, what, Some(id));
        }
    }
    Ok(())
}

fn damaged(checker: &mut Checker<'_>, what: &str, fact: Option<FactId>) {
    checker.find(Part::History, Severity::Damaged, what, fact);
}

fn hash(snapshot: Option<&Snapshot>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    snapshot?.to_json().ok()?.hash(&mut hasher);
    Some(hasher.finish())
}
