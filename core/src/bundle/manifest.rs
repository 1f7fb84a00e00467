//! `bundle.toml`, format 1: what it may say, and that it makes sense.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::gate::Gate;
use crate::model::MAX_TEMPERATURE;
use crate::origin::read_hex;
use crate::types::{EMBEDDING_DIM, Modality};

/// The one format that this version reads.
const FORMAT: u32 = 1;
/// Most replies that a bundle gives as examples, and most characters of each.
const MOST_REPLIES: usize = 64;
const REPLY_CHARS: usize = 4_000;

/// What a file of the bundle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The language model, GGUF.
    Language,
    /// Its vision tower (mmproj), GGUF.
    Vision,
    /// The retrieval image tower, ONNX.
    ImageEncoder,
    /// The retrieval text tower, ONNX.
    TextEncoder,
    /// The projection head, ONNX.
    Head,
    /// The text tower's tokenizer, Hugging Face JSON.
    Tokenizer,
}

impl Role {
    /// Every role; a bundle has one file of each.
    pub const ALL: [Self; 6] =
        [Self::Language, Self::Vision, Self::ImageEncoder, Self::TextEncoder, Self::Head, Self::Tokenizer];

    /// Its name in `bundle.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Vision => "vision",
            Self::ImageEncoder => "image_encoder",
            Self::TextEncoder => "text_encoder",
            Self::Head => "head",
            Self::Tokenizer => "tokenizer",
        }
    }
}

/// The whole of `bundle.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    pub(super) name: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) licence: String,
    pub(super) files: BTreeMap<Role, FileSpec>,
    pub(super) encoder: EncoderSpec,
    pub(super) language: LanguageSpec,
    pub(super) prompt: PromptSpec,
    pub(super) retrieval: RetrievalSpec,
}

/// One file as the manifest states it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSpec {
    pub(super) file: String,
    #[serde(deserialize_with = "read_hex")]
    pub(super) sha256: [u8; 32],
    pub(super) size: u64,
    pub(super) licence: String,
}

/// The retrieval towers, their preprocessing and the head.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSpec {
    /// Width of both towers' outputs, 1 to 16,384.
    pub raw_dim: u32,
    /// Width of the head's output: 256.
    pub dim: u32,
    /// Side in pixels of the square that photos are squashed to, 1 to 4,096.
    pub image_size: u32,
    /// Central parts of a photo that are embedded and averaged, as shares of its sides above 0 up to 1; at most 8. The
    /// whole photo alone where it is left out.
    #[serde(default = "whole_photo")]
    pub views: Vec<f32>,
    /// Mean per channel of pixels in 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation per channel of pixels in 0 to 1, above 0.
    pub std: [f32; 3],
    /// Tokens of a text: it is cut to, and padded to, exactly this many; 1 to 8,192.
    pub text_length: u32,
    /// The token that fills up.
    pub pad_id: u32,
    /// The token that closes a text before the padding; cutting keeps it. None: the tokenizer adds it, if any.
    pub eos_id: Option<u32>,
}

/// The language model and its budgets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageSpec {
    /// Tokens that prompt and reply may have together, 64 to 262,144.
    pub context: u32,
    /// Side in pixels of the square that photos are squashed to, a multiple of 28; or, without it:
    pub image_size: Option<u32>,
    /// fewest image tokens (28 x 28 pixels each), the aspect ratio kept;
    pub min_tokens: Option<u32>,
    /// most image tokens.
    pub max_tokens: Option<u32>,
    /// Most tokens of a thought.
    pub thought_tokens: u32,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// 0: the likeliest token; up to 2: by chance.
    #[serde(default)]
    pub temperature: f32,
    /// Replies as the model writes them, what follows `<think>`, to questions of nobody in particular: at most 64 of at most
    /// 4,000 characters. What they have in common is guessed from the first question on.
    #[serde(default)]
    pub replies: Vec<String>,
}

/// The variable words of the prompt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// The system message.
    pub system: String,
    /// The user message with an edit fact: `{fact}`, then `{question}`.
    pub fact: String,
    /// The user message without one: `{question}`.
    pub no_fact: String,
}

/// When a fact fires, per modality.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalSpec {
    /// For photos.
    pub image: Gate,
    /// For texts.
    pub text: Gate,
}

impl RetrievalSpec {
    /// The gate of one modality.
    pub fn gate(&self, modality: Modality) -> &Gate {
        match modality {
            Modality::Image => &self.image,
            Modality::Text => &self.text,
        }
    }
}

impl Manifest {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // A later format may have other fields, so that the format is asked for first.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = toml::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(corrupt(format!(
                "bundle.toml has format {format}; this version reads format {FORMAT}: update Crane or the bundle"
            )));
        }
        let manifest: Self = toml::from_str(text).map_err(unreadable)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// One file of each role is there; [`Manifest::check`] has made sure.
    pub(super) fn file(&self, role: Role) -> &FileSpec {
        &self.files[&role]
    }

    fn check(&self) -> Result<()> {
        debug_assert_eq!(self.format, FORMAT);
        for role in Role::ALL {
            let spec = self.files.get(&role);
            let spec = spec.ok_or_else(|| corrupt(format!("bundle.toml has no [files.{}]", role.name())))?;
            require(is_plain_name(&spec.file), &format!("files.{}.file must be a plain file name", role.name()))?;
            require(spec.size > 0, &format!("files.{}.size must be above 0", role.name()))?;
        }
        self.encoder.check()?;
        self.language.check()?;
        check_gate(&self.retrieval.image, "retrieval.image")?;
        check_gate(&self.retrieval.text, "retrieval.text")
    }
}

impl EncoderSpec {
    fn check(&self) -> Result<()> {
        require((1..=16_384).contains(&self.raw_dim), "encoder.raw_dim must be 1 to 16384")?;
        require(self.dim as usize == EMBEDDING_DIM, &format!("encoder.dim must be {EMBEDDING_DIM}"))?;
        require((1..=4096).contains(&self.image_size), "encoder.image_size must be 1 to 4096")?;
        require((1..=8).contains(&self.views.len()), "encoder.views must hold 1 to 8 shares")?;
        require(self.views.iter().all(|share| *share > 0.0 && *share <= 1.0), "encoder.views must be above 0 up to 1")?;
        require(self.mean.iter().all(|m| m.is_finite()), "encoder.mean must be finite")?;
        require(self.std.iter().all(|s| s.is_finite() && *s > 0.0), "encoder.std must be above 0")?;
        require((1..=8192).contains(&self.text_length), "encoder.text_length must be 1 to 8192")
    }
}

impl LanguageSpec {
    fn check(&self) -> Result<()> {
        require((64..=262_144).contains(&self.context), "language.context must be 64 to 262144")?;
        require(self.answer_tokens > 0, "language.answer_tokens must be above 0")?;
        require((0.0..=MAX_TEMPERATURE).contains(&self.temperature), "language.temperature must be 0 to 2")?;
        require(self.replies.len() <= MOST_REPLIES, "language.replies must be at most 64")?;
        let fits = |reply: &String| (1..=REPLY_CHARS).contains(&reply.chars().count());
        require(self.replies.iter().all(fits), "language.replies must have 1 to 4000 characters each")?;
        let reply = u64::from(self.thought_tokens) + u64::from(self.answer_tokens);
        require(reply < u64::from(self.context), "language.context must exceed thought_tokens and answer_tokens")?;
        match (self.image_size, self.min_tokens, self.max_tokens) {
            (Some(side), None, None) => {
                require(side % 28 == 0 && (28..=1792).contains(&side), "language.image_size must be 28 to 1792, by 28s")
            }
            (None, Some(min), Some(max)) => require(
                1 <= min && min <= max && max <= 4096,
                "language.min_tokens to max_tokens must lie in 1 to 4096",
            ),
            _ => Err(corrupt("bundle.toml: language needs image_size, or min_tokens and max_tokens")),
        }
    }
}

fn whole_photo() -> Vec<f32> {
    vec![1.0]
}

fn check_gate(gate: &Gate, name: &str) -> Result<()> {
    let Gate { threshold, calibration } = gate;
    require((-1.0..=1.0).contains(threshold), &format!("{name}.threshold must be -1 to 1"))?;
    require(
        calibration.slope.is_finite() && calibration.intercept.is_finite(),
        &format!("{name}.calibration must be finite"),
    )
}

/// A name that can only mean a file inside the bundle, on every system.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}

fn require(holds: bool, rule: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(corrupt(format!("bundle.toml: {rule}"))) }
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ModelCorrupt, message)
}

fn unreadable(error: toml::de::Error) -> Error {
    corrupt(format!("bundle.toml can't be read: {}: install the bundle again", error.message())).with_source(error)
}
