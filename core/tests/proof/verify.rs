//! Whether a library is in exactly the state that the model gives: facts, keys, what is found, history, and that nothing
//! of a forgotten fact is left in any byte of the folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crane_core::index::Row;
use crane_core::library::{FactFilter, Library};
use crane_core::{Fact, FactId, FactState, Modality};

use crate::actor::{statement, word_of, words_of};
use crate::model::{KeyNumber, Known, Label, Model, Op};
use crate::support::{PRINT, RAW_DIM, database, try_open, unit};

const STATES: [FactState; 5] =
    [FactState::Active, FactState::Disabled, FactState::Superseded, FactState::Deleted, FactState::Forgotten];

type Found<T = ()> = Result<T, String>;

/// What differs first, if anything does.
pub fn verify(library: &Library, model: &Model) -> Found {
    let facts = names(library, model)?;
    for (label, known) in &model.facts {
        fact(library, &facts, *label, known)?;
    }
    nothing_else_is_found(library, &facts, model)?;
    history(library, model)
}

/// The same for a library and its folder: the database is sound, and no forgotten secret is left.
pub fn verify_folder(folder: &Path, library: &Library, model: &Model) -> Found {
    verify(library, model)?;
    sound(folder)?;
    no_secret_is_left(folder, model)
}

/// Opens a library after a crash: in which state it is, the acknowledged one or the one after the operation under way.
pub fn recovered<'a>(folder: &Path, done: &'a Model, under_way: Option<(&Op, &'a Model)>) -> Found<&'a Model> {
    let library = said("opening", try_open(folder, &PRINT))?;
    let Err(what) = verify_folder(folder, &library, done) else { return Ok(done) };
    let Some((op, next)) = under_way else { return Err(format!("not the acknowledged state: {what}")) };
    let found = verify_folder(folder, &library, next).map(|()| next);
    found.map_err(|next| format!("neither before ({what}) nor after {op:?} ({next})"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Found {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

fn said<T>(what: &str, result: crane_core::Result<T>) -> Found<T> {
    result.map_err(|error| format!("{what}: {error} ({:?}, {:?})", error.kind(), std::error::Error::source(&error)))
}

/// Every listed fact by its name in the script.
fn names(library: &Library, model: &Model) -> Found<BTreeMap<Label, Fact>> {
    let labels: BTreeMap<String, Label> =
        model.facts.iter().map(|(label, known)| (statement(*label, known.version), *label)).collect();
    let mut facts = BTreeMap::new();
    let mut husks = 0;
    for fact in said("list", library.list(&FactFilter { states: STATES.to_vec(), ..FactFilter::default() }))? {
        match labels.get(&fact.statement) {
            Some(label) => drop(facts.insert(*label, fact)),
            None if fact.state == FactState::Forgotten && fact.statement.is_empty() => husks += 1,
            None => return Err("a fact in an unknown wording".into()),
        }
    }
    same("facts", facts.keys().copied().collect::<Vec<_>>(), model.facts.keys().copied().collect())?;
    same("husks", husks, model.husks)?;
    same("receipts", said("receipts", library.receipts())?.len(), model.forgotten.len())?;
    Ok(facts)
}

fn fact(library: &Library, facts: &BTreeMap<Label, Fact>, label: Label, known: &Known) -> Found {
    let (fact, [told, subject]) = (&facts[&label], words_of(label, known.version));
    same(&format!("state of {label}"), fact.state, known.state)?;
    same(&format!("subject of {label}"), fact.subject.as_ref(), Some(&subject))?;
    // A fact that was replaced and is not there any more has no id here.
    if let Some(old) = known.supersedes.and_then(|old| facts.get(&old)) {
        same(&format!("what {label} replaces"), fact.supersedes, Some(old.id))?;
    }
    same(&format!("whether {label} replaces"), fact.supersedes.is_some(), known.supersedes.is_some())?;
    let keys = said("keys", library.keys(fact.id))?;
    let texts: Vec<_> = keys.iter().map(|key| (key.modality, key.text.clone())).collect();
    let words = |key: &KeyNumber| match key.modality() {
        Modality::Image => None,
        Modality::Text => Some(format!("{} is a key.", word_of(*key))),
    };
    same(&format!("keys of {label}"), texts, known.keys.iter().map(|key| (key.modality(), words(key))).collect())?;
    for (key, number) in keys.iter().zip(&known.keys) {
        let copy = key.modality == Modality::Image && number.0.is_multiple_of(8);
        same("a photo's copy", said("thumbnail", library.thumbnail(key.id))?.is_some(), copy)?;
        let hits = said("search", library.search(key.modality, &unit(number.0), 1))?;
        let found = hits.first().is_some_and(|hit| (hit.fact, hit.key) == (fact.id, key.id));
        same(&format!("whether {label} is found"), found, known.state == FactState::Active)?;
    }
    let found = said("lookup", library.lookup(&told, 9))?.iter().any(|found| found == fact);
    same(&format!("whether {label} is looked up"), found, known.state != FactState::Deleted)
}

/// Searches bring the active facts, once per key, and nothing else.
fn nothing_else_is_found(library: &Library, facts: &BTreeMap<Label, Fact>, model: &Model) -> Found {
    for modality in [Modality::Image, Modality::Text] {
        let hits = said("search", library.search(modality, &unit(1), 100_000))?;
        let mut found: Vec<FactId> = hits.iter().map(|hit| hit.fact).collect();
        let keys = |known: &Known| known.keys.iter().filter(|key| key.modality() == modality).count();
        let active = model.facts.iter().filter(|(_, known)| known.state == FactState::Active);
        let mut expected: Vec<FactId> =
            active.flat_map(|(label, known)| std::iter::repeat_n(facts[label].id, keys(known))).collect();
        found.sort_unstable();
        expected.sort_unstable();
        if found != expected {
            return Err(format!("{} {modality:?} keys are found instead of {}", found.len(), expected.len()));
        }
    }
    Ok(())
}

fn history(library: &Library, model: &Model) -> Found {
    let mut entries = said("history", library.history(None, u32::MAX))?;
    entries.reverse();
    let found: Vec<_> = entries.iter().map(|entry| (entry.op.as_str(), entry.undoes)).collect();
    let expected: Vec<_> =
        model.changes.iter().map(|change| (change.op, change.undoes.map(|seq| seq as i64))).collect();
    if found != expected {
        let at = found.iter().zip(&expected).position(|(a, b)| a != b);
        return Err(format!("{} changes instead of {}, first different: {at:?}", found.len(), expected.len()));
    }
    let counted = entries.iter().zip(1..).all(|(entry, seq)| entry.seq == seq);
    same("whether changes are counted without a gap", counted, true)
}

/// SQLite's own checks of the database and of its full text.
fn sound(folder: &Path) -> Found {
    let check = || -> rusqlite::Result<String> {
        let database = database(folder)?;
        database.execute("INSERT INTO fact_text (fact_text, rank) VALUES ('integrity-check', 1)", [])?;
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0))
    };
    same("integrity", check().map_err(|error| format!("integrity: {error}"))?.as_str(), "ok")
}

/// What must not be found once a fact is forgotten: its words without a beginning that the full-text index may share
/// with other words, and two parts of each vector (the raw one begins like the projected one).
fn secrets(label: Label, model: &Model) -> Vec<Vec<u8>> {
    let said = &model.said[&label];
    let words = (0..said.versions).flat_map(|version| words_of(label, version));
    let words = words.chain(said.keys.iter().map(|key| word_of(*key)));
    let mut secrets: Vec<Vec<u8>> = words.map(|word| word.as_bytes()[4..].to_vec()).collect();
    for key in &said.keys {
        let row = Row::from_embedding(&unit(key.0)).0;
        secrets.push(row[..RAW_DIM as usize].to_vec());
        secrets.push(row[200..224].to_vec());
    }
    secrets
}

pub fn no_secret_is_left(folder: &Path, model: &Model) -> Found {
    let secrets: Vec<Vec<u8>> = model.forgotten.iter().flat_map(|label| secrets(*label, model)).collect();
    let mut by_start: BTreeMap<[u8; 8], &[u8]> = BTreeMap::new();
    by_start.extend(secrets.iter().map(|secret| (*secret.first_chunk().expect("secrets are longer"), &secret[..])));
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        // A file that is being replaced may be gone by now.
        let bytes = fs::read(&path).unwrap_or_default();
        let starts = |at: &usize| by_start.get(&bytes[*at..*at + 8]).is_some_and(|s| bytes[*at..].starts_with(s));
        if let Some(at) = (0..bytes.len().saturating_sub(7)).find(starts) {
            return Err(format!("a forgotten secret is left in {:?} at {at}", path.file_name()));
        }
    }
    Ok(())
}
