//! Crane for other languages: one library with two surfaces over `crane-core`.
//!
//! `objects` is what uniffi generates Kotlin, Swift and Python from; `c` is the C interface. Both surfaces stay thin: values are copied over,
//! work is handed to [`crane_core::Runtime`], errors keep their kind. What is idiomatic in one language (`Flow`,
//! `AsyncThrowingStream`, iterators, coroutines) is written in that language.

#[allow(unsafe_code, reason = "pointers from C; `args` and `handle` check what can be checked")]
#[allow(unreachable_pub, reason = "it is public to C, under names that are not mangled")]
mod c;
#[cfg(feature = "uniffi")]
mod objects;
mod shared;

#[cfg(feature = "uniffi")]
pub use objects::{
    Answer, AnswerEvent, AnswerListener, AnswerTask, Backends, BundleInfo, CheckReport, Conflict, Crane, CraneError,
    Decision, Device, DeviceKind, ExportOptions, ExportReport, Fact, FactFilter, FactLibrary, FactState, Finding,
    Finish, HistoryEntry, Hit, ImportConflict, ImportOptions, ImportPreview, ImportReport, Key, LibraryPart,
    ListenerError, MemoryUsage, Modality, ModelInfo, NewFact, OnConflict, OpenOptions, Origin, PassReason, Preview,
    ProgressListener, Question, Receipt, ReembedReport, RepairReport, Repaired, ReplyTrace, Route, SalvageReport,
    Severity, StageTimes, Trace, TrimLevel, error_codes, forget_gpu_crash, generate_key, generate_signing_key,
    has_encryption, pack_facts, public_key, version,
};

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!("crane");
