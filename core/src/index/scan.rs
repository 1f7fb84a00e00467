//! One query's way through the index.
//!
//! Codes are scanned a chunk at a time. A row that its code does not rule out is a candidate. Scoring it means eight
//! cache lines from somewhere in memory, so most candidates wait until the whole scan has shown how high the k-th best
//! score is; only then those still above it are scored, in their order and with their rows fetched ahead. To know that
//! height early, candidates whose bounds are among the best k so far are scored at once: a bound is nearly the score
//! plus a constant.

use super::coarse::{BLOCK_ROWS, Block, Candidate, CoarseQuery};
use super::filter::Filter;
use super::format::ROW_LEN;
use super::kernel::{Query, prefetch};
use super::table::{Index, LoadError};
use super::topk::{Scored, TopK};
use crate::types::{Embedding, Hit};

/// Blocks scanned with one floor: 1,024 rows, 132 KiB, which a second-level cache holds.
const CHUNK: usize = 32;
/// Candidates that may wait; then those that still can be are scored.
const PATIENCE: usize = 1 << 14;
/// How many rows ahead are fetched.
const AHEAD: usize = 4;

/// A run of coded rows.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    blocks: &'a [Block],
    /// The slot of the first row, and the one behind the last: lanes from there on are empty.
    first: usize,
    end: usize,
}

impl Index {
    /// All codes in the order of their slots.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk<'_>> {
        let ends = [self.base_len(), self.len()];
        self.coded().into_iter().zip(ends).flat_map(|((first, blocks), end)| {
            let firsts = (first..).step_by(CHUNK * BLOCK_ROWS);
            let chunk = move |(blocks, first): (_, usize)| {
                let end = end.min(first + CHUNK * BLOCK_ROWS);
                Chunk { blocks, first, end }
            };
            blocks.chunks(CHUNK).zip(firsts).map(chunk)
        })
    }
}

/// The state of a search.
pub(super) struct Scan<'a> {
    index: &'a Index,
    filter: &'a Filter<'a>,
    query: Query,
    /// None: every row is scored.
    coarse: Option<CoarseQuery>,
    best: TopK<Scored>,
    bounds: TopK<Worst>,
    /// Candidates that are not scored yet, ascending by slot.
    waiting: Vec<Candidate>,
}

impl<'a> Scan<'a> {
    /// A search for the best `k`, which must be at least 1.
    pub(super) fn new(
        index: &'a Index,
        query: &Embedding,
        coarse: Option<CoarseQuery>,
        k: usize,
        filter: &'a Filter<'a>,
    ) -> Self {
        let (best, bounds) = (TopK::new(k), TopK::new(k));
        Self { index, filter, query: Query::new(query), coarse, best, bounds, waiting: Vec::new() }
    }

    /// Looks at some rows; chunks must come in the order of their slots.
    pub(super) fn look(&mut self, chunk: Chunk<'_>) -> Result<(), LoadError> {
        let Some(coarse) = &self.coarse else {
            return (chunk.first..chunk.end).try_for_each(|slot| self.score(slot));
        };
        let known = self.waiting.len();
        let first = chunk.first as u32;
        self.index.coarse_kernel.scan(coarse, chunk.blocks, first, self.best.floor(), &mut self.waiting);
        let mut kept = known;
        for at in known..self.waiting.len() {
            let candidate = self.waiting[at];
            if candidate.slot as usize >= chunk.end || candidate.bound < self.best.floor() {
                continue;
            }
            if self.bounds.offer(Worst(candidate.bound)) {
                self.score(candidate.slot as usize)?;
            } else {
                self.waiting[kept] = candidate;
                kept += 1;
            }
        }
        self.waiting.truncate(kept);
        if kept > PATIENCE { self.settle() } else { Ok(()) }
    }

    /// Scores the candidates that wait and still can be among the best.
    fn settle(&mut self) -> Result<(), LoadError> {
        let floor = self.best.floor();
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|candidate| candidate.bound >= floor);
        for (at, candidate) in waiting.iter().enumerate() {
            if let Some(next) = waiting.get(at + AHEAD) {
                prefetch::<ROW_LEN>(self.index.row_address(next.slot as usize));
            }
            if candidate.bound >= self.best.floor() {
                self.score(candidate.slot as usize)?;
            }
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    #[inline]
    fn score(&mut self, slot: usize) -> Result<(), LoadError> {
        let score = self.index.kernel.score(&self.query, self.index.row(slot)?);
        if score < self.best.floor() {
            return Ok(());
        }
        let entry = &self.index.entries[slot];
        if self.filter.passes(entry) {
            self.best.offer(Scored { score, key: entry.key, slot });
        }
        Ok(())
    }

    /// The hits, best first.
    pub(super) fn finish(mut self) -> Result<Vec<Hit>, LoadError> {
        self.settle()?;
        let hit = |s: Scored| Hit { key: s.key, fact: self.index.entries[s.slot].fact, score: s.score };
        Ok(self.best.into_sorted().into_iter().map(hit).collect())
    }
}

/// A bound, of which the smaller is the worse one.
#[derive(Clone, Copy, PartialEq)]
struct Worst(f32);

impl Eq for Worst {}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.total_cmp(&self.0)
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
