//! The best k of a stream.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::types::KeyId;

/// A scored slot: highest score first, equal scores by smaller key. `Ord` puts the *worse* one higher.
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

/// The best k of what was offered, where `Ord` puts the worse one higher: so the heap's top is the one to drop.
pub(super) struct TopK<T> {
    k: usize,
    heap: BinaryHeap<T>,
}

impl<T: Ord> TopK<T> {
    /// Keeps the best `k`, which must be at least 1.
    pub(super) fn new(k: usize) -> Self {
        debug_assert!(k > 0);
        Self { k, heap: BinaryHeap::with_capacity(k.min(1 << 16)) }
    }

    /// The worst of k; none as long as there are fewer.
    pub(super) fn worst(&self) -> Option<&T> {
        if self.heap.len() < self.k { None } else { self.heap.peek() }
    }

    /// Whether it is, for now, one of the best k.
    pub(super) fn offer(&mut self, new: T) -> bool {
        if self.heap.len() < self.k {
            self.heap.push(new);
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if new < *worst => {
                *worst = new;
                true
            }
            _ => false,
        }
    }

    /// Takes over another's best.
    pub(super) fn extend(&mut self, other: Self) {
        for one in other.heap {
            self.offer(one);
        }
    }

    /// Best first.
    pub(super) fn into_sorted(self) -> Vec<T> {
        self.heap.into_sorted_vec()
    }
}

impl TopK<Scored> {
    /// A score below this cannot enter any more; an equal one still can, by its key.
    pub(super) fn floor(&self) -> f32 {
        self.worst().map_or(f32::NEG_INFINITY, |worst| worst.score)
    }
}
