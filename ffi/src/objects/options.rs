//! How a runtime is opened, and what it says of itself.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{CraneError, Result};
use crate::shared::parse_key;
use crane_core::{ErrorKind, LibraryKey};

/// What to open, and how.
#[derive(Clone, uniffi::Record)]
pub struct OpenOptions {
    /// The model bundle's folder.
    pub models: String,
    /// The library's folder; it is created where there is none.
    pub library: String,
    /// The key of an encrypted library, with which a new one is created: `cranekey1:` and 64 hexadecimal digits, see
    /// `generate_key`; none: it is plain. Keep it in the system's keystore.
    #[uniffi(default = None)]
    pub key: Option<String>,
    /// Opens the library for reading only: any number of processes may, and nothing is created.
    #[uniffi(default = false)]
    pub read_only: bool,
    /// Keeps a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again.
    #[uniffi(default = false)]
    pub keep_thumbnails: bool,
    /// Threads for each model, at least 1; none: one per core, as far as that helps.
    #[uniffi(default = None)]
    pub threads: Option<u32>,
    /// Layers of the language model to run on a GPU, where this build has one; none: as many as fit; 0: none at all.
    #[uniffi(default = None)]
    pub gpu_layers: Option<u32>,
    /// Unloads the models when nothing was asked for so many milliseconds; none: never. They are loaded again when needed.
    #[uniffi(default = None)]
    pub idle_unload_ms: Option<u64>,
    /// Bytes of embeddings of recent photos and texts to keep in memory; none: 4 MiB; 0: no such cache.
    #[uniffi(default = None)]
    pub embedding_cache_bytes: Option<u64>,
    /// Most bytes that models, contexts and caches may take; none: what the device has left, as far as the system tells
    /// (iOS and macOS don't: pass `os_proc_available_memory()`).
    #[uniffi(default = None)]
    pub memory_budget: Option<u64>,
    /// A folder of the app's own, in which is remembered that a GPU has crashed; none: it is not remembered.
    #[uniffi(default = None)]
    pub state: Option<String>,
}

impl OpenOptions {
    pub(super) fn into_core(self) -> Result<crane_core::OpenOptions> {
        let zero = || CraneError::new(ErrorKind::InvalidInput, "0 threads: at least 1 is needed".into());
        let threads = self.threads.map(|n| NonZeroU32::new(n).ok_or_else(zero)).transpose()?;
        let defaults = crane_core::OpenOptions::new(self.models, self.library);
        let cache = self.embedding_cache_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(crane_core::OpenOptions {
            key: parse_key(self.key)?,
            read_only: self.read_only,
            keep_thumbnails: self.keep_thumbnails,
            threads,
            gpu_layers: self.gpu_layers,
            idle_unload: self.idle_unload_ms.map(Duration::from_millis),
            embedding_cache: cache.unwrap_or(defaults.embedding_cache),
            memory_budget: self.memory_budget,
            state: self.state.map(Into::into),
            ..defaults
        })
    }
}

/// A new random key for an encrypted library; no two are alike. Only builds with encryption can use it.
#[uniffi::export]
pub fn generate_key() -> Result<String> {
    let key = LibraryKey::generate()?.expose();
    Ok(key.map(|key| key.to_string()).unwrap_or_default())
}

/// Whether this build can encrypt libraries: the cargo feature `encryption`.
#[uniffi::export]
pub fn has_encryption() -> bool {
    LibraryKey::SUPPORTED
}

/// How much memory to give back; each level includes those before it. Whatever runs is never interrupted.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum TrimLevel {
    /// What is kept of the last questions.
    Photo,
    /// The language model's context as well.
    Context,
    /// Every model; the next question loads them again.
    Models,
}

impl From<TrimLevel> for crane_core::TrimLevel {
    fn from(level: TrimLevel) -> Self {
        match level {
            TrimLevel::Photo => Self::Photo,
            TrimLevel::Context => Self::Context,
            TrimLevel::Models => Self::Models,
        }
    }
}

/// What runs the models.
#[derive(uniffi::Record)]
pub struct Backends {
    /// The retrieval encoders ("ONNX Runtime 1.31", "tract"); none until they are loaded.
    pub encoder: Option<String>,
    /// The language model ("CPU, 2 threads"); none until it is loaded.
    pub language: Option<String>,
    /// Why that is the processor, in words; none until it is loaded, and where it runs on a GPU.
    pub cpu_reason: Option<String>,
}

impl From<crane_core::Backends> for Backends {
    fn from(backends: crane_core::Backends) -> Self {
        let cpu_reason = backends.cpu_reason.map(|reason| reason.to_string());
        Self { encoder: backends.encoder, language: backends.language, cpu_reason }
    }
}

/// Bytes in use, part by part; 0 for what is not loaded. Some are estimates.
#[derive(uniffi::Record)]
pub struct MemoryUsage {
    /// The language model's weights.
    pub language_weights: u64,
    /// What the language model has read: keys and values of every token of its context.
    pub kv_cache: u64,
    /// Working memory of the language model.
    pub compute: u64,
    /// The vision tower's weights and working memory.
    pub vision: u64,
    /// The retrieval towers and the head.
    pub encoders: u64,
    /// Both indexes of facts.
    pub index: u64,
    /// Embeddings of recent photos and texts.
    pub caches: u64,
    /// All parts together.
    pub total: u64,
}

impl From<crane_core::MemoryUsage> for MemoryUsage {
    fn from(usage: crane_core::MemoryUsage) -> Self {
        Self {
            language_weights: usage.language_weights,
            kv_cache: usage.kv_cache,
            compute: usage.compute,
            vision: usage.vision,
            encoders: usage.encoders,
            index: usage.index,
            caches: usage.caches,
            total: usage.total(),
        }
    }
}
