//! Search: in memory, beside writers, and for readers in step with the writer's process.

use std::collections::HashSet;
use std::num::NonZero;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use uuid::Uuid;

use super::record::check_embedding;
use super::sql::sql_error;
use super::vectors::Vectors;
use super::{Access, Library, MODALITIES, check_library, now_ms};
use crate::busy;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Filter, Index, LoadError};
use crate::types::{Embedding, FactId, Hit, Modality};

/// A reader's connection that notices changes of other processes.
pub(super) struct Watch {
    connection: Connection,
    /// None: not looked yet.
    version: Option<i64>,
}

impl Watch {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection, version: None }
    }
}

impl Library {
    /// The best `k` keys of active facts that hold now: highest cosine similarity first, equal ones by smaller key.
    /// The result is that of a full scan. One fact may appear with several keys.
    ///
    /// # Errors
    /// `InvalidInput` when the embedding is not of unit length.
    pub fn search(&self, modality: Modality, query: &Embedding, k: usize) -> Result<Vec<Hit>> {
        self.search_with(modality, query, k, &Filter::active_at(now_ms()))
    }

    /// The same under another filter; the result is that of a full scan over the rows that pass it.
    ///
    /// # Errors
    /// As [`Library::search`].
    pub fn search_with(
        &self,
        modality: Modality,
        query: &Embedding,
        k: usize,
        filter: &Filter<'_>,
    ) -> Result<Vec<Hit>> {
        check_embedding(query)?;
        self.catch_up()?;
        self.with_index(modality, |index| index.search(query, k, filter))
    }

    /// Several searches in one pass over the index, by up to so many threads: what [`Library::search_with`] gives for
    /// each query.
    ///
    /// # Errors
    /// As [`Library::search`].
    pub fn search_many(
        &self,
        modality: Modality,
        queries: &[Embedding],
        k: usize,
        filter: &Filter<'_>,
        threads: NonZero<usize>,
    ) -> Result<Vec<Vec<Hit>>> {
        queries.iter().try_for_each(check_embedding)?;
        self.catch_up()?;
        self.with_index(modality, |index| index.search_many(queries, k, filter, threads))
    }

    /// The facts with exactly this source, in whatever state: what [`Filter::with_facts`] takes to search among them.
    /// It is as of now, and may be kept and used for many searches.
    ///
    /// # Errors
    /// `LibraryCorrupt`, `StorageFailed`.
    pub fn facts_from(&self, source: &str) -> Result<HashSet<FactId>> {
        self.read(|connection| {
            let sql = "SELECT id FROM facts WHERE source = ?1";
            let mut ids = connection.prepare_cached(sql).map_err(sql_error)?;
            let ids = ids.query_map([source], |row| Ok(FactId(Uuid::from_bytes(row.get(0)?)))).map_err(sql_error)?;
            ids.collect::<Result<_, _>>().map_err(sql_error)
        })
    }

    /// Reads into memory what searches have not needed yet, so that none waits for the disk: 512 bytes a row.
    ///
    /// # Errors
    /// As [`Library::search`], but for the embedding.
    pub fn warm_up(&self) -> Result<()> {
        self.catch_up()?;
        MODALITIES.into_iter().try_for_each(|modality| self.with_index(modality, Index::warm_up))
    }

    /// Asks an index. When its file fails it, now or since it was opened, the index is rebuilt from the database and
    /// asked again.
    pub(super) fn with_index<T>(&self, modality: Modality, ask: impl Fn(&Index) -> Result<T, LoadError>) -> Result<T> {
        let asked = |vectors: &Vectors| ask(vectors.of(modality));
        let first = asked(&self.vectors.read().unwrap_or_else(PoisonError::into_inner));
        let Err(error) = first else { return first.map_err(unreachable_file) };
        tracing::warn!(%error, "index is rebuilt from the database");
        self.rebuild(modality)?;
        asked(&self.vectors.read().unwrap_or_else(PoisonError::into_inner)).map_err(unreachable_file)
    }

    /// Builds an index anew from the database.
    fn rebuild(&self, modality: Modality) -> Result<()> {
        self.read(|connection| {
            // SQLite's snapshot is taken by the first query: by then the lock is held, so none is older than the index.
            let tx = connection.transaction().map_err(sql_error)?;
            self.vectors.write().unwrap_or_else(PoisonError::into_inner).rebuild(&tx, modality)
        })
    }

    /// Takes over everything that other processes have changed.
    pub(super) fn follow_others(&self, connection: &mut Connection) -> Result<()> {
        let tx = connection.transaction().map_err(sql_error)?;
        // It may have been re-embedded meanwhile.
        check_library(&tx, &self.fingerprint)?;
        let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = vectors.take_over(&tx, &self.folder)?;
        drop(vectors);
        if forgotten {
            self.tell_forgotten();
        }
        Ok(())
    }

    /// Takes over what this process's writer could not hand over, or what another process has written.
    pub(super) fn catch_up(&self) -> Result<()> {
        match &self.access {
            Access::Write(_) if !self.behind.load(Ordering::Acquire) => Ok(()),
            Access::Write(writer) => {
                busy::check()?;
                if let Some(writer) = &*writer.lock().unwrap_or_else(PoisonError::into_inner) {
                    let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
                    vectors.take_over(&writer.connection, &self.folder)?;
                    self.behind.store(false, Ordering::Release);
                    return Ok(());
                }
                self.read(|connection| self.follow_others(connection))
            }
            Access::Read(_) if self.is_away() => self.read(|connection| self.follow_others(connection)),
            Access::Read(watch) => {
                let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                if watch.is_none() {
                    *watch = Some(Watch::new(self.folder.open_reader()?));
                }
                let Some(Watch { connection, version: known }) = &mut *watch else { return Ok(()) };
                let version = data_version(connection)?;
                if *known != Some(version) {
                    self.follow_others(connection)?;
                    *known = Some(version);
                }
                Ok(())
            }
        }
    }
}

/// An index that was just built in memory has no file that could fail it.
fn unreachable_file(error: LoadError) -> Error {
    Error::new(ErrorKind::StorageFailed, "the index cannot be read").with_source(error)
}

/// Changes whenever another connection has committed.
fn data_version(connection: &Connection) -> Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(sql_error)
}
