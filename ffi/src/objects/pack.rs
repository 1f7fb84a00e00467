//! Fact packs: facts in one portable, verified file.

use crane_core::FactId;
use crane_core::library::pack::{self, SecretKey};
use zeroize::Zeroizing;

use super::progress::{Listener, steps};
use super::{Conflict, Crane, Fact, Origin, Result};
use crate::shared::{self, parse_id, parse_public_key};

/// What an export takes along.
#[derive(uniffi::Record)]
pub struct ExportOptions {
    /// These facts, in whatever state; none: every fact that is not deleted, and the receipts of forgotten ones.
    #[uniffi(default = None)]
    pub facts: Option<Vec<String>>,
    /// The small copies of photos, where they are kept.
    #[uniffi(default = true)]
    pub thumbnails: bool,
    /// What the facts said before, and when they were changed.
    #[uniffi(default = true)]
    pub history: bool,
    /// The key that the pack is signed with, `cranesec1:` and 64 hexadecimal digits, see `generate_signing_key`; none: it
    /// is not signed.
    #[uniffi(default = None)]
    pub signing_key: Option<String>,
}

impl ExportOptions {
    fn into_core(self) -> Result<pack::ExportOptions> {
        let Self { facts, thumbnails, history, signing_key } = self;
        let facts =
            facts.map(|ids| ids.iter().map(|id| parse_id(id)).collect::<crane_core::Result<_>>()).transpose()?;
        let signer = signing_key.map(Zeroizing::new).map(|key| SecretKey::parse(&key)).transpose()?;
        Ok(pack::ExportOptions { facts, thumbnails, history, signer })
    }
}

/// What an export wrote.
#[derive(uniffi::Record)]
pub struct ExportReport {
    /// Facts.
    pub facts: u64,
    /// Photos and texts that they are found by.
    pub keys: u64,
    /// Receipts of forgotten facts.
    pub receipts: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The pack's digest, 64 hexadecimal digits.
    pub digest: String,
}

impl From<pack::ExportReport> for ExportReport {
    fn from(report: pack::ExportReport) -> Self {
        let pack::ExportReport { facts, keys, receipts, bytes, digest } = report;
        Self { facts, keys, receipts, bytes, digest }
    }
}

/// What becomes of a fact that something stands against.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum OnConflict {
    /// It stays outside.
    Skip,
    /// It is added beside; where its id is taken, under a new one.
    KeepBoth,
    /// It counts: it replaces the fact of the same id, and those it collides with become superseded.
    Supersede,
}

impl From<OnConflict> for pack::OnConflict {
    fn from(choice: OnConflict) -> Self {
        match choice {
            OnConflict::Skip => Self::Skip,
            OnConflict::KeepBoth => Self::KeepBoth,
            OnConflict::Supersede => Self::Supersede,
        }
    }
}

/// How to import.
#[derive(uniffi::Record)]
pub struct ImportOptions {
    /// The signers that the person trusts, each `cranepub1:` and 64 hexadecimal digits. Facts of every other pack are
    /// marked untrusted for good.
    #[uniffi(default = [])]
    pub trusted: Vec<String>,
    /// From which similarity (cosine, -1 to 1) two photos are taken for the same picture.
    #[uniffi(default = 0.95)]
    pub similarity: f32,
    /// What becomes of facts that something stands against; none: they are skipped.
    #[uniffi(default = None)]
    pub on_conflict: Option<OnConflict>,
}

impl ImportOptions {
    fn into_core(self) -> Result<pack::ImportOptions> {
        let trusted = self.trusted.iter().map(|key| parse_public_key(key)).collect::<crane_core::Result<_>>()?;
        let on_conflict = self.on_conflict.map(Into::into).unwrap_or_default();
        Ok(pack::ImportOptions { trusted, similarity: self.similarity, on_conflict })
    }
}

/// What an import would find.
#[derive(uniffi::Record)]
pub struct ImportPreview {
    /// The pack, its signer, and whether that signer is trusted.
    pub origin: Origin,
    /// Facts that this library doesn't have and that nothing stands against.
    pub new: Vec<String>,
    /// Facts that it has already.
    pub same: Vec<String>,
    /// Facts that something stands against; the person chooses.
    pub conflicts: Vec<ImportConflict>,
    /// Facts that this library has forgotten; they stay forgotten.
    pub forgotten: Vec<String>,
    /// Facts of this library that the exporting one has forgotten; an import leaves them alone.
    pub forgotten_there: Vec<String>,
}

impl From<pack::ImportPreview> for ImportPreview {
    fn from(preview: pack::ImportPreview) -> Self {
        let pack::ImportPreview { origin, new, same, conflicts, forgotten, forgotten_there } = preview;
        Self {
            origin: origin.into(),
            new: ids(&new),
            same: ids(&same),
            conflicts: conflicts.into_iter().map(Into::into).collect(),
            forgotten: ids(&forgotten),
            forgotten_there: ids(&forgotten_there),
        }
    }
}

/// A fact of a pack and what stands against it.
#[derive(uniffi::Record)]
pub struct ImportConflict {
    /// The pack's fact.
    pub fact: String,
    /// Whether this library has the same fact with another content.
    pub differs: bool,
    /// Other facts that it collides with.
    pub against: Vec<Conflict>,
}

impl From<pack::ImportConflict> for ImportConflict {
    fn from(conflict: pack::ImportConflict) -> Self {
        let pack::ImportConflict { fact, differs, with } = conflict;
        Self { fact: fact.to_string(), differs, against: with.into_iter().map(Into::into).collect() }
    }
}

/// What an import did.
#[derive(uniffi::Record)]
pub struct ImportReport {
    /// The change of the history that did it, which one undo takes back; none: nothing was changed.
    pub change: Option<i64>,
    /// Facts that were added.
    pub added: Vec<String>,
    /// Facts that were replaced by the pack's of the same id.
    pub replaced: Vec<String>,
    /// Facts of this library that no longer fire, because one of the pack counts now.
    pub superseded: Vec<String>,
    /// Facts that stayed outside, because something stands against them.
    pub skipped: Vec<String>,
    /// How many facts were here already.
    pub same: u64,
    /// How many facts stayed outside, because this library has forgotten them.
    pub forgotten: u64,
}

impl From<pack::ImportReport> for ImportReport {
    fn from(report: pack::ImportReport) -> Self {
        let pack::ImportReport { change, added, replaced, superseded, skipped, same, forgotten } = report;
        let (added, replaced, superseded, skipped) = (ids(&added), ids(&replaced), ids(&superseded), ids(&skipped));
        Self { change, added, replaced, superseded, skipped, same, forgotten }
    }
}

#[uniffi::export]
impl Crane {
    /// Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting a
    /// fact does not reach it.
    ///
    /// Fails with `NotFound` for a fact that is not there or forgotten, `InvalidInput` when the file would stand in the
    /// library's folder or in place of one that is no fact pack, `StorageFull`, `Cancelled` when the listener throws;
    /// nothing is left behind then.
    #[uniffi::method(default(progress = None))]
    pub fn export_pack(&self, file: String, options: ExportOptions, progress: Listener) -> Result<ExportReport> {
        let options = options.into_core()?;
        Ok(self.runtime.export_pack(file.as_ref(), &options, &mut steps(progress))?.into())
    }

    /// Compares a pack with the library: what an import with these options would find. Nothing is stored.
    ///
    /// Fails with `PackCorrupt` for a file that is damaged, altered, incomplete, wrongly signed or no pack at all,
    /// `NotFound` where there is none, `FingerprintMismatch` when its vectors come from other encoders, `Cancelled` when
    /// the listener throws.
    #[uniffi::method(default(progress = None))]
    pub fn preview_pack(&self, file: String, options: ImportOptions, progress: Listener) -> Result<ImportPreview> {
        let options = options.into_core()?;
        Ok(self.runtime.preview_pack(file.as_ref(), &options, &mut steps(progress))?.into())
    }

    /// Imports a pack: all of it or nothing, as one change that one undo takes back.
    ///
    /// Fails as `preview_pack`, and with `ReadOnly`, `StorageFull`, `Backgrounded`; the library is then as it was.
    #[uniffi::method(default(progress = None))]
    pub fn import_pack(&self, file: String, options: ImportOptions, progress: Listener) -> Result<ImportReport> {
        let options = options.into_core()?;
        Ok(self.runtime.import_pack(file.as_ref(), &options, &mut steps(progress))?.into())
    }
}

/// What a pack says of these facts, in the order in which they were stated; of all, where none is named. Nothing is stored,
/// and the whole pack is verified first.
///
/// Fails with `PackCorrupt` and `NotFound` as `preview_pack`.
#[uniffi::export(default(facts = []))]
pub fn pack_facts(file: String, facts: Vec<String>) -> Result<Vec<Fact>> {
    let facts = facts.iter().map(|id| parse_id(id)).collect::<crane_core::Result<Vec<_>>>()?;
    Ok(shared::pack_facts(file, facts)?.into_iter().map(Into::into).collect())
}

/// A new random key to sign packs with, `cranesec1:` and 64 hexadecimal digits. Keep it in the system's keystore.
#[uniffi::export]
pub fn generate_signing_key() -> Result<String> {
    Ok(SecretKey::generate()?.expose())
}

/// The half of a signing key that others may know, `cranepub1:` and 64 hexadecimal digits: whoever trusts it trusts the
/// packs that are signed with the key.
///
/// Fails with `InvalidInput` for anything but a signing key.
#[uniffi::export]
pub fn public_key(signing_key: String) -> Result<String> {
    Ok(SecretKey::parse(&Zeroizing::new(signing_key))?.public().to_string())
}

fn ids(facts: &[FactId]) -> Vec<String> {
    facts.iter().map(FactId::to_string).collect()
}
