//! Crane's runtime: a person's corrections, searched and reasoned with on the device.
//!
//! [`Runtime`] is the entry point: open it on a bundle of models and a library of facts, add facts, ask questions.
//! `core/docs/ARCHITECTURE.md` has the layers, the data flow and the guarantees.

mod answer;
pub mod backend;
pub mod bundle;
mod busy;
mod cancel;
mod cite;
#[cfg_attr(not(feature = "llama"), allow(dead_code, unused_imports, reason = "it serves the language model"))]
mod device;
mod embeddings;
mod error;
mod gate;
pub mod image;
pub mod index;
mod key;
mod lazy;
pub mod library;
mod lifecycle;
mod load;
#[cfg_attr(not(feature = "llama"), allow(dead_code, unused_imports, reason = "it serves the language model"))]
mod memory;
pub mod model;
mod origin;
mod pipeline;
mod prompt;
mod reply;
mod route;
mod runtime;
mod trace;
mod types;

pub use answer::{Answer, AnswerEvent, Preview};
pub use cancel::CancelToken;
pub use cite::cites;
pub use device::{CpuReason, Device, DeviceKind, forget_gpu_crash};
pub use error::{Error, ErrorKind, Result};
pub use gate::{Calibration, Decision, Gate, PassReason};
pub use key::LibraryKey;
pub use load::{Progress, devices};
pub use memory::{MemoryShortfall, MemoryUsage};
pub use origin::{Origin, PublicKey};
pub use pipeline::MAX_QUESTION_CHARS;
pub use route::Route;
pub use runtime::{Backends, OpenOptions, Runtime, TrimLevel};
pub use trace::{ReplyTrace, StageTimes, Trace};
pub use types::{
    AskOptions, EMBEDDING_DIM, Embedding, Fact, FactId, FactState, Fingerprint, Hit, KeyId, Modality, NewFact,
    Question, RawEmbedding,
};
