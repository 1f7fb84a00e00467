//! Checking: everything that is stored is read, and everything that is said twice is compared. Nothing is changed.
//!
//! SQLite's own check covers its pages; checksums cover rows against the medium. What neither sees is whether rows agree:
//! facts with the last entry of their history, the history with its chain of digests, full text and index files with what
//! they were made from. Each is looked at in a module of its own.

mod database;
mod facts;
mod history;
mod index;
mod text;

use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use super::folder::Folder;
use super::sql::sql_error;
use super::{Library, Progress, TELL_EVERY, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::key::LibraryKey;
use crate::types::FactId;

/// Most facts that a finding names.
const NAMED: usize = 16;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Left over and in nobody's way; [`Library::repair`] removes it.
    Untidy,
    /// Wrong, but derived from what is sound: [`Library::repair`] makes it anew, and nothing is lost.
    Derived,
    /// What can't be derived is damaged: restore a copy, or see [`Library::salvage`].
    Damaged,
}

/// The part of a library that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The database as SQLite sees it: pages, tables, schema, the library's own row.
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

/// Something that is not as it should be. It holds no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub part: Part,
    /// How bad.
    pub severity: Severity,
    /// What, in a few words.
    pub what: String,
    /// How often.
    pub count: u64,
    /// The facts it is about, as far as it is about facts; at most 16 of them.
    pub facts: Vec<FactId>,
}

/// What a check looked at, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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

impl CheckReport {
    /// The severity of the worst finding; none: all is well.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl Library {
    /// Checks database, history, full text, index files and vectors against each other, as they stand at one moment;
    /// changes and searches go on meanwhile. A finding is no error.
    ///
    /// # Errors
    /// What `progress` gives; `StorageFailed` and its like when the check itself can't go on.
    pub fn check(&self, progress: Progress<'_>) -> Result<CheckReport> {
        self.read(|connection| check(connection, &self.folder, progress))
    }

    /// The same for a library that need not be opened, so also for one that can't be. Needs no models.
    ///
    /// # Errors
    /// `NotFound` where there is no library; `LibraryCorrupt` where the database can't even be looked into, or was
    /// written by a later version; `ReadOnly` for an older schema, which the next opening upgrades; else as
    /// [`Library::check`].
    pub fn check_at(path: impl AsRef<Path>, progress: Progress<'_>) -> Result<CheckReport> {
        Self::check_at_with(path, None, progress)
    }

    /// The same for a library that is encrypted with this key, or with none.
    ///
    /// # Errors
    /// As [`Library::check_at`], and `WrongKey` as [`Library::open_with`].
    pub fn check_at_with(
        path: impl AsRef<Path>,
        key: Option<&LibraryKey>,
        progress: Progress<'_>,
    ) -> Result<CheckReport> {
        let mut folder = Folder::existing(path.as_ref())?;
        folder.unlock(key)?;
        let mut connection = folder.open_reader()?;
        check(&mut connection, &folder, progress)
    }
}

/// Checks the library that a connection reads, inside one transaction.
pub(super) fn check(connection: &mut Connection, folder: &Folder, progress: Progress<'_>) -> Result<CheckReport> {
    if schema::accept(connection)? != schema::VERSION {
        let message = "the library has an older schema, or is being created; open it once for writing";
        return Err(Error::new(ErrorKind::ReadOnly, message));
    }
    // The full text is compared with a temporary one: rolling back takes it away.
    let tx = connection.transaction().map_err(sql_error)?;
    let mut checker = Checker { report: CheckReport::default(), progress, stopped: None, done: 0, total: steps(&tx) };
    let sections: [(Part, Section); 6] = [
        (Part::Database, database::check),
        (Part::Facts, facts::check),
        (Part::Keys, facts::check_keys),
        (Part::History, history::check),
        (Part::FullText, text::check),
        (Part::ImageIndex, index::check),
    ];
    for (part, section) in sections {
        let looked = section(&tx, folder, &mut checker);
        checker.survive(part, looked)?;
    }
    checker.finish()
}

type Section = fn(&Connection, &Folder, &mut Checker<'_>) -> Result<()>;

/// About how many rows will be looked at; a damaged table counts as empty.
fn steps(tx: &Connection) -> u64 {
    let count = |sql: &str| tx.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0).unsigned_abs();
    let [facts, keys] = ["SELECT count(*) FROM facts", "SELECT count(*) FROM keys"].map(count);
    // Facts: by themselves, with their history, in the full text. Keys: by themselves, and in an index.
    3 * facts + 2 * keys + count("SELECT count(*) FROM changes")
}

/// A check under way.
struct Checker<'a> {
    report: CheckReport,
    progress: Progress<'a>,
    /// What `progress` gave.
    stopped: Option<Error>,
    done: u64,
    total: u64,
}

impl Checker<'_> {
    /// Notes a finding; alike ones are counted.
    fn find(&mut self, part: Part, severity: Severity, what: impl Into<String>, fact: Option<FactId>) {
        let what = what.into();
        let findings = &mut self.report.findings;
        let known = findings.iter().position(|f| (f.part, f.severity) == (part, severity) && f.what == what);
        let at = known.unwrap_or_else(|| {
            findings.push(Finding { part, severity, what, count: 0, facts: Vec::new() });
            findings.len() - 1
        });
        let finding = &mut findings[at];
        finding.count += 1;
        let fresh = fact.filter(|id| finding.facts.len() < NAMED && !finding.facts.contains(id));
        finding.facts.extend(fresh);
    }

    /// One more row was looked at.
    fn step(&mut self) -> Result<()> {
        self.done += 1;
        if self.done.is_multiple_of(TELL_EVERY)
            && let Err(error) = (self.progress)(self.done.min(self.total), self.total)
        {
            self.stopped = Some(error);
            return Err(Error::new(ErrorKind::Cancelled, "the check was stopped"));
        }
        Ok(())
    }

    /// A part that can't be read to its end is a finding, unless it is the check that can't go on.
    fn survive(&mut self, part: Part, looked: Result<()>) -> Result<()> {
        if let Some(stopped) = self.stopped.take() {
            return Err(stopped);
        }
        match looked {
            // Internal: a statement that a sound schema would take.
            Err(error) if matches!(error.kind(), ErrorKind::LibraryCorrupt | ErrorKind::Internal) => {
                self.find(part, Severity::Damaged, "it can't be read to its end", None);
                Ok(())
            }
            looked => looked,
        }
    }

    fn finish(mut self) -> Result<CheckReport> {
        (self.progress)(self.total, self.total)?;
        self.report.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.part));
        Ok(self.report)
    }
}
