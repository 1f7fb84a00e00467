//! The objects and records that uniffi hands to other languages.
//!
//! Every method blocks until its work is done, and may be called from any thread. [`Crane::ask`] alone goes on by itself:
//! it tells a listener, and the task that it returns cancels when it is dropped. Languages with asynchronous functions
//! wrap these calls in their own (a dispatcher, a detached task). uniffi's asynchronous functions are not used: the work
//! is blocking anyway, and a cancelled Swift task doesn't reach the future in Rust.

mod answer;
mod ask;
mod check;
mod crane;
mod error;
mod fact;
mod facts;
mod keys;
mod library;
mod life;
mod models;
mod options;
mod pack;
mod progress;
mod trace;

pub use answer::{Answer, AnswerEvent, Preview, Question};
pub use ask::{AnswerListener, AnswerTask, ListenerError};
pub use check::{CheckReport, Finding, LibraryPart, ReembedReport, RepairReport, Repaired, SalvageReport, Severity};
pub use crane::Crane;
pub use error::{CraneError, error_codes};
pub use fact::{Conflict, Fact, FactFilter, FactState, HistoryEntry, NewFact, Origin, Receipt};
pub use keys::{Key, Modality};
pub use library::FactLibrary;
pub use models::{BundleInfo, Device, DeviceKind, ModelInfo, forget_gpu_crash};
pub use options::{Backends, MemoryUsage, OpenOptions, TrimLevel, generate_key, has_encryption};
pub use pack::{
    ExportOptions, ExportReport, ImportConflict, ImportOptions, ImportPreview, ImportReport, OnConflict,
    generate_signing_key, pack_facts, public_key,
};
pub use progress::ProgressListener;
pub use trace::{Decision, Finish, Hit, PassReason, ReplyTrace, Route, StageTimes, Trace};

/// Result of every call.
type Result<T = (), E = CraneError> = std::result::Result<T, E>;

/// This library's version, "0.1.0".
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
