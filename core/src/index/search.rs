//! Exact search: every row is scored, the best k that pass the filter are returned.

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
    /// The best `k` rows by dot product, highest first, equal scores by smaller key.
    pub fn search(&self, query: &Embedding, k: usize, filter: &Filter<'_>) -> Vec<Hit> {
        let k = k.min(self.entries.len());
        if k == 0 {
            return Vec::new();
        }
        let query = Query::new(query);
        let mut best = TopK::new(k);
        self.scan(&query, self.base.bytes(), 0, filter, &mut best);
        let tail = self.tail.iter().enumerate();
        for (at, row) in tail {
            self.offer(&mut best, self.base_len() + at, self.kernel.score(&query, &row.0), filter);
        }
        best.into_sorted()
            .into_iter()
            .map(|s| Hit { key: s.key, fact: self.entries[s.slot].fact, score: s.score })
            .collect()
    }

    fn scan(&self, query: &Query, rows: &[u8], first: usize, filter: &Filter<'_>, best: &mut TopK) {
        let mut scores = [0.0; BLOCK];
        for (block, rows) in rows.chunks(BLOCK * ROW_LEN).enumerate() {
            let scores = &mut scores[..rows.len() / ROW_LEN];
            self.kernel.scores(query, rows, scores);
            for (at, score) in scores.iter().enumerate() {
                self.offer(best, first + block * BLOCK + at, *score, filter);
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
