//! The database as SQLite sees it, and the library's own row.

use std::collections::HashMap;

use rusqlite::Connection;

use super::{Checker, Part, Severity};
use crate::error::Result;
use crate::library::folder::Folder;
use crate::library::schema;
use crate::library::sql::sql_error;

/// Most findings of SQLite's that are read: a page full of garbage makes thousands.
const MOST: u32 = 200;

pub(super) fn check(tx: &Connection, _: &Folder, checker: &mut Checker<'_>) -> Result<()> {
    for object in schema::differences(tx)? {
        checker.find(Part::Database, Severity::Damaged, format!("the schema differs at {object}"), None);
    }
    let owners = owners(tx)?;
    let mut messages = tx.prepare(&format!("PRAGMA integrity_check({MOST})")).map_err(sql_error)?;
    let mut messages = messages.query([]).map_err(sql_error)?;
    while let Some(row) = messages.next().map_err(sql_error)? {
        let message: String = row.get(0).map_err(sql_error)?;
        if message != "ok" {
            let (part, severity) = judge(&message, &owners);
            checker.find(part, severity, format!("SQLite: {}", without_numbers(&message)), None);
        }
    }
    own_row(tx, checker)
}

/// By the number of its first page: whether a part of the database is derived.
fn owners(tx: &Connection) -> Result<HashMap<i64, (Part, Severity)>> {
    let mut owners =
        tx.prepare("SELECT rootpage, type, name FROM sqlite_schema WHERE rootpage > 0").map_err(sql_error)?;
    let owners = owners.query_map([], |row| {
        let (page, kind, name): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // SQLite makes those of UNIQUE columns itself, as it does all others that REINDEX builds anew.
        let owner = match kind.as_str() {
            _ if name.starts_with("fact_text") => (Part::FullText, Severity::Derived),
            "index" => (Part::Lookup, Severity::Derived),
            _ => (Part::Database, Severity::Damaged),
        };
        Ok((page, owner))
    });
    owners.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

/// What a message of SQLite's is about. Those on a tree name its first page; any other is taken for the worst.
fn judge(message: &str, owners: &HashMap<i64, (Part, Severity)>) -> (Part, Severity) {
    if message.contains("FTS5") {
        return (Part::FullText, Severity::Derived);
    }
    let about_index = [" missing from index ", "wrong # of entries in index ", "non-unique entry in index "];
    if about_index.iter().any(|words| message.contains(words)) {
        return (Part::Lookup, Severity::Derived);
    }
    let tree = message.strip_prefix("Tree ").and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok());
    tree.and_then(|page| owners.get(&page)).copied().unwrap_or((Part::Database, Severity::Damaged))
}

/// The message with every number left out, so that alike ones are counted.
fn without_numbers(message: &str) -> String {
    let words = message.split(' ').map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn own_row(tx: &Connection, checker: &mut Checker<'_>) -> Result<()> {
    let sql = "SELECT (SELECT count(*) FROM library), coalesce((SELECT last_key FROM library), 0) \
               < coalesce((SELECT max(id) FROM keys), 0)";
    let (rows, reused): (i64, bool) = tx.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql_error)?;
    if rows != 1 {
        checker.find(Part::Database, Severity::Damaged, "the library's own row is missing", None);
    } else if reused {
        checker.find(Part::Database, Severity::Damaged, "a key's id is beyond the last one given out", None);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_judged_by_what_they_are_about() {
        let owners = HashMap::from([(5, (Part::Lookup, Severity::Derived)), (6, (Part::Database, Severity::Damaged))]);
        for (message, part, severity) in [
            ("row 12 missing from index facts_by_source", Part::Lookup, Severity::Derived),
            ("wrong # of entries in index keys_by_fact", Part::Lookup, Severity::Derived),
            ("malformed inverted index for FTS5 table main.fact_text", Part::FullText, Severity::Derived),
            ("Tree 5 page 17 cell 3: Rowid 9 out of order", Part::Lookup, Severity::Derived),
            ("Tree 6 page 17 cell 3: Rowid 9 out of order", Part::Database, Severity::Damaged),
            ("Tree 99 page 17: btreeInitPage() returns error code 11", Part::Database, Severity::Damaged),
            ("Freelist: size is 3 but should be 4", Part::Database, Severity::Damaged),
        ] {
            assert_eq!(judge(message, &owners), (part, severity), "{message}");
        }
        assert_eq!(without_numbers("row 12 missing from index x"), "row … missing from index x");
    }
}
