//! Which rows a search may return.

use super::row::{Entry, state_code};
use crate::types::{FactId, FactState};

/// Which rows may be returned. A row that may not never displaces one that may: the result stays exact.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    states: u8,
    at: i64,
    accept: Option<&'a (dyn Fn(FactId) -> bool + Sync)>,
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
    pub fn with_accept(mut self, accept: &'a (dyn Fn(FactId) -> bool + Sync)) -> Self {
        self.accept = Some(accept);
        self
    }

    /// Whether a row may be returned.
    pub(super) fn passes(&self, entry: &Entry) -> bool {
        self.states & (1 << state_code(entry.state)) != 0
            && entry.holds_at(self.at)
            && self.accept.is_none_or(|accept| accept(entry.fact))
    }
}
