//! Which rows a search may return.

use std::collections::HashSet;

use super::row::{Entry, state_code};
use crate::types::{FactId, FactState};

/// Which rows may be returned. A row that may not never displaces one that may: the result stays exact.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    states: u8,
    at: i64,
    facts: Option<&'a HashSet<FactId>>,
}

impl<'a> Filter<'a> {
    /// Active facts that hold at this moment, Unix milliseconds.
    pub fn active_at(unix_ms: i64) -> Self {
        Self { states: 1 << state_code(FactState::Active), at: unix_ms, facts: None }
    }

    /// Facts in these states, in place of active ones.
    #[must_use]
    pub fn with_states(mut self, states: &[FactState]) -> Self {
        self.states = states.iter().fold(0, |bits, state| bits | 1 << state_code(*state));
        self
    }

    /// Only these facts, for instance those of one source: [`Library::facts_from`](crate::library::Library::facts_from).
    #[must_use]
    pub fn with_facts(mut self, facts: &'a HashSet<FactId>) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Whether it may keep many rows back, so that it should be asked before rows are scored.
    pub(super) fn is_narrow(&self) -> bool {
        self.facts.is_some()
    }

    /// Whether a row may be returned.
    pub(super) fn passes(&self, entry: &Entry) -> bool {
        self.states & (1 << state_code(entry.state)) != 0
            && entry.holds_at(self.at)
            && self.facts.is_none_or(|facts| facts.contains(&entry.fact))
    }
}
