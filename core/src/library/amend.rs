//! Correcting a correction: editing, replacing, and what a new fact would collide with.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::change::{Change, Op};
use super::facts::load;
use super::record::{
    ImageKey, MAX_IMAGE_KEYS, MAX_TEXT_KEYS, NewRecord, TextKey, at_most, check_fact, check_similarity, invalid,
};
use super::snapshot::Snapshot;
use super::sql::sql_error;
use super::{Library, facts, now_ms};
use crate::error::Result;
use crate::index::Filter;
use crate::types::{Embedding, Fact, FactId, FactState, KeyId, Modality, NewFact};

/// What a fact becomes. All fields of `fact` replace the old ones; keys change only as stated.
#[derive(Clone, Default)]
pub struct Amendment {
    /// The fact's fields; `images` and `texts` are not read.
    pub fact: NewFact,
    /// Photos to add.
    pub add_images: Vec<ImageKey>,
    /// Texts to add; a new statement needs its own.
    pub add_texts: Vec<TextKey>,
    /// Keys to take away. They stay in the history.
    pub remove: Vec<KeyId>,
}

/// Why an existing active fact gets in the way of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Collision {
    /// The same subject has another target.
    Subject,
    /// One of its photos is as similar as this to a photo of the new fact.
    Picture(f32),
}

/// An existing fact that a new one collides with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// The fact in the way.
    pub fact: FactId,
    /// Why.
    pub collision: Collision,
}

impl Library {
    /// Changes a fact's fields and keys.
    ///
    /// # Errors
    /// `NotFound` for the fact or a key to remove; `InvalidInput` names the field, or says that no key would be left.
    pub fn edit(&self, id: FactId, amendment: &Amendment) -> Result<Fact> {
        check_fact(&amendment.fact)?;
        let added = NewRecord {
            fact: amendment.fact.clone(),
            images: amendment.add_images.clone(),
            texts: amendment.add_texts.clone(),
        };
        added.check_keys(&self.fingerprint)?;
        self.write(Op::Edit, |change| amend(change, id, amendment))?;
        self.get(id)
    }

    /// Adds a fact in place of another one, which stays in the library and no longer fires. One change, so that one
    /// undo brings the old one back.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when the old fact is deleted or replaced already; else as [`Library::add`].
    pub fn supersede(&self, old: FactId, record: &NewRecord) -> Result<Fact> {
        self.supersede_all(&[old], record)
    }

    /// The same in place of several facts; `supersedes` of the new one names the first.
    ///
    /// # Errors
    /// As [`Library::supersede`].
    pub fn supersede_all(&self, old: &[FactId], record: &NewRecord) -> Result<Fact> {
        record.check(&self.fingerprint)?;
        self.write(Op::Supersede, |change| {
            old.iter().try_for_each(|id| retire(change, *id))?;
            facts::insert(change, FactId::random(), record, old.first().copied())
        })
    }

    /// Active facts that a new one collides with: the same subject with another target, or a photo at least as similar
    /// as `similarity` (cosine, -1 to 1). Nothing is stored; the caller decides to replace, to keep both, or to stop.
    ///
    /// # Errors
    /// As [`Library::add`] for the record; `InvalidInput` for a similarity that is none.
    pub fn conflicts(&self, record: &NewRecord, similarity: f32) -> Result<Vec<Conflict>> {
        check_similarity(similarity)?;
        record.check(&self.fingerprint)?;
        self.catch_up()?;
        let named = (&record.fact.subject, &record.fact.target);
        let photos = record.images.iter().map(|key| &key.embedding);
        self.read(|connection| self.collisions(connection, named, photos, similarity))
    }

    /// The same for a fact of this subject and target, in an index that was caught up with.
    pub(super) fn collisions<'a>(
        &self,
        connection: &Connection,
        named: (&Option<String>, &Option<String>),
        photos: impl Iterator<Item = &'a Embedding>,
        similarity: f32,
    ) -> Result<Vec<Conflict>> {
        let mut conflicts = same_subject(connection, named)?;
        let filter = Filter::active_at(now_ms());
        for photo in photos {
            for hit in self.with_index(Modality::Image, |index| index.search(photo, 16, &filter))? {
                let known = conflicts.iter().any(|c: &Conflict| c.fact == hit.fact);
                if hit.score >= similarity && !known {
                    conflicts.push(Conflict { fact: hit.fact, collision: Collision::Picture(hit.score) });
                }
            }
        }
        Ok(conflicts)
    }
}

fn amend(change: &mut Change<'_>, id: FactId, amendment: &Amendment) -> Result<()> {
    let before = load(change.tx(), id)?;
    let mut after = Snapshot::new(&amendment.fact, change.now());
    after.created_at = before.created_at;
    (after.state, after.supersedes, after.origin) = (before.state, before.supersedes, before.origin);
    after.keys = before.keys.clone();
    for key in &amendment.remove {
        let at = after.keys.iter().position(|kept| *kept == key.0).ok_or_else(facts::not_found)?;
        after.keys.remove(at);
    }
    for key in &amendment.add_images {
        after.keys.push(change.add_image(id, key)?);
    }
    for key in &amendment.add_texts {
        after.keys.push(change.add_text(id, key)?);
    }
    if after.keys.is_empty() {
        return Err(invalid("a fact needs at least one photo or text to be found by"));
    }
    at_most("keys", after.keys.len(), MAX_IMAGE_KEYS + MAX_TEXT_KEYS)?;
    change.set(id, Some(&before), Some(&after))
}

/// Takes a fact out of force for good: another one says it better.
fn retire(change: &mut Change<'_>, id: FactId) -> Result<()> {
    let before = load(change.tx(), id)?;
    if !matches!(before.state, FactState::Active | FactState::Disabled) {
        return Err(invalid("only an active or disabled fact can be replaced"));
    }
    let after = Snapshot { state: FactState::Superseded, updated_at: change.now(), ..before.clone() };
    change.set(id, Some(&before), Some(&after))
}

fn same_subject(
    connection: &Connection,
    (subject, target): (&Option<String>, &Option<String>),
) -> Result<Vec<Conflict>> {
    let Some(subject) = subject else { return Ok(Vec::new()) };
    let sql = "SELECT id FROM facts WHERE subject = ?1 COLLATE NOCASE AND state = 0 \
               AND coalesce(target, '') <> coalesce(?2, '') COLLATE NOCASE ORDER BY n";
    let mut rows = connection.prepare_cached(sql).map_err(sql_error)?;
    let rows = rows.query_map(params![subject, target], |row| {
        let fact = FactId(uuid::Uuid::from_bytes(row.get(0)?));
        Ok(Conflict { fact, collision: Collision::Subject })
    });
    rows.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
}
