//! Full-text lookup of facts, for people.

use rusqlite::params;

use super::Library;
use super::facts::{KEY_COUNTS, read_fact};
use super::record::check_text;
use super::snapshot::COLUMNS;
use super::sql::sql_error;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Fact;

/// Most characters of a lookup.
const MAX_LOOKUP_CHARS: usize = 500;

impl Library {
    /// Facts that hold all these words, in statement, subject, target, source or note; the last word may be begun only.
    /// Accents and upper case don't matter. Best match first, deleted facts left out, at most `limit`.
    ///
    /// # Errors
    /// `InvalidInput` when `words` is empty or longer than 500 characters.
    pub fn lookup(&self, words: &str, limit: u32) -> Result<Vec<Fact>> {
        check_text("lookup", words, MAX_LOOKUP_CHARS)?;
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS}, {KEY_COUNTS} FROM fact_text t JOIN facts f ON f.n = t.rowid \
                 WHERE fact_text MATCH ?1 AND f.state < 3 ORDER BY t.rank, f.n DESC LIMIT ?2"
            );
            let mut rows = connection.prepare_cached(&sql).map_err(sql_error)?;
            let mut rows = rows.query(params![expression(words), limit]).map_err(sql_error)?;
            let mut facts = Vec::new();
            while let Some(row) = rows.next().map_err(without_words)? {
                facts.push(read_fact(row)?);
            }
            Ok(facts)
        })
    }
}

/// Every word as a quoted string, so that nothing in it is an operator; the last one as a prefix.
fn expression(words: &str) -> String {
    let mut quoted: Vec<String> =
        words.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    if let Some(last) = quoted.last_mut() {
        last.push('*');
    }
    quoted.join(" ")
}

/// A full-text error may repeat the words: it is not passed on, unless it is about the storage.
fn without_words(error: rusqlite::Error) -> Error {
    match sql_error(error) {
        known if known.kind() != ErrorKind::Internal => known,
        _ => Error::new(ErrorKind::InvalidInput, "these words cannot be looked up"),
    }
}
