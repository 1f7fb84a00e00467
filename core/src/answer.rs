//! What a question yields: events while it is answered, then an answer or a preview.

use std::fmt;

use serde::Serialize;

use crate::gate::Decision;
use crate::route::Route;
use crate::trace::Trace;
use crate::types::Fact;

/// What happens while a question is answered, in this order; both deltas any number of times, thought first.
#[derive(Clone)]
pub enum AnswerEvent {
    /// It is clear which index is searched.
    Routed(Route),
    /// It is clear whether a fact applies.
    Decided {
        /// The gate's decision and its figures.
        decision: Decision,
        /// The fact that fired.
        fact: Option<Box<Fact>>,
    },
    /// More text of the thought. All of them joined are [`Answer::thought`].
    ThinkDelta(String),
    /// More text of the answer. All of them joined are [`Answer::text`].
    AnswerDelta(String),
}

// Thoughts and answers repeat what people asked and stated: `Debug` shows their length only.
impl fmt::Debug for AnswerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routed(route) => write!(f, "Routed({route:?})"),
            Self::Decided { decision, .. } => write!(f, "Decided({decision:?})"),
            Self::ThinkDelta(text) => write!(f, "ThinkDelta({} bytes)", text.len()),
            Self::AnswerDelta(text) => write!(f, "AnswerDelta({} bytes)", text.len()),
        }
    }
}

/// A question's answer.
#[derive(Clone, Serialize)]
pub struct Answer {
    /// The answer itself.
    pub text: String,
    /// The chain of thought that led to it.
    pub thought: String,
    /// The fact that fired.
    pub fact: Option<Fact>,
    /// How it came about.
    pub trace: Trace,
}

/// Which fact would fire, found without running the language model.
#[derive(Clone, Serialize)]
pub struct Preview {
    /// The fact that would fire.
    pub fact: Option<Fact>,
    /// How that was decided; it has no reply.
    pub trace: Trace,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("trace", &self.trace).finish_non_exhaustive()
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").field("trace", &self.trace).finish_non_exhaustive()
    }
}
