//! Telling, changing, finding and forgetting facts.

use super::{Conflict, Crane, Fact, FactFilter, HistoryEntry, NewFact, Receipt, Result};
use crate::shared::{existing, parse_id, writable};

#[uniffi::export]
impl Crane {
    /// Stores a correction under its photos and texts. It is on disk and in force when this returns.
    ///
    /// Fails with `InvalidInput` for a field beyond its limits, `UnsupportedImage`, `ReadOnly`, `StorageFull`,
    /// `Backgrounded`, `Closed`; the library is then as it was.
    pub fn add_fact(&self, fact: NewFact) -> Result<Fact> {
        Ok(self.runtime.add_fact(fact.into())?.into())
    }

    /// Active facts that a new one would collide with: the same subject with another target, or a photo at least as
    /// similar as `similarity` (cosine, -1 to 1; 0.95 is nearly the same picture). Nothing is stored: supersede one, add
    /// the new fact beside them, or leave it.
    pub fn conflicts(&self, fact: NewFact, similarity: f32) -> Result<Vec<Conflict>> {
        Ok(self.runtime.conflicts(&fact.into(), similarity)?.into_iter().map(Into::into).collect())
    }

    /// Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is
    /// found by, and a new statement takes the old one's place among the texts.
    pub fn edit_fact(&self, id: String, fact: NewFact) -> Result<Fact> {
        Ok(self.runtime.edit_fact(parse_id(&id)?, fact.into())?.into())
    }

    /// Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both
    /// back.
    pub fn supersede_fact(&self, old: String, fact: NewFact) -> Result<Fact> {
        Ok(self.runtime.replace_fact(parse_id(&old)?, fact.into())?.into())
    }

    /// Stores a correction in place of several others, such as all that `conflicts` names, as one change; `supersedes` of the
    /// new fact names the first.
    ///
    /// Fails with `InvalidInput` when there is none, or one is replaced or deleted already.
    pub fn supersede_facts(&self, old: Vec<String>, fact: NewFact) -> Result<Fact> {
        let old = old.iter().map(|id| parse_id(id)).collect::<crane_core::Result<Vec<_>>>()?;
        Ok(self.runtime.replace_facts(&old, fact.into())?.into())
    }

    /// Lets a disabled fact fire again.
    pub fn enable_fact(&self, id: String) -> Result<Fact> {
        Ok(self.runtime.enable(parse_id(&id)?)?.into())
    }

    /// Keeps a fact from firing until it is enabled.
    pub fn disable_fact(&self, id: String) -> Result<Fact> {
        Ok(self.runtime.disable(parse_id(&id)?)?.into())
    }

    /// Deletes a fact; its history stays, and an undo brings it back.
    pub fn delete_fact(&self, id: String) -> Result<Fact> {
        Ok(self.runtime.delete(parse_id(&id)?)?.into())
    }

    /// Erases a fact for good, from every file of the library. It can't be undone; the receipt says that it is done.
    pub fn forget_fact(&self, id: String) -> Result<Receipt> {
        Ok(writable(&self.runtime)?.forget(parse_id(&id)?)?.into())
    }

    /// One fact, whatever its state. Fails with `NotFound`.
    pub fn fact(&self, id: String) -> Result<Fact> {
        Ok(self.runtime.fact(parse_id(&id)?)?.into())
    }

    /// The facts that pass the filter, newest first.
    pub fn facts(&self, filter: FactFilter) -> Result<Vec<Fact>> {
        Ok(self.runtime.facts(&filter.into())?.into_iter().map(Into::into).collect())
    }

    /// Facts that hold all these words, the last of which may be begun only; best match first, at most `limit`.
    ///
    /// Fails with `InvalidInput` when `words` is empty or longer than 500 characters.
    pub fn search_facts(&self, words: String, limit: u32) -> Result<Vec<Fact>> {
        let Some(library) = self.runtime.library() else { return Ok(Vec::new()) };
        Ok(library.lookup(&words, limit)?.into_iter().map(Into::into).collect())
    }

    /// Changes, newest first, of one fact or of all; at most `limit`.
    pub fn history(&self, fact: Option<String>, limit: u32) -> Result<Vec<HistoryEntry>> {
        let Some(library) = self.runtime.library() else { return Ok(Vec::new()) };
        let fact = fact.map(|id| parse_id(&id)).transpose()?;
        Ok(library.history(fact, limit)?.into_iter().map(Into::into).collect())
    }

    /// A fact as it was right after a change of the history, which is named by its `seq`.
    ///
    /// Fails with `NotFound` where the fact did not exist then, or is forgotten.
    pub fn fact_as_of(&self, id: String, seq: i64) -> Result<Fact> {
        Ok(existing(&self.runtime)?.as_of(parse_id(&id)?, seq)?.into())
    }

    /// Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes back.
    ///
    /// Fails as `fact_as_of`.
    pub fn restore_fact(&self, id: String, seq: i64) -> Result<Fact> {
        Ok(writable(&self.runtime)?.restore(parse_id(&id)?, seq)?.into())
    }

    /// Takes back the newest change that stands; every fact it touched is exactly as it was. None: there is none.
    pub fn undo(&self) -> Result<Option<HistoryEntry>> {
        Ok(writable(&self.runtime)?.undo()?.map(Into::into))
    }

    /// Brings the change back that was undone last, unless something else was done since. None: there is none.
    pub fn redo(&self) -> Result<Option<HistoryEntry>> {
        Ok(writable(&self.runtime)?.redo()?.map(Into::into))
    }
}
