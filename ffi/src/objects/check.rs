//! What checks, repairs and salvages say of a library.

use crane_core::FactId;
use crane_core::library;

/// How bad a finding is.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Severity {
    /// Left over and in nobody's way; a repair removes it.
    Untidy,
    /// Wrong, but derived from what is sound: a repair makes it anew, and nothing is lost.
    Derived,
    /// What can't be derived is damaged: restore a copy, or salvage.
    Damaged,
}

impl From<library::Severity> for Severity {
    fn from(severity: library::Severity) -> Self {
        match severity {
            library::Severity::Untidy => Self::Untidy,
            library::Severity::Derived => Self::Derived,
            library::Severity::Damaged => Self::Damaged,
        }
    }
}

/// The part of a library that a finding is about.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum LibraryPart {
    /// The database as SQLite sees it: pages, tables, schema.
    Database,
    /// SQLite's indexes of its tables.
    Lookup,
    /// Facts as they stand.
    Facts,
    /// Photos and texts that facts are found by, with their vectors.
    Keys,
    /// The history and the receipts.
    History,
    /// Full text for people.
    FullText,
    /// The file that photos are searched in.
    ImageIndex,
    /// The file that texts are searched in.
    TextIndex,
    /// The folder itself.
    Folder,
}

impl From<library::Part> for LibraryPart {
    fn from(part: library::Part) -> Self {
        match part {
            library::Part::Database => Self::Database,
            library::Part::Lookup => Self::Lookup,
            library::Part::Facts => Self::Facts,
            library::Part::Keys => Self::Keys,
            library::Part::History => Self::History,
            library::Part::FullText => Self::FullText,
            library::Part::ImageIndex => Self::ImageIndex,
            library::Part::TextIndex => Self::TextIndex,
            library::Part::Folder => Self::Folder,
        }
    }
}

/// Something that is not as it should be. It holds no content.
#[derive(uniffi::Record)]
pub struct Finding {
    /// Where.
    pub part: LibraryPart,
    /// How bad.
    pub severity: Severity,
    /// What, in a few words.
    pub what: String,
    /// How often.
    pub count: u64,
    /// The facts it is about, as far as it is about facts; at most 16 of them.
    pub facts: Vec<String>,
}

impl From<library::Finding> for Finding {
    fn from(finding: library::Finding) -> Self {
        let library::Finding { part, severity, what, count, facts } = finding;
        let facts = facts.iter().map(FactId::to_string).collect();
        Self { part: part.into(), severity: severity.into(), what, count, facts }
    }
}

/// What a check looked at, and what it found.
#[derive(uniffi::Record)]
pub struct CheckReport {
    /// Facts that were read, in whatever state.
    pub facts: u64,
    /// Keys that were read, those of earlier wordings among them.
    pub keys: u64,
    /// Changes of the history that were followed.
    pub changes: u64,
    /// Rows of the index files that were compared with the keys.
    pub index_rows: u64,
    /// The worst first; empty: all is well.
    pub findings: Vec<Finding>,
}

impl From<library::CheckReport> for CheckReport {
    fn from(report: library::CheckReport) -> Self {
        let library::CheckReport { facts, keys, changes, index_rows, findings } = report;
        Self { facts, keys, changes, index_rows, findings: findings.into_iter().map(Into::into).collect() }
    }
}

/// What a repair made anew.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Repaired {
    /// SQLite's indexes of its tables.
    Lookup,
    /// The full text, from the facts.
    FullText,
    /// Both index files, from the keys.
    Index,
    /// Index files that nothing names are gone, and an erasure that was interrupted is finished.
    Folder,
}

impl From<library::Repaired> for Repaired {
    fn from(repaired: library::Repaired) -> Self {
        match repaired {
            library::Repaired::Lookup => Self::Lookup,
            library::Repaired::FullText => Self::FullText,
            library::Repaired::Index => Self::Index,
            library::Repaired::Folder => Self::Folder,
        }
    }
}

/// What a repair found, did and left.
#[derive(uniffi::Record)]
pub struct RepairReport {
    /// How it was.
    pub before: CheckReport,
    /// What was done, in this order; empty: there was nothing to do, or nothing that may be done.
    pub done: Vec<Repaired>,
    /// How it is now.
    pub after: CheckReport,
}

impl From<library::RepairReport> for RepairReport {
    fn from(report: library::RepairReport) -> Self {
        let library::RepairReport { before, done, after } = report;
        Self { before: before.into(), done: done.into_iter().map(Into::into).collect(), after: after.into() }
    }
}

/// What was saved of a damaged library, and what is lost.
#[derive(uniffi::Record)]
pub struct SalvageReport {
    /// Facts in the new library.
    pub facts: u64,
    /// How many of them were taken from their history, since they themselves were damaged.
    pub facts_from_history: u64,
    /// How many of them have no key left. They are disabled, and editing makes them findable again.
    pub facts_without_keys: u64,
    /// Facts that are known to have been there and could not be saved.
    pub lost_facts: u64,
    /// Keys in the new library.
    pub keys: u64,
    /// How many of them have their vector from the index file.
    pub keys_from_index: u64,
    /// Keys that are known to have been there and could not be saved.
    pub lost_keys: u64,
    /// Facts whose past could not be saved.
    pub lost_pasts: u64,
    /// Receipts of forgotten facts in the new library.
    pub receipts: u64,
}

impl From<library::SalvageReport> for SalvageReport {
    fn from(report: library::SalvageReport) -> Self {
        Self {
            facts: report.facts,
            facts_from_history: report.facts_from_history,
            facts_without_keys: report.facts_without_keys,
            lost_facts: report.lost_facts,
            keys: report.keys,
            keys_from_index: report.keys_from_index,
            lost_keys: report.lost_keys,
            lost_pasts: report.lost_pasts,
            receipts: report.receipts,
        }
    }
}

/// What re-embedding did.
#[derive(uniffi::Record)]
pub struct ReembedReport {
    /// Keys with a new vector, those of earlier wordings among them.
    pub keys: u64,
    /// How many of them were projected from the embeddings that were kept.
    pub projected: u64,
    /// How many keys could not be read again, and are gone.
    pub erased: u64,
    /// Facts that nothing finds any more; they are disabled.
    pub disabled: Vec<String>,
}

impl From<library::ReembedReport> for ReembedReport {
    fn from(report: library::ReembedReport) -> Self {
        let library::ReembedReport { keys, projected, erased, disabled } = report;
        let disabled = disabled.iter().map(FactId::to_string).collect();
        Self { keys, projected, erased: erased.len() as u64, disabled }
    }
}
