//! A new library from rescued rows, as far as checksums confirm them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::SalvageReport;
use crate::error::{ErrorKind, Result};
use crate::index::{Index, Row};
use crate::library::change::{Change, Op};
use crate::library::facts::load_any;
use crate::library::history::read_revision;
use crate::library::pack::past_of;
use crate::library::record::{check_row, check_thumbnail};
use crate::library::snapshot::Snapshot;
use crate::library::sql::{damaged, sql_error};
use crate::library::vectors::{KeyRow, originals_crc};
use crate::library::{Library, Progress, TELL_EVERY};
use crate::types::{FactId, FactState, KeyId, Modality};

/// Fills a new library, in one change.
pub(super) fn rebuild(
    library: &Library,
    rescued: &Connection,
    indexes: Vec<Index>,
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    let facts = known_facts(rescued)?;
    let receipts = receipts(rescued)?;
    if facts.is_empty() && receipts.is_empty() {
        return Err(damaged("nothing in it can be read"));
    }
    let total = facts.len() as u64;
    library.write(Op::Salvage, |change| {
        let raw_len = 2 * library.fingerprint().raw_dim as usize;
        let mut salvage = Salvage { change, rescued, indexes, raw_len, report: SalvageReport::default() };
        for (done, id) in (0..).zip(facts) {
            if done % TELL_EVERY == 0 {
                progress(done, total)?;
            }
            if !receipts.contains_key(&id) {
                salvage.fact(id)?;
            }
        }
        for (id, (at, digest)) in &receipts {
            let sql = "INSERT INTO receipts (fact, at, change, digest) VALUES (?1, ?2, ?3, ?4)";
            let row = params![id.0.as_bytes(), at, salvage.change.seq(), digest];
            salvage.change.tx().execute(sql, row).map_err(sql_error)?;
            salvage.report.receipts += 1;
        }
        progress(total, total)?;
        Ok(salvage.report)
    })
}

/// Every fact that anything speaks of, in the order of adding where that is known.
fn known_facts(rescued: &Connection) -> Result<Vec<FactId>> {
    let sql = "SELECT id FROM (SELECT id, n FROM facts UNION ALL SELECT fact, 1 << 62 FROM revisions \
               UNION ALL SELECT fact, 1 << 62 FROM keys) GROUP BY id ORDER BY min(n), id";
    let mut facts = rescued.prepare(sql).map_err(sql_error)?;
    let facts = facts.query_map([], |row| Ok(FactId(Uuid::from_bytes(row.get(0)?)))).map_err(sql_error)?;
    facts.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

type Receipts = BTreeMap<FactId, (i64, [u8; 32])>;

fn receipts(rescued: &Connection) -> Result<Receipts> {
    let mut rows = rescued.prepare("SELECT fact, at, digest FROM receipts").map_err(sql_error)?;
    let rows = rows.query_map([], |row| Ok((FactId(Uuid::from_bytes(row.get(0)?)), (row.get(1)?, row.get(2)?))));
    rows.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

struct Salvage<'a, 'tx> {
    change: &'a mut Change<'tx>,
    rescued: &'a Connection,
    /// Whatever the database says of them: a key's checksum says whether a vector is the right one.
    indexes: Vec<Index>,
    raw_len: usize,
    report: SalvageReport,
}

/// What remains of a fact.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Remains {
    /// It, or its history, says what it is. Its keys by their old ids, if that is known.
    Fact { snapshot: Snapshot, keys: Option<Vec<i64>>, from_history: bool },
    /// It was taken back, or forgotten.
    Gone,
    /// It was there, and what it said can't be read.
    Lost,
}

impl Salvage<'_, '_> {
    fn fact(&mut self, id: FactId) -> Result<()> {
        let (mut snapshot, wanted, from_history) = match self.remains(id)? {
            Remains::Gone => return Ok(()),
            Remains::Lost => {
                self.report.lost_facts += 1;
                return Ok(());
            }
            Remains::Fact { snapshot, keys, from_history } => (snapshot, keys, from_history),
        };
        snapshot.keys = self.keys(id, wanted)?;
        if from_history && snapshot.keys.is_empty() {
            // An entry's own digest does not cover whose it is: only a key can confirm that.
            self.report.lost_facts += 1;
            return Ok(());
        }
        self.report.facts_from_history += u64::from(from_history);
        if snapshot.keys.is_empty() {
            self.report.facts_without_keys += 1;
            if snapshot.state == FactState::Active {
                snapshot.state = FactState::Disabled;
            }
        }
        let past = past_of(self.rescued, id).unwrap_or_else(|_| {
            self.report.lost_pasts += 1;
            None
        });
        self.change.insert(id, &snapshot, past.as_deref())?;
        self.report.facts += 1;
        Ok(())
    }

    fn remains(&self, id: FactId) -> Result<Remains> {
        let last = last_entry(self.rescued, id)?;
        let gone = matches!(last, Some(None));
        let of_last = last.flatten();
        match load_any(self.rescued, id) {
            Ok(snapshot) if snapshot.state == FactState::Forgotten => Ok(Remains::Gone),
            Ok(snapshot) => {
                // Only the entry that made it what it is knows its keys.
                let same = |last: &Snapshot| Snapshot { keys: Vec::new(), ..last.clone() } == snapshot;
                let keys = of_last.filter(|last| same(last)).map(|last| last.keys);
                Ok(Remains::Fact { snapshot, keys, from_history: false })
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::LibraryCorrupt) => {
                Ok(match of_last {
                    Some(last) => {
                        let keys = Some(last.keys.clone());
                        Remains::Fact { snapshot: Snapshot { keys: Vec::new(), ..last }, keys, from_history: true }
                    }
                    // The last entry says that it is not there any more.
                    None if gone && error.kind() == ErrorKind::NotFound => Remains::Gone,
                    None => Remains::Lost,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Stores the keys of a fact that can be saved, and gives their new ids.
    fn keys(&mut self, fact: FactId, wanted: Option<Vec<i64>>) -> Result<Vec<i64>> {
        let mut stored = self
            .rescued
            .prepare_cached("SELECT id FROM keys WHERE fact = ?1 AND live = 1 ORDER BY id")
            .map_err(sql_error)?;
        let stored = stored.query_map([fact.0.as_bytes()], |row| row.get(0)).map_err(sql_error)?;
        let stored: BTreeSet<i64> = stored.collect::<rusqlite::Result<_>>().map_err(sql_error)?;
        let wanted = wanted.map_or(stored, BTreeSet::from_iter);
        let mut kept = Vec::new();
        for key in wanted {
            let Some(key) = self.key(KeyId(key), fact)? else {
                self.report.lost_keys += 1;
                continue;
            };
            let (modality, text) = (key.modality, key.text.as_deref());
            kept.push(self.change.add_key(fact, (modality, text), key.row, &key.raw, key.thumbnail.as_deref())?);
            self.report.keys += 1;
        }
        Ok(kept)
    }

    /// A key whose every part is confirmed.
    fn key(&mut self, id: KeyId, fact: FactId) -> Result<Option<SavedKey>> {
        let sql = "SELECT k.modality, k.text, k.vector, k.crc, o.raw, o.thumbnail, o.crc FROM keys k \
                   JOIN originals o ON o.key = k.id WHERE k.id = ?1 AND k.fact = ?2";
        type Columns = (i64, Option<String>, [u8; 512], u32, Vec<u8>, Option<Vec<u8>>, u32);
        let columns = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        };
        let found = self
            .rescued
            .prepare_cached(sql)
            .and_then(|mut key| key.query_row(params![id.0, fact.0.as_bytes()], columns).optional());
        let Some((modality, text, vector, crc, raw, thumbnail, original_crc)) = found.map_err(sql_error)? else {
            return Ok(None);
        };
        let modality = KeyRow::modality(modality)?;
        let confirmed = |row: &Row| {
            let right = KeyRow::crc(id, fact, modality, text.as_deref(), row);
            // Inverted while the key is not live.
            crc == right || crc == !right
        };
        let stored = Some(Row(vector)).filter(confirmed);
        let row = stored.or_else(|| self.row_in_indexes(id).filter(confirmed));
        let sound = originals_crc(id, &raw, thumbnail.as_deref()) == original_crc && raw.len() == self.raw_len;
        let Some(row) = row.filter(|row| sound && check_row(row, &raw).is_ok()) else { return Ok(None) };
        self.report.keys_from_index += u64::from(stored.is_none());
        let thumbnail = thumbnail.filter(|bytes| check_thumbnail(Some(bytes)).is_ok());
        Ok(Some(SavedKey { modality, text, row, raw, thumbnail }))
    }

    /// What the index files have of a key.
    fn row_in_indexes(&self, key: KeyId) -> Option<Row> {
        self.indexes.iter().find_map(|index| index.row_of(key).ok().flatten().map(|row| Row(*row)))
    }
}

struct SavedKey {
    modality: Modality,
    text: Option<String>,
    row: Row,
    raw: Vec<u8>,
    thumbnail: Option<Vec<u8>>,
}

/// What the newest entry that can be read says of a fact; outer `None`: there is none.
fn last_entry(rescued: &Connection, id: FactId) -> Result<Option<Option<Snapshot>>> {
    let sql = "SELECT fact, before, after, past, salt, digest FROM revisions WHERE fact = ?1 AND salt IS NOT NULL \
               ORDER BY n DESC";
    let mut rows = rescued.prepare_cached(sql).map_err(sql_error)?;
    let mut rows = rows.query([id.0.as_bytes()]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        if let Ok((_, _, after)) = read_revision(row) {
            return Ok(Some(after));
        }
    }
    Ok(None)
}
