//! What an import would do: every fact of a pack compared with the library, before anything is written.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use rusqlite::Connection;
use serde::Serialize;

use super::entry::PackedFact;
use super::import::ImportOptions;
use super::read::Pack;
use super::{Progress, stored};
use crate::error::{Error, ErrorKind, Result};
use crate::index::state_of;
use crate::library::facts::load;
use crate::library::record::check_similarity;
use crate::library::snapshot::Snapshot;
use crate::library::sql::sql_error;
use crate::library::{Conflict, Library};
use crate::origin::Origin;
use crate::types::{Embedding, FactId, FactState, Modality};

/// What an import would find.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportPreview {
    /// The pack, its signer, and whether that signer is trusted.
    pub origin: Origin,
    /// Facts that this library doesn't have and that nothing stands against.
    pub new: Vec<FactId>,
    /// Facts that it has already.
    pub same: Vec<FactId>,
    /// Facts that something stands against; the importer chooses.
    pub conflicts: Vec<ImportConflict>,
    /// Facts that this library has forgotten; they stay forgotten.
    pub forgotten: Vec<FactId>,
    /// Facts of this library that the exporting one has forgotten; an import leaves them alone.
    pub forgotten_there: Vec<FactId>,
}

/// A fact of a pack and what stands against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportConflict {
    /// The pack's fact.
    pub fact: FactId,
    /// Whether this library has the same fact with another content.
    pub differs: bool,
    /// Other facts that it collides with.
    pub with: Vec<Conflict>,
}

impl Library {
    /// Compares a pack with the library; nothing is stored.
    ///
    /// # Errors
    /// `FingerprintMismatch` when its vectors come from other encoders; `PackCorrupt` when the file has changed since it
    /// was opened; what `progress` gives.
    pub fn preview_import<R: Read + Seek>(
        &self,
        pack: &mut Pack<R>,
        options: &ImportOptions,
        progress: Progress<'_>,
    ) -> Result<ImportPreview> {
        self.check_pack(pack)?;
        self.catch_up()?;
        self.read(|connection| {
            let tx = connection.transaction().map_err(sql_error)?;
            let plan = self.plan_import(pack, &tx, options, progress)?;
            Ok(plan.into_preview(pack.origin(&options.trusted)))
        })
    }

    /// Reads the pack once and compares it with the connection's moment, to which the index has caught up.
    pub(super) fn plan_import<R: Read + Seek>(
        &self,
        pack: &mut Pack<R>,
        connection: &Connection,
        options: &ImportOptions,
        progress: Progress<'_>,
    ) -> Result<Plan> {
        check_similarity(options.similarity)?;
        let mut plan = Plan { verdicts: Vec::new(), forgotten_there: Vec::new() };
        let Plan { verdicts, forgotten_there } = &mut plan;
        pack.scan(
            progress,
            &mut |fact| {
                verdicts.push((fact.id, self.verdict(&fact, connection, options.similarity)?));
                Ok(())
            },
            &mut |receipt| {
                if standing(connection, receipt.fact)?.is_some_and(|state| state != FactState::Forgotten) {
                    forgotten_there.push(receipt.fact);
                }
                Ok(())
            },
        )?;
        plan.drop_known_neighbours();
        Ok(plan)
    }

    fn verdict(&self, fact: &PackedFact, connection: &Connection, similarity: f32) -> Result<Verdict> {
        if standing(connection, fact.id)? == Some(FactState::Forgotten) {
            return Ok(Verdict::Forgotten);
        }
        let differs = match load(connection, fact.id) {
            Ok(here) if is_same(&here, fact, connection)? => return Ok(Verdict::Same),
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let mut with = Vec::new();
        // A fact that doesn't fire is in nobody's way.
        if fact.snapshot.state == FactState::Active {
            let photos = fact.keys.iter().filter(|key| key.modality == Modality::Image);
            let photos: Vec<Embedding> = photos.map(|key| key.row.to_embedding()).collect();
            let named = (&fact.snapshot.subject, &fact.snapshot.target);
            with = self.collisions(connection, named, photos.iter(), similarity)?;
            with.retain(|conflict| conflict.fact != fact.id);
        }
        Ok(if differs || !with.is_empty() { Verdict::Conflict { differs, with } } else { Verdict::New })
    }

    /// Vectors of other encoders must not get in.
    pub(super) fn check_pack<R: Read + Seek>(&self, pack: &Pack<R>) -> Result<()> {
        if pack.fingerprint() == self.fingerprint() {
            return Ok(());
        }
        let message = "the fact pack was exported with other encoders or another projection head: open its library with \
                       these models, re-embed it, and export it again";
        Err(Error::new(ErrorKind::FingerprintMismatch, message))
    }
}

/// What a fact of a pack is to the library.
pub(super) enum Verdict {
    New,
    Same,
    Forgotten,
    Conflict { differs: bool, with: Vec<Conflict> },
}

/// The verdict on every fact of a pack, in its order.
pub(super) struct Plan {
    pub(super) verdicts: Vec<(FactId, Verdict)>,
    forgotten_there: Vec<FactId>,
}

impl Plan {
    /// The verdicts by fact.
    pub(super) fn by_fact(&self) -> HashMap<FactId, &Verdict> {
        self.verdicts.iter().map(|(id, verdict)| (*id, verdict)).collect()
    }

    /// Two facts that the exporter had side by side do not collide because one of them is here already.
    fn drop_known_neighbours(&mut self) {
        let is_same = |(id, verdict): &(FactId, Verdict)| matches!(verdict, Verdict::Same).then_some(*id);
        let same: HashSet<FactId> = self.verdicts.iter().filter_map(is_same).collect();
        for (_, verdict) in &mut self.verdicts {
            if let Verdict::Conflict { differs, with } = verdict {
                with.retain(|conflict| !same.contains(&conflict.fact));
                if with.is_empty() && !*differs {
                    *verdict = Verdict::New;
                }
            }
        }
    }

    fn into_preview(self, origin: Origin) -> ImportPreview {
        let forgotten_there = self.forgotten_there;
        let (new, same, conflicts, forgotten) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut preview = ImportPreview { origin, new, same, conflicts, forgotten, forgotten_there };
        for (fact, verdict) in self.verdicts {
            match verdict {
                Verdict::New => preview.new.push(fact),
                Verdict::Same => preview.same.push(fact),
                Verdict::Forgotten => preview.forgotten.push(fact),
                Verdict::Conflict { differs, with } => preview.conflicts.push(ImportConflict { fact, differs, with }),
            }
        }
        preview
    }
}

/// The same in everything that decides when a fact fires and what it says then.
pub(super) fn is_same(here: &Snapshot, fact: &PackedFact, connection: &Connection) -> Result<bool> {
    if content(here) != content(&fact.snapshot) {
        return Ok(false);
    }
    let keys = stored::keys(connection, fact.id)?;
    let alike = keys.iter().zip(&fact.keys).all(|(one, other)| one.is_like(other));
    Ok(alike && keys.len() == fact.keys.len())
}

/// A fact without what may differ from library to library: when it was written, and what it replaced there.
pub(super) fn content(snapshot: &Snapshot) -> Snapshot {
    let (created_at, updated_at, supersedes, origin, keys) = (0, 0, None, None, Vec::new());
    Snapshot { created_at, updated_at, supersedes, origin, keys, ..snapshot.clone() }
}

/// Where a fact stands; none: it is not here, and never was forgotten here.
pub(super) fn standing(connection: &Connection, id: FactId) -> Result<Option<FactState>> {
    let sql = "SELECT coalesce((SELECT 4 FROM receipts WHERE fact = ?1), (SELECT state FROM facts WHERE id = ?1))";
    let state = connection
        .prepare_cached(sql)
        .and_then(|mut s| s.query_row([id.0.as_bytes()], |row| row.get::<_, Option<i64>>(0)))
        .map_err(sql_error)?;
    Ok(state.and_then(state_of))
}
