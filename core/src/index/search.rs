//! Exact search: the best k that pass the filter, as if every row had been scored.

use super::coarse::{BLOCK_ROWS, CoarseQuery};
use super::format::ROW_LEN;
use super::kernel::Query;
use super::row::{Entry, state_code};
use super::table::Index;
use super::topk::{Scored, TopK};
use crate::types::{Embedding, FactId, FactState, Hit};

/// Rows scored at a time: their scores stay in the first-level cache.
const BLOCK: usize = 256;

/// Which rows may be returned. A row that may not never displaces one that may: the result stays exact.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    states: u8,
    at: i64,
    accept: Option<&'a dyn Fn(FactId) -> bool>,
}

impl<'a> Filter<'a> {
    /// Active facts that hold at this moment, Unix milliseconds.
    pub fn active_at(unix_ms: i64) -> Self {
        Self { states: 1 << state_code(FactState::Active), at: unix_ms, accept: None }
    }

    /// Facts in these states, in place of active ones.
    #[must_use]
    pub fn with_states(mut self, states: &[FactState]) -> Self {
        self.states = states.iter().fold(0, |bits, state| bits | 1 << state_code(*state));
        self
    }

    /// Only facts for which this is true; it is asked only about rows that would be among the best.
    #[must_use]
    pub fn with_accept(mut self, accept: &'a dyn Fn(FactId) -> bool) -> Self {
        self.accept = Some(accept);
        self
    }

    fn passes(&self, entry: &Entry) -> bool {
        self.states & (1 << state_code(entry.state)) != 0
            && entry.holds_at(self.at)
            && self.accept.is_none_or(|accept| accept(entry.fact))
    }
}

impl Index {
    /// The best `k` rows by dot product, highest first, equal scores by smaller key: what [`Index::search_all`] gives,
    /// but rows whose coarse code proves that they can't be among them are not looked at.
    pub fn search(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Vec<Hit> {
        self.search_by(query, k, filter, CoarseQuery::new(query, self.reach))
    }

    /// The same by scoring every row.
    pub fn search_all(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Vec<Hit> {
        self.search_by(query, k, filter, None)
    }

    fn search_by(&self, query: &Embedding, k: usize, filter: &Filter<'_>, coarse: Option<CoarseQuery>) -> Vec<Hit> {
        let k = k.min(self.entries.len());
        if k == 0 {
            return Vec::new();
        }
        let mut best = TopK::new(k);
        let query = Query::new(query);
        match coarse {
            Some(coarse) => self.scan_coarse(&query, &coarse, filter, &mut best),
            None => self.scan_all(&query, filter, &mut best),
        }
        for (slot, row) in (self.base_len()..).zip(&self.tail) {
            self.offer(&mut best, slot, self.kernel.score(&query, &row.0), filter);
        }
        let hit = |s: Scored| Hit { key: s.key, fact: self.entries[s.slot].fact, score: s.score };
        best.into_sorted().into_iter().map(hit).collect()
    }

    /// Looks only at rows whose codes don't rule them out.
    fn scan_coarse(&self, query: &Query, coarse: &CoarseQuery, filter: &Filter<'_>, best: &mut TopK) {
        let rows = self.base.bytes().as_chunks::<ROW_LEN>().0;
        for (at, block) in self.coarse.bytes().as_chunks().0.iter().enumerate() {
            let mut hot = self.coarse_kernel.hot(coarse, block, best.floor());
            while hot != 0 {
                let slot = at * BLOCK_ROWS + hot.trailing_zeros() as usize;
                hot &= hot - 1;
                // The last block may have lanes without rows.
                let Some(row) = rows.get(slot) else { break };
                self.offer(best, slot, self.kernel.score(query, row), filter);
            }
        }
    }

    /// Looks at every row.
    fn scan_all(&self, query: &Query, filter: &Filter<'_>, best: &mut TopK) {
        let mut scores = [0.0; BLOCK];
        for (block, rows) in self.base.bytes().chunks(BLOCK * ROW_LEN).enumerate() {
            let scores = &mut scores[..rows.len() / ROW_LEN];
            self.kernel.scores(query, rows, scores);
            for (at, score) in scores.iter().enumerate() {
                self.offer(best, block * BLOCK + at, *score, filter);
            }
        }
    }

    #[inline]
    fn offer(&self, best: &mut TopK, slot: usize, score: f32, filter: &Filter<'_>) {
        if score < best.floor() {
            return;
        }
        let entry = &self.entries[slot];
        if filter.passes(entry) {
            best.offer(Scored { score, key: entry.key, slot });
        }
    }
}
