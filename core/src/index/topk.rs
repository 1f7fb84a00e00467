//! The best k of a stream of scores: highest score first, equal scores by smaller key.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::types::KeyId;

/// A scored slot. `Ord` puts the *worse* one higher, so that a heap's top is the one to drop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) key: KeyId,
    pub(super) slot: usize,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.key.cmp(&other.key))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(super) struct TopK {
    k: usize,
    heap: BinaryHeap<Scored>,
}

impl TopK {
    /// Keeps the best `k`, which must be at least 1.
    pub(super) fn new(k: usize) -> Self {
        debug_assert!(k > 0);
        Self { k, heap: BinaryHeap::with_capacity(k.min(1 << 16)) }
    }

    /// A score below this cannot enter any more; an equal one still can, by its key.
    pub(super) fn floor(&self) -> f32 {
        if self.heap.len() < self.k {
            f32::NEG_INFINITY
        } else {
            self.heap.peek().map_or(f32::NEG_INFINITY, |w| w.score)
        }
    }

    pub(super) fn offer(&mut self, scored: Scored) {
        if self.heap.len() < self.k {
            self.heap.push(scored);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored < *worst
        {
            *worst = scored;
        }
    }

    /// Best first.
    pub(super) fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec()
    }
}
