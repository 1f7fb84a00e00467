//! Figures about a library.

use std::fs;
use std::sync::PoisonError;

use serde::Serialize;

use super::Library;
use super::sql::{io_error, sql_error};
use crate::error::Result;
use crate::types::Modality;

/// How much a library holds, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stat {
    /// Facts in force or waiting for their time.
    pub active: u64,
    /// Facts that are disabled.
    pub disabled: u64,
    /// Facts that another one has replaced.
    pub superseded: u64,
    /// Facts that are deleted and can be restored.
    pub deleted: u64,
    /// Facts that are erased.
    pub forgotten: u64,
    /// Changes in the history.
    pub changes: u64,
    /// Rows of the image index, and of these the ones not yet in its file.
    pub image_rows: (u64, u64),
    /// Rows of the text index, and of these the ones not yet in its file.
    pub text_rows: (u64, u64),
    /// Bytes that both indexes take in memory.
    pub memory_bytes: u64,
    /// Bytes of all files in the folder.
    pub disk_bytes: u64,
}

impl Library {
    /// How much the library holds.
    pub fn stat(&self) -> Result<Stat> {
        let sql = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), \
                   count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3), \
                   count(*) FILTER (WHERE state = 4), (SELECT count(*) FROM changes) FROM facts";
        let counts = self.read(|connection| {
            let mut counts = [0_u64; 6];
            let take = |(at, count): (usize, &mut u64), row: &rusqlite::Row<'_>| {
                row.get::<_, i64>(at).map(|n| *count = n.unsigned_abs())
            };
            connection
                .query_row(sql, [], |row| counts.iter_mut().enumerate().try_for_each(|count| take(count, row)))
                .map_err(sql_error)?;
            Ok(counts)
        })?;
        let disk_bytes = self.disk_bytes().map_err(|e| io_error("measuring the library", e))?;
        let memory_bytes = self.index_bytes();
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        let rows = |modality| (vectors.of(modality).len() as u64, vectors.of(modality).tail_len() as u64);
        Ok(Stat {
            active: counts[0],
            disabled: counts[1],
            superseded: counts[2],
            deleted: counts[3],
            forgotten: counts[4],
            changes: counts[5],
            image_rows: rows(Modality::Image),
            text_rows: rows(Modality::Text),
            memory_bytes,
            disk_bytes,
        })
    }

    /// Bytes that both indexes take in memory.
    pub(crate) fn index_bytes(&self) -> u64 {
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        super::MODALITIES.iter().map(|modality| vectors.of(*modality).memory_bytes() as u64).sum()
    }

    fn disk_bytes(&self) -> std::io::Result<u64> {
        let mut total = 0;
        for entry in fs::read_dir(self.folder.path())? {
            total += entry?.metadata()?.len();
        }
        Ok(total)
    }
}
