//! Facts: adding, listing, showing, and changing where they stand.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use serde::Serialize;

use super::change::{Change, Op};
use super::record::{FactFilter, NewRecord, invalid};
use super::snapshot::{COLUMNS, Snapshot};
use super::sql::{damaged, sql_error};
use super::vectors::{KeyRow, originals_crc};
use super::{Library, now_ms};
use crate::error::{Error, ErrorKind, Result};
use crate::index::state_code;
use crate::types::{Fact, FactId, FactState, KeyId, Modality};

pub(super) const KEY_COUNTS: &str = "(SELECT count(*) FROM keys k WHERE k.fact = f.id AND k.live = 1 AND k.modality = 0), \
     (SELECT count(*) FROM keys k WHERE k.fact = f.id AND k.live = 1 AND k.modality = 1)";

/// One thing that a fact is found by.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Identity; never reused.
    pub id: KeyId,
    /// Photo or text.
    pub modality: Modality,
    /// The text, for a text key.
    pub text: Option<String>,
    /// Whether a small copy of the photo is kept.
    pub has_thumbnail: bool,
}

// A key's text is personal: `Debug` shows identity only.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("modality", &self.modality).finish_non_exhaustive()
    }
}

impl Library {
    /// Adds a fact; it is in force when this returns.
    ///
    /// # Errors
    /// `InvalidInput` names the field and its limit; nothing was stored then.
    pub fn add(&self, record: NewRecord) -> Result<Fact> {
        record.check(&self.fingerprint)?;
        self.write(Op::Add, |change| insert(change, FactId::random(), &record, None))
    }

    /// Adds many facts in one transaction: all of them, or none. They are one change of the history.
    ///
    /// # Errors
    /// As [`Library::add`].
    pub fn add_all(&self, records: &[NewRecord]) -> Result<Vec<Fact>> {
        for record in records {
            record.check(&self.fingerprint)?;
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        // Ids are random. Ascending ones are written page by page instead of all over the tables' indexes.
        let mut ids: Vec<FactId> = records.iter().map(|_| FactId::random()).collect();
        ids.sort_unstable();
        let with_ids = ids.into_iter().zip(records);
        self.write(Op::Add, |change| with_ids.map(|(id, record)| insert(change, id, record, None)).collect())
    }

    /// A fact in whatever state; of a forgotten one only id and times are left.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: FactId) -> Result<Fact> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS}, {KEY_COUNTS} FROM facts f WHERE f.id = ?1");
            let mut rows = connection.prepare_cached(&sql).map_err(sql_error)?;
            let mut rows = rows.query([id.0.as_bytes()]).map_err(sql_error)?;
            let row = rows.next().map_err(sql_error)?.ok_or_else(not_found)?;
            read_fact(row)
        })
    }

    /// Facts, newest first.
    pub fn list(&self, filter: &FactFilter) -> Result<Vec<Fact>> {
        self.read(|connection| {
            let (condition, values) = conditions(filter);
            let sql = format!(
                "SELECT {COLUMNS}, {KEY_COUNTS} FROM facts f WHERE {condition} \
                 ORDER BY f.created_at DESC, f.n DESC LIMIT ? OFFSET ?"
            );
            let mut rows = connection.prepare_cached(&sql).map_err(sql_error)?;
            let mut rows = rows.query(params_from_iter(values)).map_err(sql_error)?;
            let mut facts = Vec::new();
            while let Some(row) = rows.next().map_err(sql_error)? {
                facts.push(read_fact(row)?);
            }
            Ok(facts)
        })
    }

    /// What a fact is found by, in the order of adding.
    ///
    /// # Errors
    /// `NotFound` for an unknown fact.
    pub fn keys(&self, id: FactId) -> Result<Vec<Key>> {
        self.get(id)?;
        self.read(|connection| read_keys(connection, id).map_err(sql_error)?.into_iter().collect())
    }

    /// The small JPEG copy of a photo, where one is kept.
    ///
    /// # Errors
    /// `NotFound` for an unknown key.
    pub fn thumbnail(&self, key: KeyId) -> Result<Option<Vec<u8>>> {
        self.read(|connection| {
            let sql = "SELECT raw, thumbnail, crc FROM originals WHERE key = ?1";
            let row = connection
                .prepare_cached(sql)
                .and_then(|mut s| s.query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional())
                .map_err(sql_error)?;
            let (raw, thumbnail, crc): (Vec<u8>, Option<Vec<u8>>, u32) = row.ok_or_else(not_found)?;
            if originals_crc(key, &raw, thumbnail.as_deref()) != crc {
                return Err(damaged("checksum of a photo"));
            }
            Ok(thumbnail)
        })
    }

    /// Puts a disabled or deleted fact in force again; nothing happens to an active one.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for a fact that another one has replaced.
    pub fn enable(&self, id: FactId) -> Result<Fact> {
        self.set_state(id, Op::Enable, FactState::Active, |from| {
            matches!(from, FactState::Disabled | FactState::Deleted)
        })
    }

    /// Keeps a fact from firing until it is enabled again; nothing happens to a disabled one.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for a fact that is deleted, or replaced by another one.
    pub fn disable(&self, id: FactId) -> Result<Fact> {
        self.set_state(id, Op::Disable, FactState::Disabled, |from| from == FactState::Active)
    }

    /// Hides a fact and keeps it from firing. Its content and history stay, so it can be enabled again.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: FactId) -> Result<Fact> {
        self.set_state(id, Op::Delete, FactState::Deleted, |_| true)
    }

    fn set_state(&self, id: FactId, op: Op, to: FactState, from: impl Fn(FactState) -> bool) -> Result<Fact> {
        // A reader is told so even where nothing would change.
        drop(self.writer()?);
        let present = self.get(id)?;
        match present.state {
            FactState::Forgotten => return Err(not_found()),
            state if state == to => return Ok(present),
            _ => {}
        }
        self.write(op, |change| {
            // Read again: another thread may have been first.
            let before = load(change.tx(), id)?;
            if before.state != to && !from(before.state) {
                return Err(invalid(format!("a {} fact cannot be made {}", word(before.state), word(to))));
            }
            let after = Snapshot { state: to, updated_at: change.now(), ..before.clone() };
            change.set(id, Some(&before), Some(&after))
        })?;
        self.get(id)
    }
}

/// Stores a new fact, perhaps one that replaces another.
pub(super) fn insert(
    change: &mut Change<'_>,
    id: FactId,
    record: &NewRecord,
    supersedes: Option<FactId>,
) -> Result<Fact> {
    let mut snapshot = Snapshot::new(&record.fact, change.now());
    snapshot.supersedes = supersedes;
    for key in &record.images {
        snapshot.keys.push(change.add_image(id, key)?);
    }
    for key in &record.texts {
        snapshot.keys.push(change.add_text(id, key)?);
    }
    change.insert(id, &snapshot, None)?;
    // The limits on keys are far below u32.
    Ok(snapshot.into_fact(id, record.images.len() as u32, record.texts.len() as u32))
}

/// A fact that is not forgotten, with its keys.
pub(super) fn load(connection: &Connection, id: FactId) -> Result<Snapshot> {
    let mut snapshot = load_any(connection, id)?;
    if snapshot.state == FactState::Forgotten {
        return Err(not_found());
    }
    let sql = "SELECT id FROM keys WHERE fact = ?1 AND live = 1 ORDER BY id";
    let mut keys = connection.prepare_cached(sql).map_err(sql_error)?;
    let keys = keys.query_map([id.0.as_bytes()], |row| row.get(0)).map_err(sql_error)?;
    snapshot.keys = keys.collect::<rusqlite::Result<_>>().map_err(sql_error)?;
    Ok(snapshot)
}

/// A fact in whatever state, without its keys.
pub(super) fn load_any(connection: &Connection, id: FactId) -> Result<Snapshot> {
    let sql = format!("SELECT {COLUMNS} FROM facts f WHERE f.id = ?1");
    let mut rows = connection.prepare_cached(&sql).map_err(sql_error)?;
    let mut rows = rows.query([id.0.as_bytes()]).map_err(sql_error)?;
    let (_, snapshot) = Snapshot::read(rows.next().map_err(sql_error)?.ok_or_else(not_found)?)?;
    Ok(snapshot)
}

pub(super) fn read_fact(row: &rusqlite::Row<'_>) -> Result<Fact> {
    let (id, snapshot) = Snapshot::read(row)?;
    let (images, texts) = (row.get(14).map_err(sql_error)?, row.get(15).map_err(sql_error)?);
    Ok(snapshot.into_fact(id, images, texts))
}

fn read_keys(connection: &Connection, id: FactId) -> rusqlite::Result<Vec<Result<Key>>> {
    let sql = "SELECT k.id, k.modality, k.text, o.thumbnail IS NOT NULL FROM keys k \
               LEFT JOIN originals o ON o.key = k.id WHERE k.fact = ?1 AND k.live = 1 ORDER BY k.id";
    let mut keys = connection.prepare_cached(sql)?;
    let keys = keys.query_map(params![id.0.as_bytes()], |row| {
        let (id, text, has_thumbnail) = (KeyId(row.get(0)?), row.get(2)?, row.get(3)?);
        Ok(KeyRow::modality(row.get(1)?).map(|modality| Key { id, modality, text, has_thumbnail }))
    })?;
    keys.collect()
}

/// The filter as SQL, its values, and the two values of LIMIT and OFFSET.
fn conditions(filter: &FactFilter) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut terms = if filter.states.is_empty() {
        vec!["f.state < 3".to_owned()]
    } else {
        let codes: Vec<String> = filter.states.iter().map(|state| state_code(*state).to_string()).collect();
        vec![format!("f.state IN ({})", codes.join(", "))]
    };
    if let Some(source) = &filter.source {
        terms.push("f.source = ?".into());
        values.push(source.clone().into());
    }
    if let Some(subject) = &filter.subject {
        terms.push("f.subject = ? COLLATE NOCASE".into());
        values.push(subject.clone().into());
    }
    if let Some(at) = filter.valid_at {
        terms.push("coalesce(f.valid_from <= ?, 1) AND coalesce(f.valid_until > ?, 1)".into());
        values.extend([at.into(), at.into()]);
    }
    // SQLite reads a negative limit as none.
    values.extend([filter.limit.map_or(-1, i64::from).into(), i64::from(filter.offset).into()]);
    (terms.join(" AND "), values)
}

pub(super) fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "the library holds no such fact or key")
}

fn word(state: FactState) -> &'static str {
    match state {
        FactState::Active => "active",
        FactState::Disabled => "disabled",
        FactState::Superseded => "replaced",
        FactState::Deleted => "deleted",
        FactState::Forgotten => "forgotten",
    }
}

/// Facts that are valid right now; a convenience for lists.
impl FactFilter {
    /// Active facts that hold at this moment.
    pub fn in_force() -> Self {
        Self { states: vec![FactState::Active], valid_at: Some(now_ms()), ..Self::default() }
    }
}
