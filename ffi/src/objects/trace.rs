//! The record of one question: it answers "why did you say that?". It names facts by id and holds no one's words.

use crane_core::model;

/// Which index a question searched.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Route {
    /// There was a photo: the facts' photos.
    Image,
    /// There was none: the facts' texts.
    Text,
}

impl From<crane_core::Route> for Route {
    fn from(route: crane_core::Route) -> Self {
        match route {
            crane_core::Route::Image => Self::Image,
            crane_core::Route::Text => Self::Text,
        }
    }
}

/// One search result.
#[derive(uniffi::Record)]
pub struct Hit {
    /// The key (a photo or text of a fact) that matched.
    pub key: i64,
    /// The fact behind the key.
    pub fact: String,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

impl From<crane_core::Hit> for Hit {
    fn from(hit: crane_core::Hit) -> Self {
        Self { key: hit.key.0, fact: hit.fact.to_string(), score: hit.score }
    }
}

/// What the gate decided, with the figures it decided on.
#[derive(uniffi::Enum)]
pub enum Decision {
    /// This fact goes into the prompt.
    Fire {
        /// The fact.
        fact: String,
        /// Cosine similarity of its best key, -1 to 1.
        score: f32,
        /// What its score had to reach.
        threshold: f32,
        /// Calibrated probability that it applies, 0 to 1.
        confidence: f32,
        /// The best hit of another fact.
        runner_up: Option<Hit>,
        /// How far ahead of the runner-up it is; none without a runner-up.
        margin: Option<f32>,
    },
    /// No fact applies: the model answers from what it knows and sees.
    Pass {
        /// Why none does.
        reason: PassReason,
    },
}

/// Why no fact fired.
#[derive(uniffi::Enum)]
pub enum PassReason {
    /// No active fact has a key of this kind.
    EmptyIndex,
    /// The nearest fact is not near enough.
    BelowThreshold {
        /// The nearest key.
        best: Hit,
        /// Calibrated probability that its fact applies, 0 to 1.
        confidence: f32,
        /// What its score would have had to reach.
        threshold: f32,
    },
}

impl From<crane_core::Decision> for Decision {
    fn from(decision: crane_core::Decision) -> Self {
        match decision {
            crane_core::Decision::Fire { fact, score, threshold, confidence, runner_up, margin } => {
                let (fact, runner_up) = (fact.to_string(), runner_up.map(Into::into));
                Self::Fire { fact, score, threshold, confidence, runner_up, margin }
            }
            crane_core::Decision::Pass { reason } => Self::Pass { reason: reason.into() },
        }
    }
}

impl From<crane_core::PassReason> for PassReason {
    fn from(reason: crane_core::PassReason) -> Self {
        match reason {
            crane_core::PassReason::EmptyIndex => Self::EmptyIndex,
            crane_core::PassReason::BelowThreshold { best, confidence, threshold } => {
                Self::BelowThreshold { best: best.into(), confidence, threshold }
            }
        }
    }
}

/// Why generation ended.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Finish {
    /// The model closed its answer.
    Complete,
    /// A length was reached and the runtime closed the tag.
    Length,
    /// The model said the same over and over, and the runtime closed the tag.
    Repeating,
    /// What came was no text any more, and the runtime closed both tags.
    Garbled,
}

impl From<model::Finish> for Finish {
    fn from(finish: model::Finish) -> Self {
        match finish {
            model::Finish::Complete => Self::Complete,
            model::Finish::Length => Self::Length,
            model::Finish::Repeating => Self::Repeating,
            model::Finish::Garbled => Self::Garbled,
        }
    }
}

/// The part of a trace that only an answer has.
#[derive(uniffi::Record)]
pub struct ReplyTrace {
    /// Where the language model ran ("CPU, 2 threads").
    pub device: String,
    /// Why that is the processor, in words; none: it is a GPU.
    pub cpu_reason: Option<String>,
    /// Whether the thought cites the fact that fired; none when none did.
    pub cited: Option<bool>,
    /// Whether the reply kept the schema of thought and answer.
    pub well_formed: bool,
    /// Why generation ended.
    pub finish: Finish,
    /// Tokens of the prompt, those of the photo included.
    pub prompt_tokens: u32,
    /// Those of them that were kept from an earlier question and not read again.
    pub kept_tokens: u32,
    /// Tokens generated.
    pub reply_tokens: u32,
    /// Tokens guessed ahead from the prompt and the reply itself.
    pub drafted_tokens: u32,
    /// Guesses that the model confirmed.
    pub accepted_tokens: u32,
}

/// Microseconds per stage; 0 where a stage did not run.
#[derive(uniffi::Record)]
pub struct StageTimes {
    /// Waiting for models to be read and checked.
    pub load_us: u64,
    /// Decoding the photo.
    pub decode_us: u64,
    /// Tower and head.
    pub embed_us: u64,
    /// Search and gate.
    pub search_us: u64,
    /// Reading the fact.
    pub recall_us: u64,
    /// The language model's view of the photo.
    pub image_us: u64,
    /// The prompt, without the photo.
    pub prompt_us: u64,
    /// Generating the reply.
    pub generate_us: u64,
    /// From the question to the first text of the thought.
    pub first_text_us: u64,
    /// From the question to the end.
    pub total_us: u64,
}

/// How one question was answered. A preview has it up to the decision.
#[derive(uniffi::Record)]
pub struct Trace {
    /// Which index was searched.
    pub route: Route,
    /// The best hits, best first, at most 8; several may belong to one fact.
    pub hits: Vec<Hit>,
    /// Which fact fired and how clearly, or why none did.
    pub decision: Decision,
    /// Score that a fact had to reach, -1 to 1.
    pub threshold: f32,
    /// What computed the embedding ("ONNX Runtime 1.31", "tract").
    pub encoder: String,
    /// How the reply came about; none for a preview.
    pub reply: Option<ReplyTrace>,
    /// Where the time went.
    pub times: StageTimes,
}

impl From<crane_core::Trace> for Trace {
    fn from(trace: crane_core::Trace) -> Self {
        Self {
            route: trace.route.into(),
            hits: trace.hits.into_iter().map(Into::into).collect(),
            decision: trace.decision.into(),
            threshold: trace.threshold,
            encoder: trace.encoder,
            reply: trace.reply.map(Into::into),
            times: trace.times.into(),
        }
    }
}

impl From<crane_core::ReplyTrace> for ReplyTrace {
    fn from(reply: crane_core::ReplyTrace) -> Self {
        Self {
            device: reply.device,
            cpu_reason: reply.cpu_reason.map(|reason| reason.to_string()),
            cited: reply.cited,
            well_formed: reply.well_formed,
            finish: reply.finish.into(),
            prompt_tokens: reply.prompt_tokens,
            kept_tokens: reply.kept_tokens,
            drafted_tokens: reply.drafted_tokens,
            accepted_tokens: reply.accepted_tokens,
            reply_tokens: reply.reply_tokens,
        }
    }
}

impl From<crane_core::StageTimes> for StageTimes {
    fn from(times: crane_core::StageTimes) -> Self {
        Self {
            load_us: times.load_us,
            decode_us: times.decode_us,
            embed_us: times.embed_us,
            search_us: times.search_us,
            recall_us: times.recall_us,
            image_us: times.image_us,
            prompt_us: times.prompt_us,
            generate_us: times.generate_us,
            first_text_us: times.first_text_us,
            total_us: times.total_us,
        }
    }
}
