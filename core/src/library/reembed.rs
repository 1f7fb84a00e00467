//! Going over to other models: every vector is made anew, in one change, or nothing changes.
//!
//! A new head alone projects the raw embeddings that are kept. A new encoder reads texts again, and the small copies of photos
//! where they are kept. What it can't read again is of no use to it: such keys are named first, and go only when that is
//! allowed.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use uuid::Uuid;

use super::change::{Change, Op};
use super::facts::load;
use super::folder::{Folder, WriterLock};
use super::forget::finish_erasure;
use super::record::{check_row, invalid};
use super::snapshot::Snapshot;
use super::sql::{damaged, io_error, make_durable, sql_error};
use super::vectors::{KEY_SELECT, KeyRow, half_bytes, half_values, originals_crc};
use super::{Library, LibraryKey, Progress, TELL_EVERY, check_fingerprint, now_ms, own_row, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Row;
use crate::types::{Embedding, FactId, FactState, Fingerprint, KeyId, RawEmbedding};

/// What a key's vector can be made from again.
pub enum Material<'a> {
    /// The tower's output: the head is another one, the encoders are the same.
    Raw(&'a RawEmbedding),
    /// The text of a text key.
    Text(&'a str),
    /// The small JPEG copy of a photo.
    Photo(&'a [u8]),
}

/// What becomes of keys that the new encoders can't read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing is changed, and an error says how many there are.
    Refuse,
    /// They are erased. Facts stay; one without any key left is disabled.
    Erase,
}

/// What re-embedding did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReembedReport {
    /// Keys with a new vector, those of earlier wordings among them.
    pub keys: u64,
    /// How many of them were projected from the embeddings that were kept.
    pub projected: u64,
    /// Keys that could not be read again, each with its fact: they are gone.
    pub erased: Vec<(FactId, KeyId)>,
    /// Facts that nothing finds any more; they are disabled.
    pub disabled: Vec<FactId>,
}

/// Makes the embeddings of a key anew.
pub type Embedder<'a> = &'a mut dyn FnMut(Material<'_>) -> Result<(RawEmbedding, Embedding)>;

impl Library {
    /// The keys that encoders of this fingerprint could not read again, each with its fact: photos of which no copy is kept.
    /// None, where only the head differs.
    ///
    /// # Errors
    /// As [`Library::check_at`].
    pub fn unreadable_at(
        path: impl AsRef<Path>,
        fingerprint: &Fingerprint,
        key: Option<&LibraryKey>,
    ) -> Result<Vec<(FactId, KeyId)>> {
        let mut folder = Folder::existing(path.as_ref())?;
        folder.unlock(key)?;
        let connection = folder.open_reader()?;
        require_current(&connection)?;
        unreadable(&connection, fingerprint)
    }

    /// Makes every vector of a library anew with other models, in one transaction. The vectors of the old ones are erased from
    /// every file. History and facts stay, but nothing before this can be undone: what was taken away then has no vector of
    /// the new models.
    ///
    /// # Errors
    /// `LibraryLocked` while it is open for writing; `InvalidInput` for keys that can't be read again, unless they may be
    /// erased; what `embed` and `progress` give. The library is then as it was.
    pub fn reembed_at(
        path: impl AsRef<Path>,
        fingerprint: &Fingerprint,
        key: Option<&LibraryKey>,
        unreadable: Unreadable,
        embed: Embedder<'_>,
        progress: Progress<'_>,
    ) -> Result<ReembedReport> {
        check_fingerprint(fingerprint)?;
        let mut folder = Folder::existing(path.as_ref())?;
        let _lock = WriterLock::take(&folder)?;
        folder.unlock(key)?;
        let mut connection = folder.open_writer().map_err(|error| folder.explain(error))?;
        require_current(&connection)?;
        make_durable(&connection).map_err(sql_error)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
        let report = reembed(&tx, fingerprint, unreadable, embed, progress)?;
        // From here on the old vectors are traces of something that is gone.
        folder.begin_erasure().map_err(|e| io_error("re-embedding the library", e))?;
        tx.commit().map_err(sql_error)?;
        finish_erasure(&connection, &folder)?;
        Ok(report)
    }
}

fn require_current(connection: &Connection) -> Result<()> {
    if schema::accept(connection)? == schema::VERSION {
        return Ok(());
    }
    let message = "the library has an older schema, or is being created; open it once for writing";
    Err(Error::new(ErrorKind::ReadOnly, message))
}

/// Whether the raw embeddings that are kept are what the new encoders would give.
fn keeps_raw(connection: &Connection, new: &Fingerprint) -> Result<bool> {
    let (_, old) = own_row(connection)?;
    Ok((old.encoders, old.raw_dim) == (new.encoders, new.raw_dim))
}

fn unreadable(connection: &Connection, new: &Fingerprint) -> Result<Vec<(FactId, KeyId)>> {
    if keeps_raw(connection, new)? {
        return Ok(Vec::new());
    }
    let sql = "SELECT k.fact, k.id FROM keys k JOIN originals o ON o.key = k.id \
               WHERE k.modality = 0 AND o.thumbnail IS NULL ORDER BY k.id";
    let mut keys = connection.prepare(sql).map_err(sql_error)?;
    let keys = keys.query_map([], |row| Ok((FactId(Uuid::from_bytes(row.get(0)?)), KeyId(row.get(1)?))));
    keys.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

fn reembed(
    tx: &Transaction<'_>,
    new: &Fingerprint,
    policy: Unreadable,
    embed: Embedder<'_>,
    progress: Progress<'_>,
) -> Result<ReembedReport> {
    let projects = keeps_raw(tx, new)?;
    let erased = unreadable(tx, new)?;
    if policy == Unreadable::Refuse && !erased.is_empty() {
        let count = erased.len();
        return Err(invalid(format!(
            "{count} photos have no copy that the new models could read; allow to erase them"
        )));
    }
    let mut report = ReembedReport { erased, ..ReembedReport::default() };
    let mut change = Change::begin(tx, Op::Reembed, None, now_ms())?;
    report.disabled = take_away(&mut change, &report.erased)?;
    let ids: Vec<i64> = collect(tx, "SELECT id FROM keys ORDER BY id")?;
    let total = ids.len() as u64;
    for (done, id) in (0..).zip(ids) {
        // An encoder takes its time: it is told of every key.
        if !projects || done % TELL_EVERY == 0 {
            progress(done, total)?;
        }
        renew(tx, KeyId(id), projects, new, embed)?;
        report.keys += 1;
        report.projected += u64::from(projects);
    }
    let sql = "UPDATE library SET encoders = ?1, head = ?2, raw_dim = ?3";
    tx.execute(sql, params![new.encoders, new.head, new.raw_dim]).map_err(sql_error)?;
    tx.execute("DELETE FROM generations", []).map_err(sql_error)?;
    change.finish()?;
    progress(total, total)?;
    Ok(report)
}

fn collect(tx: &Transaction<'_>, sql: &str) -> Result<Vec<i64>> {
    let mut rows = tx.prepare(sql).map_err(sql_error)?;
    let rows = rows.query_map([], |row| row.get(0)).map_err(sql_error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

/// Erases keys, and takes them from their facts; gives the facts that have none left.
fn take_away(change: &mut Change<'_>, keys: &[(FactId, KeyId)]) -> Result<Vec<FactId>> {
    let gone: HashSet<i64> = keys.iter().map(|(_, key)| key.0).collect();
    let facts: BTreeSet<FactId> = keys.iter().map(|(fact, _)| *fact).collect();
    let mut disabled = Vec::new();
    for id in facts {
        let before = match load(change.tx(), id) {
            Ok(before) => before,
            // It was taken back: only its keys are left.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut after = Snapshot { updated_at: change.now(), ..before.clone() };
        after.keys.retain(|kept| !gone.contains(kept));
        if after.keys.is_empty() && before.state == FactState::Active {
            after.state = FactState::Disabled;
            disabled.push(id);
        }
        if after.keys != before.keys {
            change.set(id, Some(&before), Some(&after))?;
        }
    }
    for (_, key) in keys {
        for sql in ["DELETE FROM keys WHERE id = ?1", "DELETE FROM originals WHERE key = ?1"] {
            change.tx().execute(sql, [key.0]).map_err(sql_error)?;
        }
    }
    Ok(disabled)
}

/// Makes the vector of one key anew.
fn renew(tx: &Transaction<'_>, id: KeyId, projects: bool, new: &Fingerprint, embed: Embedder<'_>) -> Result<()> {
    let sql =
        "SELECT k.text, o.raw, o.thumbnail, o.crc, k.live FROM keys k JOIN originals o ON o.key = k.id WHERE k.id = ?1";
    type Columns = (Option<String>, Vec<u8>, Option<Vec<u8>>, u32, bool);
    let columns = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Columns> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    };
    let (text, raw, thumbnail, crc, live) =
        tx.prepare_cached(sql).and_then(|mut key| key.query_row([id.0], columns)).map_err(sql_error)?;
    if originals_crc(id, &raw, thumbnail.as_deref()) != crc {
        return Err(damaged("checksum of what a key was made from"));
    }
    let key = stored(tx, id)?;
    let kept = half_values(&raw);
    let material = match (&text, &thumbnail) {
        _ if projects => Material::Raw(&kept),
        (Some(text), _) => Material::Text(text),
        (None, Some(photo)) => Material::Photo(photo),
        (None, None) => return Err(damaged("a photo's copy")),
    };
    let (fresh_raw, embedding) = embed(material)?;
    // Projected from what is kept, that stays as it is.
    let raw = if projects { raw } else { half_bytes(&fresh_raw) };
    let row = Row::from_embedding(&embedding);
    if raw.len() != 2 * new.raw_dim as usize {
        return Err(invalid("an encoder gives embeddings of another width than its fingerprint says"));
    }
    check_row(&row, &raw)?;
    let crc = KeyRow::crc(id, key.entry.fact, key.modality, text.as_deref(), &row);
    let crc = if live { crc } else { !crc };
    tx.prepare_cached("UPDATE keys SET vector = ?2, crc = ?3 WHERE id = ?1")
        .and_then(|mut update| update.execute(params![id.0, row.0, crc]))
        .map_err(sql_error)?;
    let crc = originals_crc(id, &raw, thumbnail.as_deref());
    tx.prepare_cached("UPDATE originals SET raw = ?2, crc = ?3 WHERE key = ?1")
        .and_then(|mut update| update.execute(params![id.0, raw, crc]))
        .map_err(sql_error)?;
    Ok(())
}

/// A key as it is stored, confirmed by its checksum.
fn stored(tx: &Transaction<'_>, id: KeyId) -> Result<KeyRow> {
    let mut rows = tx.prepare_cached(&format!("{KEY_SELECT} WHERE k.id = ?1")).map_err(sql_error)?;
    let mut rows = rows.query([id.0]).map_err(sql_error)?;
    KeyRow::read(rows.next().map_err(sql_error)?.ok_or_else(|| damaged("a key"))?)
}
