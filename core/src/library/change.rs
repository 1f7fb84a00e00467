//! One change of the library: the rows it writes, and its place in the append-only history.

use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::record::{ImageKey, TextKey};
use super::snapshot::Snapshot;
use super::sql::sql_error;
use super::vectors::{KeyRow, half_bytes, originals_crc};
use crate::error::Result;
use crate::index::{Entry, Row, state_code};
use crate::origin::Origin;
use crate::types::{FactId, FactState, KeyId, Modality};

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
    Import,
    Forget,
    Undo,
    Redo,
    Salvage,
    Reembed,
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
            Self::Import => "import",
            Self::Forget => "forget",
            Self::Undo => "undo",
            Self::Redo => "redo",
            Self::Salvage => "salvage",
            Self::Reembed => "reembed",
        }
    }
}

/// A change under way inside a transaction. Nothing of it counts before `finish` and the commit.
pub(super) struct Change<'a> {
    tx: &'a Transaction<'a>,
    op: Op,
    undoes: Option<i64>,
    seq: i64,
    now: i64,
    hash: Sha256,
    /// The largest key id given out so far, before this change and now.
    last_key: (i64, i64),
    /// Keys that this change added, as the indexes need them. `None`: it did more than adding.
    fresh: Option<Vec<KeyRow>>,
}

/// What a committed change hands over to the indexes.
pub(super) struct Sealed {
    pub(super) seq: i64,
    pub(super) digest: [u8; 32],
    /// All that it did to keys. `None`: look into the database.
    pub(super) fresh: Option<Vec<KeyRow>>,
}

impl<'a> Change<'a> {
    /// Begins the change after the last one.
    pub(super) fn begin(tx: &'a Transaction<'a>, op: Op, undoes: Option<i64>, now: i64) -> Result<Self> {
        let (last, digest) = last_change(tx).map_err(sql_error)?;
        let last_key = tx.query_row("SELECT last_key FROM library", [], |row| row.get(0)).map_err(sql_error)?;
        let seq = last + 1;
        let hash = begin_digest(&digest, seq, now, undoes, op.name());
        Ok(Self { tx, op, undoes, seq, now, hash, last_key: (last_key, last_key), fresh: Some(Vec::new()) })
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

    /// Stores a new fact; its keys have just been added. `past`: its history elsewhere as JSON, when it is imported.
    pub(super) fn insert(&mut self, id: FactId, fact: &Snapshot, past: Option<&str>) -> Result<()> {
        insert_fact(self.tx, id, fact).map_err(sql_error)?;
        for key in self.fresh.iter_mut().flatten().rev().take(fact.keys.len()) {
            key.entry = fact.entry(key.entry.key, id);
        }
        self.record(id, [None, Some(&fact.to_json()?), past]).map_err(sql_error)
    }

    /// Replaces what is known of a fact and records both in the history. `None` is a fact that is not there.
    pub(super) fn set(&mut self, id: FactId, before: Option<&Snapshot>, after: Option<&Snapshot>) -> Result<()> {
        self.set_with_past(id, before, after, None)
    }

    /// The same for an imported fact, with its history elsewhere as JSON.
    pub(super) fn set_with_past(
        &mut self,
        id: FactId,
        before: Option<&Snapshot>,
        after: Option<&Snapshot>,
        past: Option<&str>,
    ) -> Result<()> {
        self.fresh = None;
        self.write_fact(id, before, after).map_err(sql_error)?;
        let keys = |snapshot: Option<&Snapshot>| snapshot.map_or_else(Vec::new, |snapshot| snapshot.keys.clone());
        self.set_live(id, &keys(before), &keys(after)).map_err(sql_error)?;
        let before = before.map(Snapshot::to_json).transpose()?;
        let after = after.map(Snapshot::to_json).transpose()?;
        self.record(id, [before.as_deref(), after.as_deref(), past]).map_err(sql_error)
    }

    /// Stores a photo's vectors. The key is live: the snapshot that is written next must hold it.
    pub(super) fn add_image(&mut self, fact: FactId, key: &ImageKey) -> Result<i64> {
        let row = Row::from_embedding(&key.embedding);
        self.add_key(fact, (Modality::Image, None), row, &half_bytes(&key.raw), key.thumbnail.as_deref())
    }

    /// Stores a text's vectors. The key is live: the snapshot that is written next must hold it.
    pub(super) fn add_text(&mut self, fact: FactId, key: &TextKey) -> Result<i64> {
        let row = Row::from_embedding(&key.embedding);
        self.add_key(fact, (Modality::Text, Some(&key.text)), row, &half_bytes(&key.raw), None)
    }

    /// Stores a key as it lies in the database, `raw` as little-endian binary16. The key is live, as above.
    pub(super) fn add_key(
        &mut self,
        fact: FactId,
        (modality, text): (Modality, Option<&str>),
        row: Row,
        raw: &[u8],
        thumbnail: Option<&[u8]>,
    ) -> Result<i64> {
        let id = self.insert_key(fact, modality, text, row).map_err(sql_error)?;
        self.add_original(id, raw, thumbnail).map_err(sql_error)?;
        Ok(id)
    }

    /// Leaves only the husk of a fact, or nothing where the fact is not there, and a revision without content.
    pub(super) fn erase(&mut self, id: FactId, husk: Option<&Snapshot>) -> rusqlite::Result<()> {
        self.fresh = None;
        if let Some(husk) = husk {
            // What the columns hold counts, not what they should hold: a damaged fact can be forgotten too.
            let sql = "INSERT INTO fact_text (fact_text, rowid, statement, subject, target, source, note) \
                       SELECT 'delete', n, statement, subject, target, source, note FROM facts WHERE id = ?1";
            self.tx.execute(sql, [id.0.as_bytes()])?;
            let n = update_fact(self.tx, id, husk)?;
            // Empty as it is: FTS5 counts the rows that it holds against those of its content.
            index_text(self.tx, n, husk)?;
        }
        self.append(id, [None; 3], None)
    }

    /// Writes the change's own row.
    pub(super) fn finish(self) -> Result<Sealed> {
        let digest: [u8; 32] = self.hash.finalize().into();
        let sql = "INSERT INTO changes (seq, at, op, undoes, digest) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.tx.prepare_cached(sql).map_err(sql_error)?;
        insert.execute(params![self.seq, self.now, self.op.name(), self.undoes, digest]).map_err(sql_error)?;
        let (before, now) = self.last_key;
        if before != now {
            self.tx.execute("UPDATE library SET last_key = ?1", [now]).map_err(sql_error)?;
        }
        Ok(Sealed { seq: self.seq, digest, fresh: self.fresh })
    }

    fn record(&mut self, id: FactId, content: [Option<&str>; 3]) -> rusqlite::Result<()> {
        self.append(id, content, Some(Uuid::new_v4()))
    }

    /// Appends a revision and binds it to the change. Without a salt it never had content.
    fn append(&mut self, id: FactId, content: [Option<&str>; 3], salt: Option<Uuid>) -> rusqlite::Result<()> {
        let salt = salt.as_ref().map(Uuid::as_bytes);
        let digest = revision_digest(salt.map_or(&[], |salt| &salt[..]), content);
        link_digest(&mut self.hash, id, &digest);
        let sql = "INSERT INTO revisions (change, fact, before, after, past, salt, digest) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut insert = self.tx.prepare_cached(sql)?;
        let [before, after, past] = content;
        insert.execute(params![self.seq, id.0.as_bytes(), before, after, past, salt, digest])?;
        Ok(())
    }

    fn write_fact(&self, id: FactId, before: Option<&Snapshot>, after: Option<&Snapshot>) -> rusqlite::Result<()> {
        let (Some(before), after) = (before, after) else {
            return after.map_or(Ok(()), |after| insert_fact(self.tx, id, after));
        };
        let n = match after {
            Some(after) => update_fact(self.tx, id, after)?,
            None => delete_fact(self.tx, id)?,
        };
        if after.is_none_or(|after| before.texts() != after.texts()) {
            unindex_text(self.tx, n, before)?;
            after.map_or(Ok(()), |after| index_text(self.tx, n, after))?;
        }
        Ok(())
    }

    fn insert_key(&mut self, fact: FactId, modality: Modality, text: Option<&str>, row: Row) -> rusqlite::Result<i64> {
        self.last_key.1 += 1;
        let key = KeyId(self.last_key.1);
        let crc = KeyRow::crc(key, fact, modality, text, &row);
        let sql = "INSERT INTO keys (id, fact, modality, live, text, vector, crc) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)";
        let mut insert = self.tx.prepare_cached(sql)?;
        insert.execute(params![key.0, fact.0.as_bytes(), KeyRow::code(modality), text, row.0, crc])?;
        if let Some(fresh) = &mut self.fresh {
            // The fact that follows says the rest.
            let entry = Entry { key, fact, state: FactState::Active, valid_from: i64::MIN, valid_until: i64::MAX };
            fresh.push(KeyRow { entry, modality, row });
        }
        Ok(key.0)
    }

    fn add_original(&self, key: i64, raw: &[u8], thumbnail: Option<&[u8]>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO originals (key, raw, thumbnail, crc) VALUES (?1, ?2, ?3, ?4)";
        let crc = originals_crc(KeyId(key), raw, thumbnail);
        self.tx.prepare_cached(sql)?.execute(params![key, raw, thumbnail, crc])?;
        Ok(())
    }

    /// Says of every key that came or went whether it is part of its fact.
    fn set_live(&self, id: FactId, before: &[i64], after: &[i64]) -> rusqlite::Result<()> {
        // The checksum covers `live` by being inverted with it.
        let sql = "UPDATE keys SET live = ?3, crc = 4294967295 - crc WHERE id = ?1 AND fact = ?2 AND live <> ?3";
        let mut set = self.tx.prepare_cached(sql)?;
        for key in before.iter().filter(|key| !after.contains(key)) {
            set.execute(params![key, id.0.as_bytes(), 0])?;
        }
        // Keys that this change has added are live already.
        for key in after.iter().filter(|key| !before.contains(key) && **key <= self.last_key.0) {
            set.execute(params![key, id.0.as_bytes(), 1])?;
        }
        Ok(())
    }
}

/// Number and digest of the newest change; 0 and zeroes for an empty history.
pub(super) fn last_change(tx: &rusqlite::Connection) -> rusqlite::Result<(i64, [u8; 32])> {
    let mut last = tx.prepare_cached("SELECT seq, digest FROM changes ORDER BY seq DESC LIMIT 1")?;
    Ok(last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.unwrap_or((0, [0; 32])))
}

/// The digest of a change, over the one before it; its revisions follow, each by [`link_digest`].
pub(super) fn begin_digest(before: &[u8; 32], seq: i64, at: i64, undoes: Option<i64>, op: &str) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(seq.to_le_bytes());
    hash.update(at.to_le_bytes());
    hash.update(undoes.unwrap_or(0).to_le_bytes());
    hash.update((op.len() as u64).to_le_bytes());
    hash.update(op);
    hash
}

/// Binds a revision to its change.
pub(super) fn link_digest(hash: &mut Sha256, id: FactId, revision: &[u8; 32]) {
    hash.update(id.0.as_bytes());
    hash.update(revision);
}

/// Binds a revision's content to the chain without giving it away once salt and content are erased.
/// `content` is what was before, what is after, and for an import the past elsewhere.
pub(super) fn revision_digest(salt: &[u8], content: [Option<&str>; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(salt);
    for content in content {
        hash.update(content.map_or(-1, |c| c.len() as i64).to_le_bytes());
        hash.update(content.unwrap_or_default());
    }
    hash.finalize().into()
}

fn insert_fact(tx: &Transaction<'_>, id: FactId, fact: &Snapshot) -> rusqlite::Result<()> {
    let sql = "INSERT INTO facts (id, statement, subject, target, source, note, state, supersedes, created_at, \
               updated_at, valid_from, valid_until, origin, crc) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let n = tx.prepare_cached(sql)?.insert(columns(id, fact))?;
    index_text(tx, n, fact)
}

/// Replaces a fact's columns and gives its row.
fn update_fact(tx: &Transaction<'_>, id: FactId, fact: &Snapshot) -> rusqlite::Result<i64> {
    let sql = "UPDATE facts SET statement = ?2, subject = ?3, target = ?4, source = ?5, note = ?6, state = ?7, \
               supersedes = ?8, created_at = ?9, updated_at = ?10, valid_from = ?11, valid_until = ?12, origin = ?13, \
               crc = ?14 WHERE id = ?1 RETURNING n";
    tx.prepare_cached(sql)?.query_row(columns(id, fact), |row| row.get(0))
}

fn delete_fact(tx: &Transaction<'_>, id: FactId) -> rusqlite::Result<i64> {
    tx.prepare_cached("DELETE FROM facts WHERE id = ?1 RETURNING n")?.query_row([id.0.as_bytes()], |row| row.get(0))
}

/// The id and every column, in the order of the statements above.
fn columns(id: FactId, fact: &Snapshot) -> impl rusqlite::Params {
    let [statement, subject, target, source, note] = fact.texts();
    let supersedes = fact.supersedes.map(|id| id.0.into_bytes());
    let state = state_code(fact.state);
    let (from, until) = (fact.valid_from, fact.valid_until);
    let origin = fact.origin.map(Origin::to_bytes);
    let crc = fact.crc(id);
    let id = id.0.into_bytes();
    (
        id,
        statement,
        subject,
        target,
        source,
        note,
        state,
        supersedes,
        fact.created_at,
        fact.updated_at,
        from,
        until,
        origin,
        crc,
    )
}

fn index_text(tx: &Transaction<'_>, n: i64, fact: &Snapshot) -> rusqlite::Result<()> {
    let sql = "INSERT INTO fact_text (rowid, statement, subject, target, source, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let [statement, subject, target, source, note] = fact.texts();
    tx.prepare_cached(sql)?.execute(params![n, statement, subject, target, source, note])?;
    Ok(())
}

/// Takes a fact out of the full text, which has to be told what it holds.
fn unindex_text(tx: &Transaction<'_>, n: i64, fact: &Snapshot) -> rusqlite::Result<()> {
    let sql = "INSERT INTO fact_text (fact_text, rowid, statement, subject, target, source, note) \
               VALUES ('delete', ?1, ?2, ?3, ?4, ?5, ?6)";
    let [statement, subject, target, source, note] = fact.texts();
    tx.prepare_cached(sql)?.execute(params![n, statement, subject, target, source, note])?;
    Ok(())
}
