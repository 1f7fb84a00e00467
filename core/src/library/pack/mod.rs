//! Fact packs: one portable file with facts, what they are found by, and their history. `core/docs/PACK_FORMAT.md` has the
//! bytes and the reasons.
//!
//! ```text
//! library.export_file(path, &ExportOptions)         -> ExportReport     .export(writer, …) into any stream
//! Pack::open(path)                                  -> Pack             .read(reader); all of it verified, nothing done
//! library.preview_import(&mut pack, &ImportOptions) -> ImportPreview    new, same, conflicting; nothing done
//! library.import(&mut pack, &ImportOptions)         -> ImportReport     one transaction, one change, one undo
//! library.past(id)                                  -> Vec<PastEntry>   what an imported fact went through elsewhere
//! ```
//!
//! Everything in a pack is hostile until checked; checks stand in `format` and `entry`.

mod entry;
mod export;
mod format;
mod import;
mod key;
mod plan;
mod read;
mod stored;
mod write;

pub use entry::PastEntry;
pub use export::{ExportOptions, ExportReport};
pub use import::{ImportOptions, ImportReport, OnConflict};
pub use key::SecretKey;
pub use plan::{ImportConflict, ImportPreview};
pub use read::Pack;

use std::io;

use rusqlite::Connection;

pub use super::Progress;
use super::{TELL_EVERY, sql};
use crate::error::{Error, ErrorKind};
use crate::types::FactId;

/// All that a fact went through, as the history of another library keeps it.
pub(super) fn past_of(connection: &Connection, id: FactId) -> crate::Result<Option<String>> {
    entry::past_json(&stored::whole_past(connection, id)?)
}

/// The error for a pack that can't be taken, whatever the reason.
fn refused(what: &str) -> Error {
    Error::new(
        ErrorKind::PackCorrupt,
        format!("the fact pack can't be read ({what}); nothing was imported: get it again"),
    )
}

fn io_error(error: io::Error) -> Error {
    match error.kind() {
        // The file was as long as it says when it was opened.
        io::ErrorKind::UnexpectedEof => refused("it changed while it was read").with_source(error),
        _ => sql::io_error("the fact pack", error),
    }
}
