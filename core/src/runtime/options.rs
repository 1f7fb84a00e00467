//! How a runtime is opened, and what it says of itself.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::device::CpuReason;
use crate::key::LibraryKey;

/// Bytes of embeddings that are kept by default: several hundred photos.
const EMBEDDING_CACHE: usize = 4 << 20;

/// What to open, and how.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The bundle's folder.
    pub models: PathBuf,
    /// The library's folder.
    pub library: PathBuf,
    /// The key of an encrypted library, with which a new one is created; none: it is plain. It is kept in memory for as
    /// long as these options and the runtime are.
    pub key: Option<LibraryKey>,
    /// Opens the library for reading only: any number of processes may, also beside a writer and on a read-only disk,
    /// and nothing is created where there is no library yet.
    pub read_only: bool,
    /// Keeps a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again. Off by
    /// default: a library then holds vectors of photos, but no photos.
    pub keep_thumbnails: bool,
    /// Threads for each model; none: one per core, as far as that helps.
    pub threads: Option<NonZeroU32>,
    /// Layers of the language model to run on a GPU, where this build has one; none: as many as fit; 0: none at all.
    pub gpu_layers: Option<u32>,
    /// Most bytes that models, contexts and caches may take; none: what the device has left. Where the system doesn't tell
    /// (iOS, macOS, Windows) the host knows: `os_proc_available_memory()` on iOS. See `core/docs/LIFECYCLE.md`.
    pub memory_budget: Option<u64>,
    /// A folder of the app's own, in which is remembered that a GPU has crashed, and what the language model computed for
    /// the bundle's system message; nothing personal. None: neither is remembered.
    pub state: Option<PathBuf>,
    /// Unloads the models when nothing was asked for so long; none: never. They are loaded again when needed.
    pub idle_unload: Option<Duration>,
    /// Bytes of embeddings of recent photos and texts to keep in memory, so that the same photo is encoded once; 0: none.
    /// They are dropped by [`Runtime::trim_memory`](super::Runtime::trim_memory) and when a fact is forgotten.
    pub embedding_cache: usize,
}

impl OpenOptions {
    /// These folders, for reading and writing, everything else as it is best.
    pub fn new(models: impl Into<PathBuf>, library: impl Into<PathBuf>) -> Self {
        let (models, library) = (models.into(), library.into());
        Self {
            models,
            library,
            key: None,
            read_only: false,
            keep_thumbnails: false,
            threads: None,
            gpu_layers: None,
            memory_budget: None,
            state: None,
            idle_unload: None,
            embedding_cache: EMBEDDING_CACHE,
        }
    }
}

/// How much memory to give back; each level includes those before it. Whatever runs is never interrupted: what it uses
/// is given back when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrimLevel {
    /// What is kept of the last questions: the embeddings of photos and texts, what the language model has read of the
    /// photo. The next question on the same photo takes as long as the first one.
    Photo,
    /// The language model's context as well. The next question takes a moment longer.
    Context,
    /// Every model. The next question waits for them to be loaded.
    Models,
}

/// What runs the models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backends {
    /// The retrieval encoders ("ONNX Runtime 1.31", "tract"); none until they are loaded.
    pub encoder: Option<String>,
    /// The language model ("CPU"); none until it is loaded.
    pub language: Option<String>,
    /// Why the language model runs on the processor; none until it is loaded, and where it runs on a GPU.
    pub cpu_reason: Option<CpuReason>,
}
