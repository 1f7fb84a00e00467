//! What is asked, and what a question yields.

use crane_core::AskOptions;

use super::{Decision, Fact, Route, Trace};

/// A question: text, with or without a photo.
#[derive(uniffi::Record)]
pub struct Question {
    /// 1 to 8,000 characters.
    pub text: String,
    /// The encoded photo (JPEG, PNG, WebP), if there is one.
    #[uniffi(default = None)]
    pub image: Option<Vec<u8>>,
    /// Only facts with exactly this source may fire, 1 to 500 characters; none: all may.
    #[uniffi(default = None)]
    pub source: Option<String>,
    /// Most tokens of the thought, after which it is closed; 0: the answer alone; none: as the bundle has it.
    #[uniffi(default = None)]
    pub thought_tokens: Option<u32>,
    /// Most tokens of the answer, 1 or more; none: as the bundle has it.
    #[uniffi(default = None)]
    pub answer_tokens: Option<u32>,
    /// 0: always the likeliest token; above, up to 2: drawn by chance; none: as the bundle has it.
    #[uniffi(default = None)]
    pub temperature: Option<f32>,
    /// What chance draws from: the same seed, question and library give the same reply.
    #[uniffi(default = 0)]
    pub seed: u64,
}

impl From<Question> for crane_core::Question {
    fn from(question: Question) -> Self {
        let Question { text, image, source, thought_tokens, answer_tokens, temperature, seed } = question;
        Self { text, image, source, options: AskOptions { thought_tokens, answer_tokens, temperature, seed } }
    }
}

/// What happens while a question is answered, in this order; both deltas any number of times, thought first.
#[derive(uniffi::Enum)]
#[allow(clippy::large_enum_variant, reason = "it is handed over at once and never kept")]
pub enum AnswerEvent {
    /// It is clear which index is searched.
    Routed {
        /// The index.
        route: Route,
    },
    /// It is clear whether a fact applies.
    Decided {
        /// The gate's decision and its figures.
        decision: Decision,
        /// The fact that fired.
        fact: Option<Fact>,
    },
    /// More text of the thought.
    ThinkDelta {
        /// All of them joined are the thought.
        text: String,
    },
    /// More text of the answer.
    AnswerDelta {
        /// All of them joined are the answer's text.
        text: String,
    },
}

impl From<crane_core::AnswerEvent> for AnswerEvent {
    fn from(event: crane_core::AnswerEvent) -> Self {
        match event {
            crane_core::AnswerEvent::Routed(route) => Self::Routed { route: route.into() },
            crane_core::AnswerEvent::Decided { decision, fact } => {
                Self::Decided { decision: decision.into(), fact: fact.map(|fact| (*fact).into()) }
            }
            crane_core::AnswerEvent::ThinkDelta(text) => Self::ThinkDelta { text },
            crane_core::AnswerEvent::AnswerDelta(text) => Self::AnswerDelta { text },
        }
    }
}

/// A question's answer.
#[derive(uniffi::Record)]
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

impl From<crane_core::Answer> for Answer {
    fn from(answer: crane_core::Answer) -> Self {
        let (fact, trace) = (answer.fact.map(Into::into), answer.trace.into());
        Self { text: answer.text, thought: answer.thought, fact, trace }
    }
}

/// Which fact would fire, found without running the language model.
#[derive(uniffi::Record)]
pub struct Preview {
    /// The fact that would fire.
    pub fact: Option<Fact>,
    /// How that was decided; it has no reply.
    pub trace: Trace,
}

impl From<crane_core::Preview> for Preview {
    fn from(preview: crane_core::Preview) -> Self {
        Self { fact: preview.fact.map(Into::into), trace: preview.trace.into() }
    }
}
