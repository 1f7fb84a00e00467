//! What the pipeline asks of models. `backend` implements these; pure-logic tests may fake them.

use std::sync::mpsc::Receiver;

use crate::CancelToken;
use crate::error::Result;
use crate::image::Rgb;
use crate::types::{Embedding, RawEmbedding};

/// An image tower: a photo to a raw embedding.
pub trait ImageEncoder: Send + Sync {
    /// Embeds one decoded photo of any size; resizing and normalisation happen inside.
    fn embed_image(&self, image: &Rgb) -> Result<RawEmbedding>;
}

/// A text tower: a text to a raw embedding of the image tower's width.
pub trait TextEncoder: Send + Sync {
    /// Embeds one text; it is cut to, and padded to, the tower's full length.
    fn embed_text(&self, text: &str) -> Result<RawEmbedding>;
}

/// The linear projection head (paper V-A).
pub trait Projection: Send + Sync {
    /// Projects to 256 dimensions and unit length.
    fn project(&self, raw: &RawEmbedding) -> Result<Embedding>;
}

/// One piece of a prompt. Only `Template` text may become control tokens; `Data` never does.
#[derive(Clone, Copy)]
pub enum PromptPart<'a> {
    /// Text of the template, in which special tokens are interpreted.
    Template(&'a str),
    /// A fact or a question: data, in which nothing is interpreted.
    Data(&'a str),
    /// The photo goes here.
    Image(&'a Rgb),
}

/// What to generate, and how far. The reply starts inside the thought: the prompt's last part ends with `<think>`.
pub struct GenerateRequest<'a> {
    /// The prompt in order.
    pub parts: Vec<PromptPart<'a>>,
    /// Most tokens of the thought before it is closed.
    pub thought_tokens: u32,
    /// Most tokens of the answer before it is closed.
    pub answer_tokens: u32,
    /// How each token is chosen.
    pub sampling: Sampling,
}

/// The greatest temperature. Beyond it models say next to nothing.
pub const MAX_TEMPERATURE: f32 = 2.0;

/// How a token is chosen among those that the reply's format allows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0: the likeliest. Above, up to 2: by chance, with the model's own odds at 1.
    pub temperature: f32,
    /// The same seed draws the same way.
    pub seed: u64,
}

/// Why generation ended; of several reasons the last in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model closed its answer.
    #[default]
    Complete,
    /// The thinking budget or the answer's length was reached and the runtime closed the tag.
    Length,
    /// The model said the same over and over, and the runtime closed the tag. An answer behind such a thought is whole.
    Repeating,
    /// What came was no text any more, and the runtime closed both tags.
    Garbled,
}

/// Figures of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Generated {
    /// Why it ended.
    pub finish: Finish,
    /// Tokens of the prompt, image tokens included.
    pub prompt_tokens: u32,
    /// Those of them that were kept from an earlier request and not read again.
    pub kept_tokens: u32,
    /// Tokens generated, forced tags included.
    pub reply_tokens: u32,
    /// Tokens guessed ahead from the prompt and the reply itself.
    pub drafted_tokens: u32,
    /// Guesses that the model confirmed, which is what guessing saves.
    pub accepted_tokens: u32,
    /// Microseconds spent on the image: encoding it, and reading its tokens.
    pub image_us: u64,
    /// Microseconds spent on the rest of the prompt.
    pub prompt_us: u64,
    /// Microseconds spent generating.
    pub generate_us: u64,
}

/// The beginning of a prompt that is being read. A GPU is at rest once this is dropped.
#[derive(Debug)]
pub struct Ahead {
    read: Receiver<Generated>,
    on_gpu: bool,
}

impl Ahead {
    /// `read` is told what reading took when it has ended, or closed.
    pub fn new(read: Receiver<Generated>, on_gpu: bool) -> Self {
        Self { read, on_gpu }
    }

    /// What reading took; nothing where it failed. Waits for its end.
    pub fn figures(&self) -> Generated {
        self.read.recv().unwrap_or_default()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if self.on_gpu {
            self.figures();
        }
    }
}

/// A language model that reasons aloud.
pub trait Generator: Send + Sync {
    /// Generates one reply and hands every piece of its text, tags included, to `on_text`.
    /// The text is always `thought</think><answer>answer</answer>`, whatever the model does.
    ///
    /// # Errors
    /// `ContextOverflow` before generating, `Cancelled` within one batch of the token being set.
    fn generate(
        &self,
        request: &GenerateRequest<'_>,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated>;

    /// Begins to read what a prompt begins with, its photo at the end, and returns at once: what
    /// [`generate`](Generator::generate) is asked for next then waits for its end, and need not read it again. What fails
    /// here fails there, and is told there.
    fn read_ahead(&self, parts: &[PromptPart<'_>], cancel: &CancelToken) -> Ahead;

    /// Drops what is kept of photos, facts and questions, once the running request has ended; with `context`, the memory
    /// that it was kept in as well.
    fn forget(&self, context: bool);
}
