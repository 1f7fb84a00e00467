//! Rows of a damaged database, gathered in a sound one. They are not believed yet.

use std::fs;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::pages::{Cells, Pages};
use crate::error::Result;
use crate::library::keys::FileKeys;
use crate::library::schema;
use crate::library::sql::{io_error, open_reader, sql_error};

/// The tables that hold what can't be derived, and how many columns each has.
const TABLES: [(&str, usize); 7] =
    [("library", 7), ("facts", 15), ("keys", 7), ("originals", 4), ("changes", 5), ("revisions", 8), ("receipts", 4)];

/// Gathers what can be read of the database in a folder in a new one beside it, which nobody but the caller will see.
pub(super) fn rescue(folder: &Path, keys: Option<&FileKeys>) -> Result<Connection> {
    // What was encrypted must not lie on the disk in the clear.
    let rescued = match keys {
        Some(_) => Connection::open_in_memory(),
        None => Connection::open(folder.join("rescued.db")),
    };
    let rescued = rescued.map_err(sql_error)?;
    // Whatever happens to it, it is made again.
    rescued.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(sql_error)?;
    schema::create_tables(&rescued).map_err(sql_error)?;
    rescued.execute_batch("BEGIN").map_err(sql_error)?;
    if !TABLES.iter().all(|table| through_sqlite(&rescued, folder, keys, *table).is_ok()) {
        through_pages(&rescued, folder, keys)?;
    }
    rescued.execute_batch("COMMIT").map_err(sql_error)?;
    Ok(rescued)
}

/// Takes rows until SQLite finds a page that it can't read; an error says that there may be more.
fn through_sqlite(
    rescued: &Connection,
    folder: &Path,
    keys: Option<&FileKeys>,
    (table, columns): (&str, usize),
) -> Result<()> {
    let damaged = open_reader(&folder.join("library.db"), keys)?;
    let mut rows = damaged.prepare(&format!("SELECT * FROM {table} NOT INDEXED")).map_err(sql_error)?;
    let mut rows = rows.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|at| row.get(at)).collect();
        // A value that can't be read, such as a text that is not UTF-8, takes its row with it, and no other.
        if let Ok(values) = values {
            put(rescued, table, &values);
        }
    }
    Ok(())
}

/// Takes every row of every page that could be one of our tables'.
fn through_pages(rescued: &Connection, folder: &Path, keys: Option<&FileKeys>) -> Result<()> {
    let read = |name: &str| match fs::read(folder.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|e| io_error("reading the damaged library", e)),
    };
    let (mut file, mut journal) = (read("library.db")?, read("library.db-wal")?);
    if let Some(keys) = keys {
        keys.salvage(&mut file, &mut journal);
    }
    let pages = Pages::new(&file, &journal);
    for (rowid, mut values) in (1..=pages.count()).flat_map(|number| pages.rows(number)) {
        // The column that is the rowid is stored as NULL.
        if let (Some(rowid), Some(first @ Value::Null)) = (rowid, values.first_mut()) {
            *first = Value::Integer(rowid);
        }
        place(rescued, &(rowid, values));
    }
    Ok(())
}

/// Puts a row into the table whose columns it fits: their types and limits tell tables of the same width apart.
fn place(rescued: &Connection, (rowid, values): &Cells) {
    let fitting =
        TABLES.iter().filter(|(table, columns)| *columns == values.len() && (*table == "receipts") == rowid.is_none());
    for (table, _) in fitting {
        if put(rescued, table, values) {
            return;
        }
    }
}

/// Whether the table takes the row, or has it already.
fn put(rescued: &Connection, table: &str, values: &[Value]) -> bool {
    let marks = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING");
    rescued.prepare_cached(&sql).and_then(|mut insert| insert.execute(params_from_iter(values))).is_ok()
}
