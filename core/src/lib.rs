//! Crane's runtime: a person's corrections, searched and reasoned with on the device.

pub mod bundle;
mod cancel;
mod error;
mod gate;
pub mod image;
pub mod index;
pub mod library;
pub mod model;
mod pipeline;
mod prompt;
mod reply;
mod route;
mod runtime;
mod trace;
mod types;

pub mod backend;

pub use cancel::CancelToken;
pub use error::{Error, ErrorKind, Result};
pub use types::{
    EMBEDDING_DIM, Embedding, Fact, FactId, FactState, Fingerprint, Hit, KeyId, Modality, NewFact, Question, RawEmbedding,
};
