//! One row of the index: what is compared, and what is known of the key behind it.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::format::ROW_LEN;
use crate::types::{EMBEDDING_DIM, Embedding, FactId, FactState, KeyId};

/// 256 little-endian f16, as they lie in SQLite, in the file and in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row(pub [u8; ROW_LEN]);

impl Row {
    /// Rounds an embedding to f16, nearest even.
    pub fn from_embedding(embedding: &Embedding) -> Self {
        let mut halves = [f16::ZERO; EMBEDDING_DIM];
        halves.convert_from_f32_slice(&embedding.0);
        let mut bytes = [0; ROW_LEN];
        for (to, from) in bytes.chunks_exact_mut(2).zip(halves) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        Self(bytes)
    }

    /// The same values as f32.
    pub fn to_embedding(&self) -> Embedding {
        let mut values = [0.0; EMBEDDING_DIM];
        for (to, from) in values.iter_mut().zip(self.0.chunks_exact(2)) {
            *to = f16::from_le_bytes([from[0], from[1]]).to_f32();
        }
        Embedding(values)
    }
}

/// What the index knows of a key, so that a search needs no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key; unique within an index.
    pub key: KeyId,
    /// The fact behind it.
    pub fact: FactId,
    /// Where that fact stands.
    pub state: FactState,
    /// First moment the fact holds, Unix milliseconds; `i64::MIN`: always has.
    pub valid_from: i64,
    /// Moment from which it no longer holds, Unix milliseconds; `i64::MAX`: never ends.
    pub valid_until: i64,
}

impl Entry {
    /// Whether the key can't be found under any filter.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, FactState::Deleted | FactState::Forgotten)
    }

    /// Whether the fact holds at this moment.
    pub fn holds_at(&self, unix_ms: i64) -> bool {
        self.valid_from <= unix_ms && (unix_ms < self.valid_until || self.valid_until == i64::MAX)
    }
}

/// The number of a state in index files and in SQLite; never renumber.
pub(crate) const fn state_code(state: FactState) -> u8 {
    match state {
        FactState::Active => 0,
        FactState::Disabled => 1,
        FactState::Superseded => 2,
        FactState::Deleted => 3,
        FactState::Forgotten => 4,
    }
}

/// The state of a number, if it is one.
pub(crate) const fn state_of(code: i64) -> Option<FactState> {
    Some(match code {
        0 => FactState::Active,
        1 => FactState::Disabled,
        2 => FactState::Superseded,
        3 => FactState::Deleted,
        4 => FactState::Forgotten,
        _ => return None,
    })
}
