//! Facts and keys, each against its checksum and its limits, and that none stands alone.

use rusqlite::{Connection, Row as SqlRow};
use uuid::Uuid;

use super::{Checker, Part, Severity};
use crate::error::Result;
use crate::index::Row;
use crate::library::folder::Folder;
use crate::library::record::{MAX_THUMBNAIL_BYTES, check_row};
use crate::library::snapshot::{COLUMNS, Snapshot};
use crate::library::sql::sql_error;
use crate::library::vectors::{KEY_SELECT, KeyRow, originals_crc};
use crate::types::{FactId, KeyId};

/// A row whose only fault is itself.
const DAMAGED: Severity = Severity::Damaged;

pub(super) fn check(tx: &Connection, _: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    let mut rows = tx.prepare(&format!("SELECT {COLUMNS} FROM facts f ORDER BY f.n")).map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        if Snapshot::read(row).is_err() {
            checker.find(Part::Facts, DAMAGED, "a fact does not match its checksum", fact_in(row, 0));
        }
        checker.report.facts += 1;
        checker.step()?;
    }
    Ok(())
}

pub(super) fn check_keys(tx: &Connection, _: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    let mut rows = tx.prepare(&format!("{KEY_SELECT} ORDER BY k.id")).map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        if KeyRow::read(row).is_err() {
            checker.find(Part::Keys, DAMAGED, "a key does not match its checksum", fact_in(row, 1));
        }
        checker.report.keys += 1;
        checker.step()?;
    }
    originals(tx, checker)?;
    for (sql, what) in [
        ("SELECT fact FROM keys WHERE id NOT IN (SELECT key FROM originals)", "a key lacks what it was made from"),
        ("SELECT NULL FROM originals WHERE key NOT IN (SELECT id FROM keys)", "an original belongs to no key"),
        ("SELECT fact FROM keys WHERE fact NOT IN (SELECT fact FROM revisions)", "a key belongs to no fact"),
    ] {
        let mut rows = tx.prepare(sql).map_err(sql_error)?;
        let mut rows = rows.query([]).map_err(sql_error)?;
        while let Some(row) = rows.next().map_err(sql_error)? {
            checker.find(Part::Keys, DAMAGED, what, fact_in(row, 0));
        }
    }
    Ok(())
}

fn originals(tx: &Connection, checker: &mut Checker<'_>) -> Result<()> {
    let raw_len: i64 = tx.query_row("SELECT 2 * raw_dim FROM library", [], |row| row.get(0)).map_err(sql_error)?;
    let sql = "SELECT o.key, o.raw, o.thumbnail, o.crc, k.vector, k.fact FROM originals o \
               LEFT JOIN keys k ON k.id = o.key ORDER BY o.key";
    let mut rows = tx.prepare(sql).map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let what = original(row, raw_len).map_err(sql_error)?;
        if let Some(what) = what {
            checker.find(Part::Keys, DAMAGED, what, fact_in(row, 5));
        }
    }
    Ok(())
}

/// What is wrong with what a key was made from, or with its vector.
fn original(row: &SqlRow<'_>, raw_len: i64) -> rusqlite::Result<Option<&'static str>> {
    let (key, raw): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let (thumbnail, crc): (Option<Vec<u8>>, u32) = (row.get(2)?, row.get(3)?);
    let vector: Option<[u8; 512]> = row.get(4)?;
    Ok(if originals_crc(KeyId(key), &raw, thumbnail.as_deref()) != crc {
        Some("what a key was made from does not match its checksum")
    } else if raw.len() as i64 != raw_len {
        Some("a raw embedding has the wrong width")
    } else if thumbnail.is_some_and(|thumbnail| thumbnail.len() > MAX_THUMBNAIL_BYTES) {
        Some("a photo's copy is too large")
    } else if vector.is_some_and(|vector| check_row(&Row(vector), &raw).is_err()) {
        Some("a vector is not of unit length, or not finite")
    } else {
        None
    })
}

/// The id of the fact that a row is about, where that much can be read.
fn fact_in(row: &SqlRow<'_>, column: usize) -> Option<FactId> {
    row.get::<_, Option<[u8; 16]>>(column).ok().flatten().map(|id| FactId(Uuid::from_bytes(id)))
}
