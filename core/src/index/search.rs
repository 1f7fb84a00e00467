//! Exact search: the best k that pass the filter, as if every row had been scored.

use super::coarse::CoarseQuery;
use super::filter::Filter;
use super::scan::Scan;
use super::table::{Index, LoadError};
use crate::types::{Embedding, Hit};

impl Index {
    /// The best `k` rows by dot product, highest first, equal scores by smaller key: what [`Index::search_all`] gives,
    /// but rows whose coarse code proves that they can't be among them are not looked at.
    ///
    /// # Errors
    /// When a row that has to be looked at can't be read from the file, or is not what was written. The index is of no
    /// more use then.
    pub fn search(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Result<Vec<Hit>, LoadError> {
        self.search_by(query, k, filter, CoarseQuery::new(query, self.reach()))
    }

    /// The same by scoring every row.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_all(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Result<Vec<Hit>, LoadError> {
        self.search_by(query, k, filter, None)
    }

    fn search_by(
        &self,
        query: &Embedding,
        k: usize,
        filter: &Filter<'_>,
        coarse: Option<CoarseQuery>,
    ) -> Result<Vec<Hit>, LoadError> {
        let k = k.min(self.len());
        if k == 0 {
            return Ok(Vec::new());
        }
        let mut scan = Scan::new(self, query, coarse, k, filter);
        self.chunks().try_for_each(|chunk| scan.look(chunk))?;
        scan.finish()
    }
}
