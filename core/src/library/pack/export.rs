//! Exporting: facts as they stand at one moment, read while others write.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;
use uuid::Uuid;

use super::entry::{PackedFact, PackedReceipt};
use super::format::{Header, MAGIC, MAX_COUNT};
use super::key::SecretKey;
use super::write::PackWriter;
use super::{Progress, TELL_EVERY, io_error, stored};
use crate::error::Result;
use crate::index::{create_private, sync_folder};
use crate::library::facts::{load, not_found};
use crate::library::record::invalid;
use crate::library::snapshot::Snapshot;
use crate::library::sql::sql_error;
use crate::library::{Library, now_ms};
use crate::origin::hex;
use crate::types::FactId;

/// What an export takes along.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// These facts, in whatever state; none: every fact that is not deleted, and the receipts of forgotten ones.
    pub facts: Option<Vec<FactId>>,
    /// The small copies of photos, where they are kept.
    pub thumbnails: bool,
    /// What the facts said before, and when they were changed.
    pub history: bool,
    /// Whose signature the pack gets; none: nobody's.
    pub signer: Option<SecretKey>,
}

impl Default for ExportOptions {
    /// Everything, unsigned.
    fn default() -> Self {
        Self { facts: None, thumbnails: true, history: true, signer: None }
    }
}

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Facts.
    pub facts: u64,
    /// Photos and texts that they are found by.
    pub keys: u64,
    /// Receipts of forgotten facts.
    pub receipts: u64,
    /// Bytes.
    pub bytes: u64,
    /// The pack's digest, as hexadecimal digits.
    pub digest: String,
}

impl Library {
    /// Writes facts to a file, which appears under its name only when it is complete. Crane keeps no copy, and what the
    /// file holds can't be forgotten by this library: that is up to whoever has the file. It is not encrypted.
    ///
    /// # Errors
    /// `InvalidInput` when the path is inside the library's folder, or a file that is no fact pack stands there; else as
    /// [`Library::export`]. Nothing is left behind then.
    pub fn export_file(
        &self,
        path: impl AsRef<Path>,
        options: &ExportOptions,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        let path = path.as_ref();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.check_target(path, folder)?;
        let temporary = folder.join(format!(".{}.cranepack.tmp", Uuid::new_v4()));
        let result = self.write_file(&temporary, options, progress).and_then(|report| {
            fs::rename(&temporary, path).map_err(io_error)?;
            Ok(report)
        });
        if result.is_err() {
            // Best effort: the error itself is what the caller must see.
            let _ = fs::remove_file(&temporary);
        }
        let report = result?;
        sync_folder(folder).map_err(io_error)?;
        Ok(report)
    }

    /// Writes facts into any stream, oldest first, as they stand at one moment; changes go on meanwhile.
    ///
    /// # Errors
    /// `NotFound` for a fact that is not there or forgotten; `InvalidInput` beyond a million facts; `StorageFull` and
    /// its like for the stream; `LibraryCorrupt` rather than exporting what is damaged; what `progress` gives.
    pub fn export<W: Write>(
        &self,
        writer: W,
        options: &ExportOptions,
        progress: Progress<'_>,
    ) -> Result<(W, ExportReport)> {
        self.read(|connection| {
            // One transaction: one moment.
            let tx = connection.transaction().map_err(sql_error)?;
            self.export_from(&tx, writer, options, progress)
        })
    }

    fn export_from<W: Write>(
        &self,
        tx: &Connection,
        writer: W,
        options: &ExportOptions,
        progress: Progress<'_>,
    ) -> Result<(W, ExportReport)> {
        let facts = options.facts.as_ref().map_or_else(|| all_facts(tx), |facts| in_order(tx, facts))?;
        let receipts = if options.facts.is_none() { receipts(tx)? } else { Vec::new() };
        let header = Header {
            fingerprint: self.fingerprint,
            library: self.id,
            exported_at: now_ms(),
            facts: count(facts.len())?,
            receipts: count(receipts.len())?,
            nonce: *Uuid::new_v4().as_bytes(),
            signer: options.signer.as_ref().map(SecretKey::public),
        };
        let mut pack = PackWriter::begin(writer, &header)?;
        let (mut keys, total) = (0, facts.len() as u64);
        for (done, id) in (0..).zip(facts) {
            if done % TELL_EVERY == 0 {
                progress(done, total)?;
            }
            let fact = packed(tx, id, options)?;
            keys += fact.keys.len() as u64;
            pack.fact(&fact)?;
        }
        receipts.iter().try_for_each(|receipt| pack.receipt(receipt))?;
        let (writer, digest, bytes) = pack.finish(options.signer.as_ref())?;
        progress(total, total)?;
        let (receipts, digest) = (receipts.len() as u64, hex(&digest));
        Ok((writer, ExportReport { facts: total, keys, receipts, bytes, digest }))
    }

    fn write_file(&self, path: &Path, options: &ExportOptions, progress: Progress<'_>) -> Result<ExportReport> {
        let (file, report) = self.export(create_private(path).map_err(io_error)?, options, progress)?;
        file.sync_all().map_err(io_error)?;
        Ok(report)
    }

    /// A pack in the library's folder would outlive what is forgotten there; another kind of file must not be lost to a
    /// mistyped name.
    fn check_target(&self, path: &Path, folder: &Path) -> Result<()> {
        let (own, there) = (fs::canonicalize(self.folder.path()), fs::canonicalize(folder).map_err(io_error)?);
        if own.is_ok_and(|own| there.starts_with(own)) {
            return Err(invalid("a fact pack can't stand in the library's own folder; choose another place"));
        }
        let mut magic = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(io_error)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_error(error)),
        };
        if magic == MAGIC {
            return Ok(());
        }
        Err(invalid("a file that is no fact pack has this name; choose another one"))
    }
}

/// A fact with everything that travels with it.
fn packed(tx: &Connection, id: FactId, options: &ExportOptions) -> Result<PackedFact> {
    let snapshot = Snapshot { keys: Vec::new(), ..load(tx, id)? };
    let mut keys = stored::keys(tx, id)?;
    if !options.thumbnails {
        keys.iter_mut().for_each(|key| key.thumbnail = None);
    }
    let past = if options.history { stored::whole_past(tx, id)? } else { Vec::new() };
    Ok(PackedFact { id, snapshot, keys, past })
}

/// A fact that was salvaged without its keys stays at home: nothing would find it elsewhere.
fn all_facts(tx: &Connection) -> Result<Vec<FactId>> {
    let sql = "SELECT id FROM facts f WHERE state < 3 \
               AND EXISTS (SELECT 1 FROM keys k WHERE k.fact = f.id AND k.live = 1) ORDER BY n";
    let mut facts = tx.prepare_cached(sql).map_err(sql_error)?;
    let facts = facts.query_map([], |row| Ok(FactId(Uuid::from_bytes(row.get(0)?)))).map_err(sql_error)?;
    facts.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

/// The named facts, each once, in the order of adding.
fn in_order(tx: &Connection, facts: &[FactId]) -> Result<Vec<FactId>> {
    let mut numbered = Vec::with_capacity(facts.len());
    for id in facts {
        let sql = "SELECT n FROM facts WHERE id = ?1 AND state <> 4";
        let n = tx.prepare_cached(sql).and_then(|mut s| s.query_row([id.0.as_bytes()], |row| row.get::<_, i64>(0)));
        let n = n.map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => not_found(),
            other => sql_error(other),
        })?;
        numbered.push((n, *id));
    }
    numbered.sort_unstable();
    numbered.dedup();
    Ok(numbered.into_iter().map(|(_, id)| id).collect())
}

fn receipts(tx: &Connection) -> Result<Vec<PackedReceipt>> {
    let mut rows = tx.prepare_cached("SELECT fact, at, digest FROM receipts ORDER BY change").map_err(sql_error)?;
    let rows = rows.query_map([], |row| {
        Ok(PackedReceipt { fact: FactId(Uuid::from_bytes(row.get(0)?)), at: row.get(1)?, digest: row.get(2)? })
    });
    rows.map_err(sql_error)?.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

fn count(number: usize) -> Result<u32> {
    let fits = u32::try_from(number).ok().filter(|number| *number <= MAX_COUNT);
    fits.ok_or_else(|| invalid(format!("a pack holds at most {MAX_COUNT} facts: export them in parts")))
}
