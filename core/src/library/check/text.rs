//! The full text, against one that is made of the facts as they stand.
//!
//! FTS5's own comparison with the facts is a statement that writes, which a reader can't run, and says yes or no. So the
//! words of both are read in their order, side by side.

use rusqlite::{Connection, Rows};

use super::{Checker, Part, Severity};
use crate::error::Result;
use crate::library::folder::Folder;
use crate::library::sql::sql_error;

/// In memory: connections keep temporary tables there.
const MAKE: &str = "
CREATE VIRTUAL TABLE temp.told USING fts5 (
    statement, subject, target, source, note, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE temp.told_words USING fts5vocab (temp, told, instance);
CREATE VIRTUAL TABLE temp.held_words USING fts5vocab (main, fact_text, instance);";

pub(super) fn check(tx: &Connection, _: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    tx.execute_batch(MAKE).map_err(sql_error)?;
    tell(tx, checker)?;
    if let Ok(true) = agree(tx) {
        return Ok(());
    }
    // Also when it can't be read: all of it is derived.
    checker.find(Part::FullText, Severity::Derived, "it differs from the facts", None);
    Ok(())
}

/// Indexes every fact anew.
fn tell(tx: &Connection, checker: &mut Checker<'_>) -> Result<()> {
    let mut facts =
        tx.prepare("SELECT n, statement, subject, target, source, note FROM facts ORDER BY n").map_err(sql_error)?;
    let mut facts = facts.query([]).map_err(sql_error)?;
    let sql = "INSERT INTO temp.told (rowid, statement, subject, target, source, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = tx.prepare(sql).map_err(sql_error)?;
    while let Some(row) = facts.next().map_err(sql_error)? {
        let texts: [Option<String>; 5] = match [1, 2, 3, 4, 5].map(|at| row.get(at)) {
            [Ok(a), Ok(b), Ok(c), Ok(d), Ok(e)] => [a, b, c, d, e],
            // Not a text at all, which was told with the facts.
            _ => continue,
        };
        let n: i64 = row.get(0).map_err(sql_error)?;
        let [statement, subject, target, source, note] = texts;
        insert.execute((n, statement, subject, target, source, note)).map_err(sql_error)?;
        checker.step()?;
    }
    Ok(())
}

/// Whether the same words are in the same places, and the same facts in the full text.
fn agree(tx: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT (SELECT count(*) FROM fact_text_docsize) = (SELECT count(*) FROM facts)";
    let counted: bool = tx.query_row(count, [], |row| row.get(0))?;
    let words = |table: &str| tx.prepare(&format!("SELECT term, doc, col, offset FROM temp.{table}"));
    let (mut told, mut held) = (words("told_words")?, words("held_words")?);
    let (mut told, mut held) = (told.query([])?, held.query([])?);
    loop {
        let (told, held) = (next(&mut told)?, next(&mut held)?);
        if told != held {
            return Ok(false);
        }
        if told.is_none() {
            return Ok(counted);
        }
    }
}

type Word = (Vec<u8>, i64, String, i64);

fn next(words: &mut Rows<'_>) -> rusqlite::Result<Option<Word>> {
    let Some(row) = words.next()? else { return Ok(None) };
    let term = row.get_ref(0)?.as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    Ok(Some((term, row.get(1)?, row.get(2)?, row.get(3)?)))
}
