//! Exact search: the best k that pass the filter, as if every row had been scored.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use super::coarse::CoarseQuery;
use super::filter::Filter;
use super::scan::Scan;
use super::table::{Index, LoadError};
use super::topk::{Scored, TopK};
use crate::types::{Embedding, Hit};

/// Rows for which another thread is worth its start, which takes as long as scanning some ten thousand.
const ROWS_PER_THREAD: usize = 1 << 15;

/// What a thread found for each query.
type Found = Result<Vec<TopK<Scored>>, LoadError>;

impl Index {
    /// The best `k` rows by dot product, highest first, equal scores by smaller key: what [`Index::search_all`] gives,
    /// but rows whose coarse code proves that they can't be among them are not looked at.
    ///
    /// # Errors
    /// When a row that has to be looked at can't be read from the file, or is not what was written. The index is of no
    /// more use then.
    pub fn search(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Result<Vec<Hit>, LoadError> {
        self.search_many(std::slice::from_ref(query), k, filter, NonZero::<usize>::MIN).map(only)
    }

    /// The same for several queries in one pass over the index, by up to so many threads: what [`Index::search`] gives
    /// for each query. An index of a few ten thousand rows or less is searched by one thread, the caller's.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_many(
        &self,
        queries: &[Embedding],
        k: usize,
        filter: &Filter<'_>,
        threads: NonZero<usize>,
    ) -> Result<Vec<Vec<Hit>>, LoadError> {
        let threads = threads.get().min(self.len() / ROWS_PER_THREAD).max(1);
        self.search_by(queries, k, filter, threads, |query| CoarseQuery::new(query, self.reach()))
    }

    /// The same as [`Index::search`] by scoring every row.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_all(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Result<Vec<Hit>, LoadError> {
        self.search_by(std::slice::from_ref(query), k, filter, 1, |_| None).map(only)
    }

    fn search_by(
        &self,
        queries: &[Embedding],
        k: usize,
        filter: &Filter<'_>,
        parts: usize,
        coarse: impl Fn(&Embedding) -> Option<CoarseQuery> + Sync,
    ) -> Result<Vec<Vec<Hit>>, LoadError> {
        let k = k.min(self.len());
        if k == 0 {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        let search_part = |part| {
            let scan = |query| Scan::new(self, query, coarse(query), k, filter);
            let mut scans: Vec<Scan<'_>> = queries.iter().map(scan).collect();
            for chunk in self.chunks(part, parts) {
                scans.iter_mut().try_for_each(|scan| scan.look(chunk))?;
            }
            scans.into_iter().map(Scan::finish).collect()
        };
        let best = in_parts(parts, search_part)?;
        let hit = |s: Scored| Hit { key: s.key, fact: self.entries[s.slot].fact, score: s.score };
        Ok(best.into_iter().map(|best| best.into_sorted().into_iter().map(hit).collect()).collect())
    }
}

/// Searches the parts, each but the first by a thread of its own where the system gives one, and joins what they found.
fn in_parts(parts: usize, search: impl Fn(usize) -> Found + Sync) -> Found {
    let search = &search;
    thread::scope(|scope| {
        let start = |part| (part, thread::Builder::new().spawn_scoped(scope, move || search(part)));
        let started: Vec<_> = (1..parts).map(start).collect();
        let mut best = search(0)?;
        for (part, thread) in started {
            let found = match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => search(part),
            };
            best.iter_mut().zip(found?).for_each(|(best, more)| best.extend(more));
        }
        Ok(best)
    })
}

/// The answer to the only query.
fn only(mut hits: Vec<Vec<Hit>>) -> Vec<Hit> {
    hits.pop().expect("there was one query")
}
