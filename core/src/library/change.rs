//! One change of the library: the rows it writes, and its place in the append-only history.

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::record::{ImageKey, TextKey};
use super::snapshot::Snapshot;
use super::sql::sql_error;
use super::vectors::{KeyRow, half_bytes, originals_crc};
use crate::error::Result;
use crate::index::{Row, state_code};
use crate::types::{FactId, KeyId, Modality};

/// What a change did, as the history names it; never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Edit,
    Enable,
    Disable,
    Delete,
    Supersede,
    Restore,
    Forget,
    Undo,
    Redo,
}

impl Op {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Supersede => "supersede",
            Self::Restore => "restore",
            Self::Forget => "forget",
            Self::Undo => "undo",
            Self::Redo => "redo",
        }
    }
}

/// A change under way inside a transaction. Nothing of it counts before `finish` and the commit.
pub(super) struct Change<'a> {
    tx: &'a Transaction<'a>,
    seq: i64,
    now: i64,
    hash: Sha256,
}

impl<'a> Change<'a> {
    /// Begins the change after the last one.
    pub(super) fn begin(tx: &'a Transaction<'a>, op: Op, undoes: Option<i64>, now: i64) -> Result<Self> {
        let (last, digest) = last_change(tx).map_err(sql_error)?;
        let seq = last + 1;
        let mut hash = Sha256::new();
        hash.update(digest);
        hash.update(seq.to_le_bytes());
        hash.update(now.to_le_bytes());
        hash.update(undoes.unwrap_or(0).to_le_bytes());
        hash.update((op.name().len() as u64).to_le_bytes());
        hash.update(op.name());
        let sql = "INSERT INTO changes (seq, at, op, undoes, digest) VALUES (?1, ?2, ?3, ?4, zeroblob(32))";
        tx.prepare_cached(sql).and_then(|mut s| s.execute(params![seq, now, op.name(), undoes])).map_err(sql_error)?;
        Ok(Self { tx, seq, now, hash })
    }

    /// The moment of this change, Unix milliseconds.
    pub(super) const fn now(&self) -> i64 {
        self.now
    }

    /// The number of this change.
    pub(super) const fn seq(&self) -> i64 {
        self.seq
    }

    pub(super) const fn tx(&self) -> &'a Transaction<'a> {
        self.tx
    }

    /// Replaces what is known of a fact and records both in the history. `None` is a fact that is not there.
    pub(super) fn set(&mut self, id: FactId, before: Option<&Snapshot>, after: Option<&Snapshot>) -> Result<()> {
        match after {
            Some(after) => write_fact(self.tx, id, after, before.is_some()).map_err(sql_error)?,
            None => self.run("DELETE FROM facts WHERE id = ?1", id)?,
        }
        let kept = after.map_or(&[][..], |after| &after.keys);
        if before.map_or(&[][..], |before| &before.keys) != kept {
            set_live(self.tx, id, kept).map_err(sql_error)?;
        }
        let before = before.map(Snapshot::to_json).transpose()?;
        let after = after.map(Snapshot::to_json).transpose()?;
        self.record(id, before.as_deref(), after.as_deref()).map_err(sql_error)
    }

    /// Stores a photo's vectors; the fact's `set` makes the key live.
    pub(super) fn add_image(&self, fact: FactId, key: &ImageKey) -> Result<i64> {
        let id = self.add_key(fact, Modality::Image, None, &Row::from_embedding(&key.embedding)).map_err(sql_error)?;
        self.add_original(id, &half_bytes(&key.raw), key.thumbnail.as_deref()).map_err(sql_error)?;
        Ok(id)
    }

    /// Stores a text's vectors; the fact's `set` makes the key live.
    pub(super) fn add_text(&self, fact: FactId, key: &TextKey) -> Result<i64> {
        let row = Row::from_embedding(&key.embedding);
        let id = self.add_key(fact, Modality::Text, Some(&key.text), &row).map_err(sql_error)?;
        self.add_original(id, &half_bytes(&key.raw), None).map_err(sql_error)?;
        Ok(id)
    }

    /// Leaves only the husk of a fact, or nothing where the fact is not there, and a revision without content.
    pub(super) fn erase(&mut self, id: FactId, husk: Option<&Snapshot>) -> Result<()> {
        if let Some(husk) = husk {
            write_fact(self.tx, id, husk, true).map_err(sql_error)?;
        }
        let digest = revision_digest(&[], None, None);
        self.hash.update(id.0.as_bytes());
        self.hash.update(digest);
        let sql = "INSERT INTO revisions (change, fact, digest) VALUES (?1, ?2, ?3)";
        let mut insert = self.tx.prepare_cached(sql).map_err(sql_error)?;
        insert.execute(params![self.seq, id.0.as_bytes(), digest]).map_err(sql_error)?;
        Ok(())
    }

    /// Seals the history row and gives its digest.
    pub(super) fn finish(self) -> Result<[u8; 32]> {
        let digest: [u8; 32] = self.hash.finalize().into();
        let mut seal = self.tx.prepare_cached("UPDATE changes SET digest = ?2 WHERE seq = ?1").map_err(sql_error)?;
        seal.execute(params![self.seq, digest]).map_err(sql_error)?;
        Ok(digest)
    }

    fn run(&self, sql: &str, id: FactId) -> Result<()> {
        let mut statement = self.tx.prepare_cached(sql).map_err(sql_error)?;
        statement.execute([id.0.as_bytes()]).map_err(sql_error)?;
        Ok(())
    }

    fn record(&mut self, id: FactId, before: Option<&str>, after: Option<&str>) -> rusqlite::Result<()> {
        let salt = Uuid::new_v4();
        let digest = revision_digest(salt.as_bytes(), before, after);
        self.hash.update(id.0.as_bytes());
        self.hash.update(digest);
        let sql = "INSERT INTO revisions (change, fact, before, after, salt, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = self.tx.prepare_cached(sql)?;
        insert.execute(params![self.seq, id.0.as_bytes(), before, after, salt.as_bytes(), digest])?;
        Ok(())
    }

    fn add_key(&self, fact: FactId, modality: Modality, text: Option<&str>, row: &Row) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO keys (fact, modality, live, text, vector, crc) VALUES (?1, ?2, 0, ?3, ?4, 0)";
        let mut insert = self.tx.prepare_cached(sql)?;
        let id = insert.insert(params![fact.0.as_bytes(), KeyRow::code(modality), text, row.0])?;
        let crc = KeyRow::crc(KeyId(id), fact, modality, text, row);
        self.tx.prepare_cached("UPDATE keys SET crc = ?2 WHERE id = ?1")?.execute(params![id, crc])?;
        Ok(id)
    }

    fn add_original(&self, key: i64, raw: &[u8], thumbnail: Option<&[u8]>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO originals (key, raw, thumbnail, crc) VALUES (?1, ?2, ?3, ?4)";
        let crc = originals_crc(KeyId(key), raw, thumbnail);
        self.tx.prepare_cached(sql)?.execute(params![key, raw, thumbnail, crc])?;
        Ok(())
    }
}

/// Number and digest of the newest change; 0 and zeroes for an empty history.
pub(super) fn last_change(tx: &rusqlite::Connection) -> rusqlite::Result<(i64, [u8; 32])> {
    let mut last = tx.prepare_cached("SELECT seq, digest FROM changes ORDER BY seq DESC LIMIT 1")?;
    Ok(last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.unwrap_or((0, [0; 32])))
}

/// Binds a revision's content to the chain without giving it away once salt and content are erased.
pub(super) fn revision_digest(salt: &[u8], before: Option<&str>, after: Option<&str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(salt);
    for content in [before, after] {
        hash.update(content.map_or(-1, |c| c.len() as i64).to_le_bytes());
        hash.update(content.unwrap_or_default());
    }
    hash.finalize().into()
}

fn write_fact(tx: &Transaction<'_>, id: FactId, fact: &Snapshot, exists: bool) -> rusqlite::Result<()> {
    let sql = if exists {
        "UPDATE facts SET statement = ?2, subject = ?3, target = ?4, source = ?5, note = ?6, state = ?7, \
         supersedes = ?8, created_at = ?9, updated_at = ?10, valid_from = ?11, valid_until = ?12, crc = ?13 WHERE id = ?1"
    } else {
        "INSERT INTO facts (id, statement, subject, target, source, note, state, supersedes, created_at, updated_at, \
         valid_from, valid_until, crc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    };
    let mut write = tx.prepare_cached(sql)?;
    write.execute(params![
        id.0.as_bytes(),
        fact.statement,
        fact.subject,
        fact.target,
        fact.source,
        fact.note,
        state_code(fact.state),
        fact.supersedes.map(|id| id.0.into_bytes()),
        fact.created_at,
        fact.updated_at,
        fact.valid_from,
        fact.valid_until,
        fact.crc(id),
    ])?;
    Ok(())
}

fn set_live(tx: &Transaction<'_>, id: FactId, live: &[i64]) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE keys SET live = 0 WHERE fact = ?1 AND live = 1")?.execute([id.0.as_bytes()])?;
    let mut set = tx.prepare_cached("UPDATE keys SET live = 1 WHERE id = ?1 AND fact = ?2")?;
    for key in live {
        set.execute(params![key, id.0.as_bytes()])?;
    }
    Ok(())
}
