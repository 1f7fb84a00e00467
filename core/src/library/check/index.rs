//! The index files: the bytes of the generation that the database names, and what is searched, row by row against the
//! keys.

use std::fs;

use rusqlite::Connection;

use super::{Checker, Part, Severity};
use crate::error::{ErrorKind, Result};
use crate::index::kernel::Kernel;
use crate::index::{Filter, Index, LoadError, Row};
use crate::library::change::last_change;
use crate::library::folder::Folder;
use crate::library::sql::{io_error, sql_error};
use crate::library::vectors::{Generation, Vectors, named_files, rebuild};
use crate::library::{MODALITIES, now_ms, own_row};
use crate::types::Modality;

/// About how many rows are looked for by their own vectors.
const PROBES: usize = 64;

pub(super) fn check(tx: &Connection, folder: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    files(tx, folder, checker)?;
    leftovers(tx, folder, checker)?;
    // What is searched: the files as far as they can be taken, and what happened since. Without sound keys there is
    // nothing to compare with, which was told with the keys.
    let vectors = match Vectors::load(tx, folder) {
        Err(error) if error.kind() == ErrorKind::LibraryCorrupt => return Ok(()),
        vectors => vectors?,
    };
    for modality in MODALITIES {
        let fresh = match rebuild(tx, modality, Kernel::best()) {
            Err(error) if error.kind() == ErrorKind::LibraryCorrupt => continue,
            fresh => fresh?,
        };
        let held = vectors.of(modality);
        if !same(held, &fresh, checker)? || !found_as_scanned(held).unwrap_or(false) {
            checker.find(part(modality), Severity::Derived, "what is searched differs from the keys", None);
        }
    }
    Ok(())
}

pub(super) const fn part(modality: Modality) -> Part {
    match modality {
        Modality::Image => Part::ImageIndex,
        Modality::Text => Part::TextIndex,
    }
}

/// Reads every byte of the files that the database names.
fn files(tx: &Connection, folder: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    let (library, fingerprint) = own_row(tx)?;
    let (last, _) = last_change(tx).map_err(sql_error)?;
    for modality in MODALITIES {
        let Some(named) = Generation::named(tx, modality)? else { continue };
        let what = match named.open(folder) {
            Ok((index, header)) => {
                let ours = (header.modality, header.generation, header.library, header.fingerprint)
                    == (modality, named.generation.unsigned_abs(), library, fingerprint.digest());
                let early = i64::try_from(header.change).is_ok_and(|change| change <= last);
                match index.warm_up() {
                    Ok(()) if ours && early => continue,
                    Ok(()) => "its header belongs to another file",
                    Err(_) => "its rows are damaged",
                }
            }
            // A writer may have replaced it since this moment began.
            Err(_) if replaced(folder, modality, &named) => continue,
            Err(LoadError::Io(_)) => "it is missing or can't be read",
            Err(LoadError::Damaged(_)) => "it is damaged",
        };
        checker.find(part(modality), Severity::Derived, what, None);
    }
    Ok(())
}

fn replaced(folder: &Folder, modality: Modality, named: &Generation) -> bool {
    let now = folder.open_reader().and_then(|connection| Generation::named(&connection, modality));
    now.is_ok_and(|now| now.is_none_or(|now| now.generation != named.generation))
}

/// Whether an index holds exactly the rows that the keys make, and beside them only some that can't be found.
fn same(held: &Index, fresh: &Index, checker: &mut Checker<'_>) -> Result<bool> {
    for entry in fresh.entries() {
        let (Ok(row), Ok(Some(want))) = (held.row_of(entry.key), fresh.row_of(entry.key)) else { return Ok(false) };
        if held.entry(entry.key) != Some(entry) || row != Some(want) {
            return Ok(false);
        }
        checker.report.index_rows += 1;
        checker.step()?;
    }
    let findable = |index: &Index| index.entries().iter().filter(|entry| !entry.is_gone()).count();
    Ok(findable(held) == findable(fresh))
}

/// Whether rows are found by their own vectors as a scan without coarse codes finds them.
fn found_as_scanned(index: &Index) -> Result<bool, LoadError> {
    let all = Filter::active_at(now_ms());
    for entry in index.entries().iter().step_by(1 + index.len() / PROBES) {
        let Some(row) = index.row_of(entry.key)? else { continue };
        let query = Row(*row).to_embedding();
        if index.search(&query, 5, &all)? != index.search_all(&query, 5, &all)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Files of ours that nothing names, and what doesn't belong here.
fn leftovers(tx: &Connection, folder: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    let named = named_files(tx)?;
    for entry in fs::read_dir(folder.path()).map_err(|e| io_error("reading the library's folder", e))? {
        let entry = entry.map_err(|e| io_error("reading the library's folder", e))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if Folder::is_stale(name, &named) {
            checker.find(Part::Folder, Severity::Untidy, "an index file that nothing names is left over", None);
        }
    }
    if folder.is_erasing() {
        checker.find(Part::Folder, Severity::Untidy, "an erasure is not finished", None);
    }
    Ok(())
}
