//! Repair: what is derived is made anew where a check has found it wrong. What isn't derived is never touched.

use std::path::Path;
use std::sync::PoisonError;

use rusqlite::Connection;
use serde::Serialize;

use super::check::{CheckReport, Part, Severity, check};
use super::folder::{Folder, WriterLock};
use super::forget::finish_erasure;
use super::sql::{io_error, make_durable, sql_error};
use super::vectors::{Vectors, named_files};
use super::{Library, Progress, checkpoint, own_row, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::key::LibraryKey;

/// What a repair made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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

/// What a repair found, did and left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// How it was.
    pub before: CheckReport,
    /// What was done, in this order; empty: there was nothing to do, or nothing that may be done.
    pub done: Vec<Repaired>,
    /// How it is now; the same as before where nothing was done.
    pub after: CheckReport,
}

impl Library {
    /// Checks the library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies
    /// up. Facts, keys and history are never touched. Where the pages of the database itself are damaged nothing is
    /// written at all: see [`Library::salvage`].
    ///
    /// # Errors
    /// As [`Library::check`]; `ReadOnly`, `StorageFull` as for any change.
    pub fn repair(&self, progress: Progress<'_>) -> Result<RepairReport> {
        let mut writer = self.writer()?;
        let report = repair(&mut writer.connection, &self.folder, progress)?;
        let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let tx = writer.connection.transaction().map_err(sql_error)?;
        // With a damaged key there is nothing better than what is in memory.
        if let Ok(fresh) = Vectors::load(&tx, &self.folder) {
            *vectors = fresh;
        }
        Ok(report)
    }

    /// The same for a library that need not be opened, so also for one that can't be. Needs no models.
    ///
    /// # Errors
    /// As [`Library::repair`]; `LibraryLocked` while it is open for writing elsewhere.
    pub fn repair_at(path: impl AsRef<Path>, progress: Progress<'_>) -> Result<RepairReport> {
        Self::repair_at_with(path, None, progress)
    }

    /// The same for a library that is encrypted with this key, or with none.
    ///
    /// # Errors
    /// As [`Library::repair_at`], and `WrongKey` as [`Library::open_with`].
    pub fn repair_at_with(
        path: impl AsRef<Path>,
        key: Option<&LibraryKey>,
        progress: Progress<'_>,
    ) -> Result<RepairReport> {
        let mut folder = Folder::existing(path.as_ref())?;
        let _lock = WriterLock::take(&folder)?;
        folder.unlock(key)?;
        let mut connection = folder.open_writer().map_err(|error| folder.explain(error))?;
        if schema::accept(&connection)? != schema::VERSION {
            let message = "the library has an older schema, or is being created; open it once for writing";
            return Err(Error::new(ErrorKind::ReadOnly, message));
        }
        make_durable(&connection).map_err(sql_error)?;
        repair(&mut connection, &folder, progress)
    }
}

fn repair(connection: &mut Connection, folder: &Folder, progress: Progress<'_>) -> Result<RepairReport> {
    let before = check(connection, folder, &mut *progress)?;
    let mut done = Vec::new();
    for (repaired, make) in plan(&before) {
        make(connection, folder)?;
        done.push(repaired);
    }
    let after = if done.is_empty() { before.clone() } else { check(connection, folder, progress)? };
    Ok(RepairReport { before, done, after })
}

type Make = fn(&mut Connection, &Folder) -> Result<()>;

/// What is to be made anew, and can be.
fn plan(report: &CheckReport) -> Vec<(Repaired, Make)> {
    let has = |severity: Severity, parts: &[Part]| {
        report.findings.iter().any(|finding| finding.severity == severity && parts.contains(&finding.part))
    };
    let mut plan: Vec<(Repaired, Make)> = Vec::new();
    // SQLite would write among pages that it can't trust.
    if has(Severity::Damaged, &[Part::Database]) {
        return plan;
    }
    if has(Severity::Derived, &[Part::Lookup]) {
        plan.push((Repaired::Lookup, |connection, _| connection.execute_batch("REINDEX").map_err(sql_error)));
    }
    if has(Severity::Derived, &[Part::FullText]) && !has(Severity::Damaged, &[Part::Facts]) {
        plan.push((Repaired::FullText, |connection, _| schema::rebuild_text(connection).map_err(sql_error)));
    }
    if has(Severity::Derived, &[Part::ImageIndex, Part::TextIndex]) && !has(Severity::Damaged, &[Part::Keys]) {
        plan.push((Repaired::Index, rebuild_index));
    }
    if has(Severity::Untidy, &[Part::Folder]) {
        plan.push((Repaired::Folder, tidy));
    }
    plan
}

/// Writes both index files from the keys alone.
fn rebuild_index(connection: &mut Connection, folder: &Folder) -> Result<()> {
    let (library, fingerprint) = own_row(connection)?;
    let mut vectors = Vectors::rebuilt(connection)?;
    // Those named before count no longer, whatever happens to the new ones.
    connection.execute("DELETE FROM generations", []).map_err(sql_error)?;
    vectors.save(connection, folder, library, fingerprint.digest())?;
    checkpoint(connection)
}

fn tidy(connection: &mut Connection, folder: &Folder) -> Result<()> {
    let keep = named_files(connection)?;
    folder.remove_stale(&keep).map_err(|e| io_error("tidying the library's folder", e))?;
    finish_erasure(connection, folder)
}
