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
use crate::types::Embedding;

/// Blocks scanned with one floor: 1,024 rows, 132 KiB, which a second-level cache holds.
const CHUNK: usize = 32;
/// Candidates that may wait; then those that still can be are scored.
const PATIENCE: usize = 1 << 14;
/// Rows scored at a time; that many more are being fetched meanwhile.
const BATCH: usize = 8;

/// The bound of a candidate that is scored already: not a number, so it reaches no floor.
const SCORED: f32 = f32::NAN;

/// A run of coded rows.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    blocks: &'a [Block],
    /// The slot of the first row, and the one behind the last: lanes from there on are empty.
    first: usize,
    end: usize,
}

impl Index {
    /// One of so many equal parts of all codes, in the order of their slots. The first chunks are short, so that there
    /// is a floor soon.
    pub(super) fn chunks(&self, part: usize, parts: usize) -> impl Iterator<Item = Chunk<'_>> {
        let ends = [self.base_len(), self.len()];
        self.coded().into_iter().zip(ends).flat_map(move |((first, blocks), end)| {
            let (from, to) = (blocks.len() * part / parts, blocks.len() * (part + 1) / parts);
            let (mut rest, mut first, mut len) = (&blocks[from..to], first + from * BLOCK_ROWS, 1);
            std::iter::from_fn(move || {
                let blocks = rest.split_off(..len.min(rest.len()))?;
                let chunk = Chunk { blocks, first, end: end.min(first + blocks.len() * BLOCK_ROWS) };
                (first, len) = (chunk.end, CHUNK.min(2 * len));
                (!blocks.is_empty()).then_some(chunk)
            })
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
    /// The k-th best bound so far.
    bar: f32,
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
        Self {
            index,
            filter,
            query: Query::new(query),
            coarse,
            best,
            bounds,
            bar: f32::NEG_INFINITY,
            waiting: Vec::with_capacity(CHUNK * BLOCK_ROWS),
        }
    }

    /// Looks at some rows; chunks must come in the order of their slots.
    pub(super) fn look(&mut self, chunk: Chunk<'_>) -> Result<(), LoadError> {
        let Some(coarse) = &self.coarse else {
            let slots: Vec<u32> = (chunk.first as u32..chunk.end as u32).collect();
            return slots.chunks(BATCH).try_for_each(|batch| self.score(batch));
        };
        let known = self.waiting.len();
        let first = chunk.first as u32;
        self.index.coarse_kernel.scan(coarse, chunk.blocks, first, self.best.floor(), &mut self.waiting);
        while self.waiting.last().is_some_and(|last| last.slot as usize >= chunk.end) {
            self.waiting.pop();
        }
        if self.filter.is_narrow() {
            // Rows that don't pass would never raise the floor: were they many, all of them would be scored.
            self.keep_passing(known);
        }
        for at in known..self.waiting.len() {
            let Candidate { bound, slot } = self.waiting[at];
            if bound > self.bar {
                self.bounds.offer(Worst(bound));
                self.bar = self.bounds.worst().map_or(f32::NEG_INFINITY, |worst| worst.0);
                self.waiting[at].bound = SCORED;
                self.score(&[slot])?;
            }
        }
        if self.waiting.len() > PATIENCE { self.settle() } else { Ok(()) }
    }

    /// Drops the candidates from a place on that the filter does not let pass.
    fn keep_passing(&mut self, from: usize) {
        let mut kept = from;
        for at in from..self.waiting.len() {
            let candidate = self.waiting[at];
            self.waiting[kept] = candidate;
            kept += usize::from(self.filter.passes(&self.index.entries[candidate.slot as usize]));
        }
        self.waiting.truncate(kept);
    }

    /// Scores the candidates that wait and still can be among the best.
    fn settle(&mut self) -> Result<(), LoadError> {
        let floor = self.best.floor();
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut kept = 0;
        for at in 0..waiting.len() {
            let candidate = waiting[at];
            waiting[kept] = candidate;
            kept += usize::from(candidate.bound >= floor);
        }
        waiting.truncate(kept);
        let mut batches = waiting.chunks(BATCH).peekable();
        while let Some(batch) = batches.next() {
            for next in batches.peek().into_iter().copied().flatten() {
                prefetch::<ROW_LEN>(self.index.row_address(next.slot as usize));
            }
            let slots: [u32; BATCH] = std::array::from_fn(|at| batch.get(at).map_or(0, |candidate| candidate.slot));
            self.score(&slots[..batch.len()])?;
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    /// Scores up to `BATCH` rows.
    #[inline]
    fn score(&mut self, slots: &[u32]) -> Result<(), LoadError> {
        let (mut rows, mut scores) = ([&[0; ROW_LEN]; BATCH], [0.0; BATCH]);
        for (row, slot) in rows.iter_mut().zip(slots) {
            *row = self.index.row(*slot as usize)?;
        }
        self.index.kernel.scores(&self.query, &rows[..slots.len()], &mut scores[..slots.len()]);
        let mut floor = self.best.floor();
        for (slot, score) in slots.iter().zip(scores) {
            if score < floor {
                continue;
            }
            let entry = &self.index.entries[*slot as usize];
            if self.filter.passes(entry) {
                self.best.offer(Scored { score, key: entry.key, slot: *slot as usize });
                floor = self.best.floor();
            }
        }
        Ok(())
    }

    /// The best of the rows looked at.
    pub(super) fn finish(mut self) -> Result<TopK<Scored>, LoadError> {
        self.settle()?;
        Ok(self.best)
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
