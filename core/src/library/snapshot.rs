//! A fact as one value: as the database's columns, and as JSON in the history.

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sql::{damaged, sql_error};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Entry, state_code, state_of};
use crate::origin::{ORIGIN_LEN, Origin};
use crate::types::{Fact, FactId, FactState, KeyId, NewFact};

/// The columns that `Snapshot::read` expects, in its order.
pub(super) const COLUMNS: &str = "f.id, f.statement, f.subject, f.target, f.source, f.note, f.state, f.supersedes, \
     f.created_at, f.updated_at, f.valid_from, f.valid_until, f.origin, f.crc";

/// Everything about a fact but its id, its keys by their ids.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    pub(super) statement: String,
    pub(super) subject: Option<String>,
    pub(super) target: Option<String>,
    pub(super) source: Option<String>,
    pub(super) note: Option<String>,
    pub(super) state: FactState,
    pub(super) supersedes: Option<FactId>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) valid_from: Option<i64>,
    pub(super) valid_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin>,
    /// Ids of the keys that belong to the fact, ascending; none in a fact pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) keys: Vec<i64>,
}

impl Snapshot {
    /// A new active fact without keys.
    pub(super) fn new(fact: &NewFact, now: i64) -> Self {
        Self {
            statement: fact.statement.clone(),
            subject: fact.subject.clone(),
            target: fact.target.clone(),
            source: fact.source.clone(),
            note: fact.note.clone(),
            state: FactState::Active,
            supersedes: None,
            created_at: now,
            updated_at: now,
            valid_from: fact.valid_from,
            valid_until: fact.valid_until,
            origin: None,
            keys: Vec::new(),
        }
    }

    /// Reads [`COLUMNS`] and checks them against their checksum; the keys stay empty.
    pub(super) fn read(row: &Row<'_>) -> Result<(FactId, Self)> {
        let (id, snapshot, crc) = Self::columns(row).map_err(sql_error)?;
        let snapshot = snapshot.ok_or_else(|| damaged("a fact has an unknown state"))?;
        if snapshot.crc(id) != crc {
            return Err(damaged("checksum of a fact"));
        }
        Ok((id, snapshot))
    }

    fn columns(row: &Row<'_>) -> rusqlite::Result<(FactId, Option<Self>, u32)> {
        let id = FactId(Uuid::from_bytes(row.get(0)?));
        let snapshot = state_of(row.get(6)?).map(|state| -> rusqlite::Result<Self> {
            Ok(Self {
                statement: row.get(1)?,
                subject: row.get(2)?,
                target: row.get(3)?,
                source: row.get(4)?,
                note: row.get(5)?,
                state,
                supersedes: row.get::<_, Option<[u8; 16]>>(7)?.map(|b| FactId(Uuid::from_bytes(b))),
                created_at: row.get(8)?,
                updated_at: row.get(9)?,
                valid_from: row.get(10)?,
                valid_until: row.get(11)?,
                origin: row.get::<_, Option<_>>(12)?.as_ref().map(Origin::from_bytes),
                keys: Vec::new(),
            })
        });
        Ok((id, snapshot.transpose()?, row.get(13)?))
    }

    /// What the index knows of one of its keys.
    pub(super) fn entry(&self, key: KeyId, fact: FactId) -> Entry {
        let (from, until) = (self.valid_from.unwrap_or(i64::MIN), self.valid_until.unwrap_or(i64::MAX));
        Entry { key, fact, state: self.state, valid_from: from, valid_until: until }
    }

    /// Statement, subject, target, source and note: what the full text holds.
    pub(super) fn texts(&self) -> [Option<&str>; 5] {
        let [subject, target] = [self.subject.as_deref(), self.target.as_deref()];
        [Some(&self.statement), subject, target, self.source.as_deref(), self.note.as_deref()]
    }

    /// CRC-32 over the id and every column, each text with its length before it.
    pub(super) fn crc(&self, id: FactId) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(id.0.as_bytes());
        for text in self.texts() {
            hash.update(&text.map_or(-1, |t| t.len() as i64).to_le_bytes());
            hash.update(text.map_or(&[], str::as_bytes));
        }
        hash.update(&[state_code(self.state)]);
        hash.update(self.supersedes.unwrap_or(FactId(Uuid::nil())).0.as_bytes());
        for moment in [Some(self.created_at), Some(self.updated_at), self.valid_from, self.valid_until] {
            hash.update(&[u8::from(moment.is_some())]);
            hash.update(&moment.unwrap_or(0).to_le_bytes());
        }
        hash.update(&self.origin.map_or([0; ORIGIN_LEN], Origin::to_bytes));
        hash.finalize()
    }

    /// The fact as callers see it.
    pub(super) fn into_fact(self, id: FactId, image_keys: u32, text_keys: u32) -> Fact {
        Fact {
            id,
            statement: self.statement,
            subject: self.subject,
            target: self.target,
            source: self.source,
            note: self.note,
            state: self.state,
            supersedes: self.supersedes,
            created_at: self.created_at,
            updated_at: self.updated_at,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            origin: self.origin,
            image_keys,
            text_keys,
        }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        // serde_json's errors may quote what they were given: they are not passed on.
        serde_json::to_string(self).map_err(|_| Error::new(ErrorKind::Internal, "a fact could not be written as JSON"))
    }

    pub(super) fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|_| damaged("an entry of the history is not JSON of a fact"))
    }
}
