//! The schema: its version, the current SQL, and the way up from every version before.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::sql::sql_error;
use crate::error::{Error, ErrorKind, Result};

/// The version this code writes. 1 is the first.
pub(super) const VERSION: u32 = 1;
/// SQLite's `application_id` of a fact library: "Crne".
pub(super) const APPLICATION_ID: u32 = 0x4372_6E65;

const CURRENT: &str = include_str!("schema.sql");

/// Brings a database to the current schema: an empty one is created, an older one upgraded in one transaction.
/// `prepare` runs inside that transaction for a new database.
pub(super) fn establish(
    connection: &mut Connection,
    prepare: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
    let version = accept(&tx)?;
    if version == VERSION {
        return Ok(());
    }
    if version == 0 {
        create(&tx).and_then(|()| prepare(&tx)).map_err(sql_error)?;
    } else {
        upgrade_from(&tx, version).map_err(sql_error)?;
    }
    tx.pragma_update(None, "user_version", VERSION).map_err(sql_error)?;
    tx.commit().map_err(sql_error)
}

/// The version of a database that is ours, 0 for one without any tables; otherwise why it isn't taken.
pub(super) fn accept(connection: &Connection) -> Result<u32> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql_error);
    let version = number("user_version")?;
    let application = number("application_id")?;
    let tables = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map_err(sql_error)?;
    if tables == 0 && version == 0 && application == 0 {
        return Ok(0);
    }
    check_identity(application, version)
}

/// Refuses a foreign database and one that a later Crane has written.
pub(super) fn check_identity(application: i64, version: i64) -> Result<u32> {
    if application != i64::from(APPLICATION_ID) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "library.db is another program's database; choose another folder",
        ));
    }
    match u32::try_from(version) {
        Ok(version @ 1..=VERSION) => Ok(version),
        _ => Err(Error::new(
            ErrorKind::LibraryCorrupt,
            format!("the library has schema {version}, this version knows up to {VERSION}; update Crane to open it"),
        )),
    }
}

fn create(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    create_tables(tx)
}

/// One step per old version, each leading to the next: `if version < 2 { tx.execute_batch(TO_2)?; }` and so on.
fn upgrade_from(_tx: &Transaction<'_>, version: u32) -> rusqlite::Result<()> {
    debug_assert!(version < VERSION, "establish has accepted the version");
    Ok(())
}

/// Makes the full text anew from the facts; where not even its tables can be used, with new ones.
pub(super) fn rebuild_text(connection: &Connection) -> rusqlite::Result<()> {
    if connection.execute("INSERT INTO fact_text (fact_text) VALUES ('rebuild')", []).is_ok() {
        return Ok(());
    }
    let create = CURRENT.find("CREATE VIRTUAL TABLE fact_text").map_or("", |at| &CURRENT[at..]);
    let rebuild = "INSERT INTO fact_text (fact_text) VALUES ('rebuild')";
    connection.execute_batch(&format!("BEGIN IMMEDIATE; DROP TABLE fact_text; {create} {rebuild}; COMMIT")).inspect_err(
        |_| {
            // The error itself is what the caller must see.
            let _ = connection.execute_batch("ROLLBACK");
        },
    )
}

/// The tables of the current schema in an empty database.
pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(CURRENT)
}

/// Names of everything in a database that is not as this version creates it.
pub(super) fn differences(connection: &Connection) -> Result<BTreeSet<String>> {
    let mut fresh = Connection::open_in_memory().map_err(sql_error)?;
    establish(&mut fresh, |_| Ok(()))?;
    let (held, own) = (described(connection).map_err(sql_error)?, described(&fresh).map_err(sql_error)?);
    Ok(held.symmetric_difference(&own).map(|(name, _)| name.clone()).collect())
}

fn described(connection: &Connection) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let mut rows = connection.prepare("SELECT name, coalesce(sql, '') FROM main.sqlite_schema")?;
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every released version created, frozen.
    const FROZEN: [&str; VERSION as usize] = [include_str!("../../tests/golden/library/schema-1.sql")];

    #[test]
    fn every_frozen_schema_becomes_the_current_one() {
        for (sql, version) in FROZEN.iter().zip(1_u32..) {
            let mut old = Connection::open_in_memory().unwrap();
            old.execute_batch(sql).unwrap();
            old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
            old.pragma_update(None, "user_version", version).unwrap();
            establish(&mut old, |_| panic!("only a new database is prepared")).unwrap();
            assert_eq!(differences(&old).unwrap(), BTreeSet::new(), "from version {version}");
        }
    }

    #[test]
    fn the_current_schema_is_frozen_too() {
        assert!(FROZEN[VERSION as usize - 1] == CURRENT, "a changed schema needs a new version");
    }

    #[test]
    fn versions_that_never_were_are_refused() {
        for version in [-1, 0, i64::from(VERSION) + 1] {
            let error = check_identity(APPLICATION_ID.into(), version).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LibraryCorrupt);
        }
        assert_eq!(check_identity(0, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
