//! The one entry point: a bundle of models and a library of facts, opened together.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::answer::{Answer, AnswerEvent, Preview};
use crate::bundle::Bundle;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;
use crate::lazy::Lazy;
use crate::library::{
    FactFilter, ImageKey, Library, MAX_IMAGE_KEYS, MAX_TEXT_CHARS, MAX_TEXT_KEYS, NewRecord, TextKey,
};
use crate::load;
use crate::pipeline::{self, Encoders, Language, Models, Pipeline};
use crate::prompt::PromptTemplate;
use crate::types::{Fact, FactId, Modality, NewFact, Question};

/// Longer side of the small copies that a library may keep of photos, in pixels.
const THUMBNAIL_SIDE: u32 = 256;

/// What to open, and how.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The bundle's folder.
    pub models: PathBuf,
    /// The library's folder.
    pub library: PathBuf,
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
}

impl OpenOptions {
    /// These folders, for reading and writing, everything else as it is best.
    pub fn new(models: impl Into<PathBuf>, library: impl Into<PathBuf>) -> Self {
        let (models, library) = (models.into(), library.into());
        Self { models, library, read_only: false, keep_thumbnails: false, threads: None, gpu_layers: None }
    }
}

/// What runs the models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backends {
    /// The retrieval encoders ("ONNX Runtime 1.31", "tract"); none until they are loaded.
    pub encoder: Option<String>,
    /// The language model ("CPU"); none until it is loaded.
    pub language: Option<String>,
}

/// Facts and the models that reason with them. `Send + Sync`; share it by reference or in an `Arc`.
///
/// Models are verified on opening and loaded when first needed: the encoders for the first question or fact, the
/// language model for the first question. Dropping it frees the models and closes the library; every change was durable
/// before its call returned.
pub struct Runtime {
    bundle: Arc<Bundle>,
    template: PromptTemplate,
    /// None: opened for reading where there is no library yet.
    library: Option<Library>,
    encoders: Lazy<Encoders>,
    language: Lazy<Language>,
    keep_thumbnails: bool,
}

impl Runtime {
    /// Verifies the models and opens the library.
    ///
    /// # Errors
    /// `ModelMissing`, `ModelCorrupt` and their like for the bundle (see [`Bundle::open`]); `LibraryLocked`,
    /// `FingerprintMismatch` and their like for the library (see [`Library::open`]).
    pub fn open(options: OpenOptions) -> Result<Self> {
        let bundle = Arc::new(Bundle::open(&options.models)?);
        let words = bundle.prompt();
        let template = PromptTemplate::new(&words.system, &words.fact, &words.no_fact)?;
        let library = open_library(&options, &bundle)?;
        let keep_thumbnails = options.keep_thumbnails;
        let (models, settings) = (Arc::clone(&bundle), options.clone());
        let encoders = Lazy::new(move |_| load::encoders(&models, &settings));
        let models = Arc::clone(&bundle);
        let language = Lazy::new(move |cancel| load::language(&models, &options, cancel));
        Ok(Self { bundle, template, library, encoders, language, keep_thumbnails })
    }

    /// Stores a correction under its photos and texts; the statement itself is always one of the texts.
    ///
    /// # Errors
    /// `InvalidInput` for a field beyond its limits (see [`NewFact`]), `UnsupportedImage` for a photo that can't be
    /// used, `ReadOnly`, `StorageFull`. The library is then as it was.
    pub fn add_fact(&self, fact: NewFact) -> Result<Fact> {
        let library = self.writable()?;
        library.add(self.embed_fact(fact)?)
    }

    /// Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both
    /// back.
    ///
    /// # Errors
    /// As [`Runtime::add_fact`]; `NotFound` for the old fact.
    pub fn replace_fact(&self, old: FactId, fact: NewFact) -> Result<Fact> {
        let library = self.writable()?;
        library.supersede(old, &self.embed_fact(fact)?)
    }

    /// The facts that pass the filter, newest first.
    pub fn facts(&self, filter: &FactFilter) -> Result<Vec<Fact>> {
        self.library.as_ref().map_or_else(|| Ok(Vec::new()), |library| library.list(filter))
    }

    /// One fact, whatever its state.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn fact(&self, id: FactId) -> Result<Fact> {
        let library = self.library.as_ref();
        library.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such fact: the library is empty"))?.get(id)
    }

    /// Lets a disabled fact fire again.
    pub fn enable(&self, id: FactId) -> Result<Fact> {
        self.writable()?.enable(id)
    }

    /// Keeps a fact from firing until it is enabled.
    pub fn disable(&self, id: FactId) -> Result<Fact> {
        self.writable()?.disable(id)
    }

    /// Deletes a fact; its history stays.
    pub fn delete(&self, id: FactId) -> Result<Fact> {
        self.writable()?.delete(id)
    }

    /// Which fact would fire on this question? The language model doesn't run.
    ///
    /// # Errors
    /// `InvalidInput` for a question that is empty or too long, `UnsupportedImage`.
    pub fn preview(&self, question: &Question) -> Result<Preview> {
        pipeline::preview(&self.pipeline(), question, &CancelToken::new())
    }

    /// Answers a question; `on_event` is told of every step while it happens, on this thread.
    ///
    /// # Errors
    /// As [`Runtime::preview`]; `ContextOverflow` when fact, question and reply don't fit the model's context;
    /// `Cancelled` within one batch of the token being set, after which the runtime is ready for the next question.
    pub fn ask(
        &self,
        question: &Question,
        cancel: &CancelToken,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Answer> {
        pipeline::ask(&self.pipeline(), question, cancel, on_event)
    }

    /// Loads every model now, so that the first question need not wait for it.
    pub fn warm_up(&self) -> Result<()> {
        self.language.start();
        let encoders = self.encoders.get()?;
        (encoders.warm_up)(Modality::Image)?;
        (encoders.warm_up)(Modality::Text)?;
        self.language.get().map(drop)
    }

    /// What runs the models that are loaded.
    pub fn backends(&self) -> Backends {
        Backends {
            encoder: self.encoders.loaded().map(|encoders| encoders.backend.clone()),
            language: self.language.loaded().map(|language| language.device.clone()),
        }
    }

    /// The models' manifest.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The library, for everything that needs no models: history, undo, forgetting, full-text lookup. None when opened
    /// for reading where there is none.
    pub fn library(&self) -> Option<&Library> {
        self.library.as_ref()
    }

    fn pipeline(&self) -> Pipeline<'_> {
        Pipeline {
            models: self,
            library: self.library.as_ref(),
            retrieval: self.bundle.retrieval(),
            template: &self.template,
            thought_tokens: self.bundle.language().thought_tokens,
            answer_tokens: self.bundle.language().answer_tokens,
        }
    }

    fn writable(&self) -> Result<&Library> {
        let library = self.library.as_ref().filter(|library| !library.is_read_only());
        library.ok_or_else(|| Error::new(ErrorKind::ReadOnly, "the library was opened for reading only"))
    }

    /// Embeds everything under which a fact is to be found.
    fn embed_fact(&self, mut fact: NewFact) -> Result<NewRecord> {
        let photos = std::mem::take(&mut fact.images);
        let mut texts = vec![fact.statement.clone()];
        texts.append(&mut fact.texts);
        texts.dedup();
        check_keys(photos.len(), &texts)?;
        let encoders = self.encoders.get()?;
        let images = photos.iter().map(|photo| self.image_key(&encoders, photo)).collect::<Result<_>>()?;
        let texts = texts.into_iter().map(|text| text_key(&encoders, text)).collect::<Result<_>>()?;
        Ok(NewRecord { fact, images, texts })
    }

    fn image_key(&self, encoders: &Encoders, photo: &[u8]) -> Result<ImageKey> {
        let photo = Rgb::decode(photo)?;
        let raw = encoders.image.embed_image(&photo)?;
        let embedding = encoders.head.project(&raw)?;
        let thumbnail = self.keep_thumbnails.then(|| photo.thumbnail(THUMBNAIL_SIDE)).transpose()?;
        Ok(ImageKey { raw, embedding, thumbnail })
    }
}

impl Models for Runtime {
    fn expect_language(&self) {
        self.language.start();
    }

    fn encoders(&self, modality: Modality) -> Result<Arc<Encoders>> {
        let encoders = self.encoders.get()?;
        (encoders.warm_up)(modality)?;
        Ok(encoders)
    }

    fn language(&self) -> Result<Arc<Language>> {
        self.language.get()
    }
}

fn open_library(options: &OpenOptions, bundle: &Bundle) -> Result<Option<Library>> {
    if !options.read_only {
        return Library::open(&options.library, &bundle.fingerprint()).map(Some);
    }
    match Library::open_read_only(&options.library, &bundle.fingerprint()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn text_key(encoders: &Encoders, text: String) -> Result<TextKey> {
    let raw = encoders.text.embed_text(&text)?;
    let embedding = encoders.head.project(&raw)?;
    Ok(TextKey { text, raw, embedding })
}

/// The limits that must hold before any key is embedded, which takes time; the library checks everything else.
fn check_keys(photos: usize, texts: &[String]) -> Result<()> {
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if photos > MAX_IMAGE_KEYS {
        return invalid(format!("{photos} photos: at most {MAX_IMAGE_KEYS} are allowed"));
    }
    if texts.len() > MAX_TEXT_KEYS {
        return invalid(format!(
            "{} texts besides the statement: at most {} are allowed",
            texts.len() - 1,
            MAX_TEXT_KEYS - 1
        ));
    }
    for (at, text) in texts.iter().enumerate() {
        let name = if at == 0 { "statement" } else { "key text" };
        if text.trim().is_empty() {
            return invalid(format!("the {name} is empty"));
        }
        if text.len() > MAX_TEXT_CHARS * 4 || text.chars().count() > MAX_TEXT_CHARS {
            return invalid(format!("the {name} is longer than {MAX_TEXT_CHARS} characters"));
        }
    }
    Ok(())
}
