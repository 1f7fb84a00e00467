//! What the library stores of a fact, as packs carry it; every part is checked against its checksum.

use rusqlite::{Connection, Row as SqlRow};

use super::entry::{PackedKey, Past, PastEntry};
use super::format::MAX_PAST;
use crate::error::Result;
use crate::index::Row;
use crate::library::Library;
use crate::library::history::read_revision;
use crate::library::snapshot::Snapshot;
use crate::library::sql::{damaged, sql_error};
use crate::library::vectors::{KeyRow, originals_crc};
use crate::types::{FactId, KeyId};

impl Library {
    /// What an imported fact went through in the libraries that it comes from, oldest first; empty for a fact that was
    /// stated here. It is what their exporters say.
    pub fn past(&self, id: FactId) -> Result<Vec<PastEntry>> {
        self.read(|connection| {
            let mut entries = Vec::new();
            each_revision(connection, id, &mut |_, elsewhere| {
                entries.extend(elsewhere.into_iter().map(|past| past.into_entry(id)));
                Ok(())
            })?;
            Ok(entries)
        })
    }
}

/// What a fact is found by, in the order of adding.
pub(super) fn keys(connection: &Connection, id: FactId) -> Result<Vec<PackedKey>> {
    let sql = "SELECT k.id, k.modality, k.text, k.vector, k.crc, o.raw, o.thumbnail, o.crc FROM keys k \
               LEFT JOIN originals o ON o.key = k.id WHERE k.fact = ?1 AND k.live = 1 ORDER BY k.id";
    let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
    let mut rows = rows.query([id.0.as_bytes()]).map_err(sql_error)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        keys.push(key(row, id)?);
    }
    Ok(keys)
}

fn key(row: &SqlRow<'_>, fact: FactId) -> Result<PackedKey> {
    type Columns = (i64, i64, Option<String>, [u8; 512], u32, Vec<u8>, Option<Vec<u8>>, u32);
    let columns = |row: &SqlRow<'_>| -> rusqlite::Result<Columns> {
        let (id, modality, text, vector, crc) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((id, modality, text, vector, crc, row.get(5)?, row.get(6)?, row.get(7)?))
    };
    let (id, modality, text, vector, crc, raw, thumbnail, original_crc) = columns(row).map_err(sql_error)?;
    let (id, modality, row) = (KeyId(id), KeyRow::modality(modality)?, Row(vector));
    let sound = KeyRow::crc(id, fact, modality, text.as_deref(), &row) == crc
        && originals_crc(id, &raw, thumbnail.as_deref()) == original_crc;
    if sound { Ok(PackedKey { modality, text, row, raw, thumbnail }) } else { Err(damaged("checksum of a key")) }
}

/// What a fact went through, elsewhere and here, oldest first; the newest entries where there are too many.
pub(super) fn whole_past(connection: &Connection, id: FactId) -> Result<Vec<Past>> {
    let photos = photo_keys(connection, id).map_err(sql_error)?;
    let mut whole = Vec::new();
    each_revision(connection, id, &mut |(at, op, after), elsewhere| {
        whole.extend(elsewhere);
        let keys = after.as_ref().map_or(&[][..], |after| &after.keys);
        // A fact has at most a few dozen keys.
        let images = keys.iter().filter(|key| photos.contains(key)).count() as u32;
        let texts = keys.len() as u32 - images;
        whole.push(Past { at, op, images, texts, fact: after.map(|after| Snapshot { keys: Vec::new(), ..after }) });
        Ok(())
    })?;
    whole.drain(..whole.len().saturating_sub(MAX_PAST));
    Ok(whole)
}

/// When, what was done, and what the fact was after it.
type Revision = (i64, String, Option<Snapshot>);

/// Tells of every revision of a fact, oldest first, with what it brought along from elsewhere.
fn each_revision(
    connection: &Connection,
    id: FactId,
    each: &mut dyn FnMut(Revision, Vec<Past>) -> Result<()>,
) -> Result<()> {
    let sql = "SELECT r.fact, r.before, r.after, r.past, r.salt, r.digest, c.at, c.op FROM revisions r \
               JOIN changes c ON c.seq = r.change WHERE r.fact = ?1 AND r.salt IS NOT NULL ORDER BY r.change";
    let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
    let mut rows = rows.query([id.0.as_bytes()]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let (_, _, after) = read_revision(row)?;
        let columns = |row: &SqlRow<'_>| -> rusqlite::Result<(Option<String>, i64, String)> {
            Ok((row.get(3)?, row.get(6)?, row.get(7)?))
        };
        let (elsewhere, at, op) = columns(row).map_err(sql_error)?;
        let elsewhere = elsewhere.map_or_else(|| Ok(Vec::new()), |json| from_history(&json))?;
        each((at, op, after), elsewhere)?;
    }
    Ok(())
}

fn from_history(json: &str) -> Result<Vec<Past>> {
    // serde_json's errors may quote what they were given: they are not passed on.
    serde_json::from_str(json).map_err(|_| damaged("the past of an imported fact"))
}

/// Every photo that a fact ever had.
fn photo_keys(connection: &Connection, id: FactId) -> rusqlite::Result<Vec<i64>> {
    let mut keys = connection.prepare_cached("SELECT id FROM keys WHERE fact = ?1 AND modality = 0")?;
    keys.query_map([id.0.as_bytes()], |row| row.get(0))?.collect()
}
