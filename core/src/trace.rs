//! The record of one question: it answers "why did you say that?". It names facts by id and holds no one's words.

use serde::Serialize;

use crate::device::CpuReason;
use crate::gate::Decision;
use crate::model::Finish;
use crate::route::Route;
use crate::types::Hit;

/// How one question was answered. `preview` fills it up to the decision.
#[derive(Clone, Debug, Serialize)]
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

/// The part of a trace that only an answer has.
#[derive(Clone, Debug, Serialize)]
pub struct ReplyTrace {
    /// Where the language model ran ("CPU, 2 threads").
    pub device: String,
    /// Why that is the processor; none: it is a GPU.
    pub cpu_reason: Option<CpuReason>,
    /// Whether the thought cites the fact that fired; none when none did.
    pub cited: Option<bool>,
    /// Whether the reply kept the schema `<think>…</think><answer>…</answer>`.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StageTimes {
    /// Waiting for models to be read and checked; on a warm runtime next to nothing.
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
