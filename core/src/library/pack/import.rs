//! Importing: one transaction and one change, or nothing.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::sync::PoisonError;

use rusqlite::TransactionBehavior;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Progress;
use super::entry::{PackedFact, PackedKey, past_json};
use super::plan::{Verdict, content, standing};
use super::read::Pack;
use crate::error::Result;
use crate::library::change::{Change, Op};
use crate::library::facts::load;
use crate::library::snapshot::Snapshot;
use crate::library::sql::sql_error;
use crate::library::{Conflict, Library, now_ms};
use crate::origin::{Origin, PublicKey};
use crate::types::{FactId, FactState};

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The signers that the person trusts. Facts of every other pack are marked untrusted for good.
    pub trusted: Vec<PublicKey>,
    /// From which similarity (cosine, -1 to 1) two photos are taken for the same picture.
    pub similarity: f32,
    /// What becomes of facts that something stands against.
    pub on_conflict: OnConflict,
}

impl Default for ImportOptions {
    /// Nobody is trusted, nearly identical pictures are the same one, and conflicting facts stay outside.
    fn default() -> Self {
        Self { trusted: Vec::new(), similarity: 0.95, on_conflict: OnConflict::Skip }
    }
}

/// What becomes of a fact that something stands against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It stays outside.
    #[default]
    Skip,
    /// It is added beside; where its id is taken, under a new one. Which of two fires is then a matter of score, and of
    /// equal scores the older key's.
    KeepBoth,
    /// It counts: it replaces the fact of the same id, and those it collides with become superseded.
    Supersede,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The change of the history that it became; none: there was nothing to do.
    pub change: Option<i64>,
    /// Facts that were added.
    pub added: Vec<FactId>,
    /// Facts that were replaced by the pack's of the same id.
    pub replaced: Vec<FactId>,
    /// Facts of this library that no longer fire, because one of the pack counts now.
    pub superseded: Vec<FactId>,
    /// Facts that stayed outside, because something stands against them.
    pub skipped: Vec<FactId>,
    /// How many facts were here already.
    pub same: u64,
    /// How many facts stayed outside, because this library has forgotten them.
    pub forgotten: u64,
}

impl Library {
    /// Imports a pack: all of it in one transaction, as one change that one undo takes back.
    ///
    /// # Errors
    /// As [`Library::preview_import`], and as [`Library::add`] for the storage. The library is then as it was.
    pub fn import<R: Read + Seek>(
        &self,
        pack: &mut Pack<R>,
        options: &ImportOptions,
        progress: Progress<'_>,
    ) -> Result<ImportReport> {
        self.check_pack(pack)?;
        let mut writer = self.writer()?;
        let tx = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
        self.vectors.write().unwrap_or_else(PoisonError::into_inner).take_over(&tx, &self.folder)?;
        let plan = self.plan_import(pack, &tx, options, &mut |_, _| Ok(()))?;
        let mut change = Change::begin(&tx, Op::Import, None, now_ms())?;
        let (origin, policy) = (pack.origin(&options.trusted), options.on_conflict);
        let report = ImportReport { change: Some(change.seq()), ..ImportReport::default() };
        let mut import = Import { change: &mut change, origin, policy, verdicts: plan.by_fact(), report };
        pack.scan(progress, &mut |fact| import.fact(fact), &mut |_| Ok(()))?;
        let mut report = import.report;
        if report.is_idle() {
            report.change = None;
            return Ok(report);
        }
        let sealed = change.finish()?;
        tx.commit().map_err(sql_error)?;
        self.follow(&mut writer, sealed);
        Ok(report)
    }
}

impl ImportReport {
    fn is_idle(&self) -> bool {
        self.added.is_empty() && self.replaced.is_empty() && self.superseded.is_empty()
    }
}

/// An import under way.
struct Import<'a, 'tx> {
    change: &'a mut Change<'tx>,
    origin: Origin,
    policy: OnConflict,
    verdicts: HashMap<FactId, &'a Verdict>,
    report: ImportReport,
}

impl Import<'_, '_> {
    fn fact(&mut self, fact: PackedFact) -> Result<()> {
        let verdict = *self.verdicts.get(&fact.id).ok_or_else(|| super::refused("it changed while it was read"))?;
        match (verdict, self.policy) {
            (Verdict::Same, _) => self.report.same += 1,
            (Verdict::Forgotten, _) => self.report.forgotten += 1,
            (Verdict::New, _) => self.insert(fact.id, &fact, None)?,
            (Verdict::Conflict { .. }, OnConflict::Skip) => self.report.skipped.push(fact.id),
            (Verdict::Conflict { differs: false, .. }, OnConflict::KeepBoth) => self.insert(fact.id, &fact, None)?,
            (Verdict::Conflict { differs: true, .. }, OnConflict::KeepBoth) => self.insert_copy(&fact)?,
            (Verdict::Conflict { differs, with }, OnConflict::Supersede) => {
                let retired = self.retire(with)?;
                if *differs { self.replace(&fact)? } else { self.insert(fact.id, &fact, retired)? }
            }
        }
        Ok(())
    }

    /// Adds the pack's fact, which supersedes `retired` unless it came with a predecessor of its own.
    fn insert(&mut self, id: FactId, fact: &PackedFact, retired: Option<FactId>) -> Result<()> {
        let mut snapshot = self.arrived(id, fact)?;
        snapshot.supersedes = snapshot.supersedes.or(retired);
        self.change.insert(id, &snapshot, past_json(&fact.past)?.as_deref())?;
        self.report.added.push(id);
        Ok(())
    }

    /// Adds the pack's fact under an id made from its content, unless that was done before.
    fn insert_copy(&mut self, fact: &PackedFact) -> Result<()> {
        let id = copy_id(fact)?;
        if self.verdicts.contains_key(&id) {
            return Err(super::refused("a fact claims another one's id"));
        }
        if standing(self.change.tx(), id)?.is_some() {
            self.report.same += 1;
            return Ok(());
        }
        self.insert(id, fact, None)
    }

    /// Puts the pack's fact in the place of the library's.
    fn replace(&mut self, fact: &PackedFact) -> Result<()> {
        let before = load(self.change.tx(), fact.id)?;
        let after = self.arrived(fact.id, fact)?;
        self.change.set_with_past(fact.id, Some(&before), Some(&after), past_json(&fact.past)?.as_deref())?;
        self.report.replaced.push(fact.id);
        Ok(())
    }

    /// Takes the facts that stand against one of the pack out of force, and names the first. Those that the pack itself
    /// brings are what the pack says they are.
    fn retire(&mut self, conflicts: &[Conflict]) -> Result<Option<FactId>> {
        let mut first = None;
        for id in conflicts.iter().map(|conflict| conflict.fact).filter(|id| !self.verdicts.contains_key(id)) {
            let before = load(self.change.tx(), id)?;
            if before.state == FactState::Active {
                let after = Snapshot { state: FactState::Superseded, updated_at: self.change.now(), ..before.clone() };
                self.change.set(id, Some(&before), Some(&after))?;
                self.report.superseded.push(id);
            }
            first = first.or(Some(id));
        }
        Ok(first)
    }

    /// The fact as it will stand here: with keys of this library, and its origin.
    fn arrived(&mut self, id: FactId, fact: &PackedFact) -> Result<Snapshot> {
        let keys = fact.keys.iter().map(|key| self.key(id, key)).collect::<Result<_>>()?;
        // Passing a fact on doesn't launder it.
        let trusted = self.origin.trusted && fact.snapshot.origin.is_none_or(|before| before.trusted);
        Ok(Snapshot { keys, origin: Some(Origin { trusted, ..self.origin }), ..fact.snapshot.clone() })
    }

    fn key(&mut self, id: FactId, key: &PackedKey) -> Result<i64> {
        let PackedKey { modality, text, row, raw, thumbnail } = key;
        self.change.add_key(id, (*modality, text.as_deref()), *row, raw, thumbnail.as_deref())
    }
}

/// The same id for the same content, so that a second import finds what the first has added.
fn copy_id(fact: &PackedFact) -> Result<FactId> {
    let mut hash = Sha256::new();
    hash.update(b"crane copy\0");
    hash.update(fact.id.0.as_bytes());
    hash.update(content(&fact.snapshot).to_json()?);
    for key in &fact.keys {
        let text = key.text.as_deref().unwrap_or_default();
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
        hash.update(key.row.0);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let bytes = std::array::from_fn(|at| digest[at]);
    Ok(FactId(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
}
