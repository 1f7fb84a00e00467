//! Values that cross the runtime's surface: facts, questions, answers, hits.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::origin::Origin;

/// Width of a projected embedding (paper V-A: the head maps 1152 to 256).
pub const EMBEDDING_DIM: usize = 256;

/// Stable identity of an edit fact. It survives edits, export and import.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(pub Uuid);

impl FactId {
    /// A fresh random (version 4) id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one key (a picture or a text under which a fact is found); never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub i64);

/// What a key or a question consists of; each modality has an index of its own (paper V-A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// A photo, embedded by the image tower.
    Image,
    /// A text, embedded by the text tower.
    Text,
}

/// Where a fact stands. Only `Active` facts fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactState {
    /// In force.
    Active,
    /// Kept, but does not fire until enabled again.
    Disabled,
    /// Replaced by a later fact.
    Superseded,
    /// Deleted; hidden from lists, restorable until forgotten.
    Deleted,
    /// Erased: only the id and times remain.
    Forgotten,
}

/// The output of a tower before the head; its width is the bundle's `raw_dim`.
#[derive(Clone, PartialEq)]
pub struct RawEmbedding(pub Vec<f32>);

/// A projected embedding of unit length, 256 wide.
#[derive(Clone, PartialEq)]
pub struct Embedding(pub [f32; EMBEDDING_DIM]);

// Vectors of faces are personal data: their values stay out of logs.
impl fmt::Debug for RawEmbedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawEmbedding({})", self.0.len())
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({EMBEDDING_DIM})")
    }
}

/// Which encoders and which head vectors come from. Vectors of different fingerprints must never be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// SHA-256 over the towers, the tokenizer and their preprocessing.
    pub encoders: [u8; 32],
    /// SHA-256 of the projection head.
    pub head: [u8; 32],
    /// Width of the towers' outputs, 1 to 16,384.
    pub raw_dim: u32,
}

impl Fingerprint {
    /// One digest over all of it, as index files carry it.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.encoders);
        hash.update(self.head);
        hash.update(self.raw_dim.to_le_bytes());
        hash.finalize().into()
    }
}

/// A correction as the person states it.
#[derive(Clone, Default)]
pub struct NewFact {
    /// The fact in one or two sentences, 1 to 2,000 characters.
    pub statement: String,
    /// What the fact is about ("Brasenose College"), 1 to 500 characters.
    pub subject: Option<String>,
    /// What it says of it, the expected answer ("Oxford"), 1 to 500 characters.
    pub target: Option<String>,
    /// Encoded photos (JPEG, PNG, WebP) of what the fact is about, at most 32.
    pub images: Vec<Vec<u8>>,
    /// Further texts under which it is found, at most 32 of 1 to 2,000 characters; the statement always is one.
    pub texts: Vec<String>,
    /// Where it comes from ("museum label"), 1 to 500 characters.
    pub source: Option<String>,
    /// The person's own remark, 1 to 2,000 characters.
    pub note: Option<String>,
    /// First moment it holds, Unix milliseconds; none: always has.
    pub valid_from: Option<i64>,
    /// Moment from which it no longer holds, Unix milliseconds; none: never ends.
    pub valid_until: Option<i64>,
}

/// An edit fact as stored.
#[derive(Clone, PartialEq, Serialize)]
pub struct Fact {
    /// Stable identity.
    pub id: FactId,
    /// The fact in one or two sentences.
    pub statement: String,
    /// What the fact is about.
    pub subject: Option<String>,
    /// The expected answer.
    pub target: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// The person's own remark.
    pub note: Option<String>,
    /// Where it stands.
    pub state: FactState,
    /// The fact that this one replaces.
    pub supersedes: Option<FactId>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// First moment it holds, Unix milliseconds.
    pub valid_from: Option<i64>,
    /// Moment from which it no longer holds, Unix milliseconds.
    pub valid_until: Option<i64>,
    /// The pack it was imported from; none: it was stated here.
    pub origin: Option<Origin>,
    /// How many photos it is found by.
    pub image_keys: u32,
    /// How many texts it is found by.
    pub text_keys: u32,
}

// Facts are personal: `Debug` shows identity and state, never content.
impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fact").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A question: text, with or without a photo.
#[derive(Clone, Default)]
pub struct Question {
    /// 1 to 8,000 characters.
    pub text: String,
    /// The encoded photo (JPEG, PNG, WebP), if there is one.
    pub image: Option<Vec<u8>>,
    /// Only facts with exactly this source may fire, 1 to 500 characters; none: all may.
    pub source: Option<String>,
    /// How to reply.
    pub options: AskOptions,
}

/// How a question is answered; what is left out is as the bundle has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AskOptions {
    /// Most tokens of the thought, after which it is closed; 0: the answer alone, without a thought.
    pub thought_tokens: Option<u32>,
    /// Most tokens of the answer, 1 or more.
    pub answer_tokens: Option<u32>,
    /// 0: always the likeliest token. Above that, up to 2: drawn by chance, the more freely the greater it is.
    pub temperature: Option<f32>,
    /// What chance draws from: the same seed, question and library give the same reply. Without effect at temperature 0.
    pub seed: u64,
}

/// One search result: a key, the fact behind it, and their cosine similarity with the query.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The key that matched.
    pub key: KeyId,
    /// The fact behind the key.
    pub fact: FactId,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}
