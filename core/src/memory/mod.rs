//! Memory: what the models need, what the device has, and what to do where that is too little.

mod device;
mod plan;

use std::fmt;

use serde::Serialize;

pub(crate) use device::available;
pub(crate) use plan::{Gpu, LanguageNeeds, Plan, Room, Wish, plan};

use crate::error::{Error, ErrorKind};

/// Bytes in use, part by part; 0 for what is not loaded. Weights and caches are counted; the working memory of the
/// libraries is estimated from the models' shapes, and the encoders' from their files (`core/docs/LIFECYCLE.md` has how far
/// that is off).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
}

impl MemoryUsage {
    /// All parts together.
    pub fn total(&self) -> u64 {
        let Self { language_weights, kv_cache, compute, vision, encoders, index, caches } = *self;
        [language_weights, kv_cache, compute, vision, encoders, index, caches].iter().sum()
    }
}

/// How much memory was missing: the source of an `OutOfMemory` error that was foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryShortfall {
    /// Bytes that the models need, with the smallest context that can hold a question.
    pub needed: u64,
    /// Bytes that they may have.
    pub available: u64,
}

impl fmt::Display for MemoryShortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        write!(f, "{} MiB of memory are needed and {} MiB are available", mib(self.needed), self.available >> 20)
    }
}

impl std::error::Error for MemoryShortfall {}

impl MemoryShortfall {
    /// The error of a model that does not fit.
    pub(crate) fn into_error(self) -> Error {
        let message = format!("the language model can't be loaded: {self}: close other apps, or use smaller models");
        Error::new(ErrorKind::OutOfMemory, message).with_source(self)
    }
}
