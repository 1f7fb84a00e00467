//! The models that a runtime holds, and what it keeps of their work.

use std::sync::{Mutex, PoisonError};

use crate::cancel::CancelToken;
use crate::embeddings::{ContentKey, Embedded, EmbeddingCache};
use crate::error::Result;
use crate::image::Rgb;
use crate::lazy::Lazy;
use crate::load::{Progress, return_freed_memory};
use crate::memory::MemoryUsage;
use crate::pipeline::{Encoded, Encoders, Language, OnPhoto, timed};
use crate::runtime::TrimLevel;
use crate::trace::StageTimes;
use crate::types::{Modality, Question, RawEmbedding};
use std::sync::Arc;

/// Both kinds of models, each loaded when it is first needed.
pub(super) struct Held {
    pub(super) encoders: Arc<Lazy<Encoders>>,
    pub(super) language: Lazy<Language>,
    /// How far the language model is loaded.
    pub(super) progress: Progress,
    /// Whether the language model may come to run on a GPU.
    pub(super) may_use_gpu: bool,
    pub(super) embeddings: EmbeddingCache,
    /// One at a time works with the tower of a modality. Whoever was cancelled meanwhile leaves without having worked.
    turns: [Mutex<()>; 2],
}

impl Held {
    pub(super) fn new(
        encoders: Arc<Lazy<Encoders>>,
        language: Lazy<Language>,
        may_use_gpu: bool,
        cache: usize,
    ) -> Self {
        let (progress, embeddings) = (Progress::default(), EmbeddingCache::new(cache));
        Self { encoders, language, progress, may_use_gpu, embeddings, turns: Default::default() }
    }

    /// Whether the language model runs on a GPU, or may when it is loaded.
    pub(super) fn use_gpu(&self) -> bool {
        self.language.loaded().map_or(self.may_use_gpu, |language| language.is_on_gpu())
    }

    /// What the models and what is kept of their work take.
    pub(super) fn memory_usage(&self) -> MemoryUsage {
        let language = self.language.living().map_or_else(MemoryUsage::default, |language| (language.memory)());
        let encoders = self.encoders.living().map_or(0, |encoders| (encoders.memory)());
        MemoryUsage { encoders, caches: self.embeddings.bytes() as u64, ..language }
    }

    /// What runs the encoders; empty until they are loaded.
    fn encoder_name(&self) -> String {
        self.encoders.loaded().map_or_else(String::new, |encoders| encoders.backend.clone())
    }

    /// The embedding of an encoded photo. `on_photo` is handed the photo as soon as it is decoded; without it, one whose
    /// embedding is known is not decoded.
    pub(super) fn photo(
        &self,
        bytes: &[u8],
        on_photo: Option<OnPhoto<'_>>,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Arc<Embedded>> {
        let key = ContentKey::photo(bytes);
        let known = self.embeddings.get(&key);
        if on_photo.is_none()
            && let Some(known) = known
        {
            return Ok(known);
        }
        let photo = Arc::new(timed(&mut times.decode_us, || Rgb::decode(bytes))?);
        cancel.check()?;
        if let Some(on_photo) = on_photo {
            on_photo(Arc::clone(&photo), known.is_none());
        }
        match known {
            Some(known) => Ok(known),
            None => self.embed(Modality::Image, key, &|encoders| encoders.image.embed_image(&photo), cancel, times),
        }
    }

    /// Embeds what a question is routed by.
    pub(super) fn encode(
        &self,
        question: &Question,
        on_photo: Option<OnPhoto<'_>>,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Encoded> {
        let embedded = match &question.image {
            Some(bytes) => self.photo(bytes, on_photo, cancel, times)?,
            None => self.text(&question.text, cancel, times)?,
        };
        Ok(Encoded { query: embedded.projected.clone(), encoder: self.encoder_name() })
    }

    /// The embedding of a text.
    pub(super) fn text(&self, text: &str, cancel: &CancelToken, times: &mut StageTimes) -> Result<Arc<Embedded>> {
        let key = ContentKey::text(text);
        match self.embeddings.get(&key) {
            Some(known) => Ok(known),
            None => self.embed(Modality::Text, key, &|encoders| encoders.text.embed_text(text), cancel, times),
        }
    }

    fn embed(
        &self,
        modality: Modality,
        key: ContentKey,
        tower: &dyn Fn(&Encoders) -> Result<RawEmbedding>,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Arc<Embedded>> {
        let _turn = self.turns[modality as usize].lock().unwrap_or_else(PoisonError::into_inner);
        cancel.check()?;
        // Somebody else may have embedded it meanwhile.
        if let Some(known) = self.embeddings.get(&key) {
            return Ok(known);
        }
        let encoders = timed(&mut times.load_us, || self.ready_encoders(modality, cancel))?;
        cancel.check()?;
        let embedded = timed(&mut times.embed_us, || {
            let raw = tower(&encoders)?;
            let projected = encoders.head.project(&raw)?;
            Ok(Arc::new(Embedded { raw, projected }))
        })?;
        self.embeddings.put(key, &embedded);
        Ok(embedded)
    }

    /// The encoders with the tower of one modality loaded.
    pub(super) fn ready_encoders(&self, modality: Modality, cancel: &CancelToken) -> Result<Arc<Encoders>> {
        let encoders = self.encoders.get(cancel)?;
        (encoders.warm_up)(modality)?;
        Ok(encoders)
    }

    /// Gives memory back, without interrupting anything.
    pub(super) fn trim(&self, level: TrimLevel) {
        self.embeddings.clear();
        if let Some(language) = self.language.living() {
            language.generator.forget(level > TrimLevel::Photo);
        }
        if level == TrimLevel::Models {
            self.language.unload();
            self.encoders.unload();
            return_freed_memory();
        }
    }

    /// Stops what is loading and gives all memory back. Nothing may be under way.
    pub(super) fn shut(&self) {
        self.language.interrupt();
        self.encoders.interrupt();
        self.trim(TrimLevel::Models);
    }
}
