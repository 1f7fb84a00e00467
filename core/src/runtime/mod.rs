//! The one entry point: a bundle of models and a library of facts, opened together.

mod facts;
mod held;
mod life;
mod options;
mod packs;
mod reembed;
mod session;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use options::{Backends, OpenOptions, TrimLevel};

use crate::answer::{Answer, AnswerEvent, Preview};
use crate::bundle::{Bundle, BundleInfo};
use crate::cancel::CancelToken;
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::lazy::Lazy;
use crate::library::{FactFilter, Library};
use crate::lifecycle::{Lifecycle, Work};
use crate::load::{self, Progress};
use crate::memory::MemoryUsage;
use crate::pipeline;
use crate::prompt::PromptTemplate;
use crate::types::{Fact, FactId, Question};
use held::Held;
use session::Session;

/// Facts and the models that reason with them. `Send + Sync`; share it by reference or in an `Arc`.
///
/// Models are verified on opening and loaded when first needed: the encoders for the first question or fact, the
/// language model for the first question. Dropping it frees the models and closes the library; every change was durable
/// before its call returned.
pub struct Runtime {
    inner: Arc<Inner>,
    /// Unloads the models in the end, where that was asked for.
    idle: Option<JoinHandle<()>>,
}

/// What work under way shares with the runtime.
struct Inner {
    bundle: Arc<Bundle>,
    template: PromptTemplate,
    /// None: opened for reading where there is no library yet.
    library: Option<Library>,
    held: Arc<Held>,
    lifecycle: Arc<Lifecycle>,
    keep_thumbnails: bool,
    state: Option<PathBuf>,
}

impl Runtime {
    /// Verifies the models and opens the library.
    ///
    /// # Errors
    /// `ModelMissing`, `ModelCorrupt` and their like for the bundle (see [`Bundle::open`]); `LibraryLocked`,
    /// `FingerprintMismatch` and their like for the library (see [`Library::open_with`]).
    pub fn open(options: OpenOptions) -> Result<Self> {
        let bundle = Arc::new(Bundle::open(&options.models)?);
        let (models, settings) = (Arc::clone(&bundle), options.clone());
        let encoders = Arc::new(Lazy::new(move |_| load::encoders(&models, &settings)));
        let (models, settings, beside) = (Arc::clone(&bundle), options.clone(), Arc::clone(&encoders));
        let progress = Progress::default();
        let told = progress.clone();
        let language = Lazy::new(move |cancel| {
            let encoders = beside.loaded().map_or(0, |encoders| (encoders.memory)());
            load::language(&models, &settings, encoders, &told, cancel)
        });
        let may_use_gpu = load::may_use_gpu(&options);
        let mut held = Held::new(encoders, language, may_use_gpu, options.embedding_cache);
        held.progress = progress;
        Self::assemble(&options, bundle, held)
    }

    fn assemble(options: &OpenOptions, bundle: Arc<Bundle>, held: Held) -> Result<Self> {
        let words = bundle.prompt();
        let template = PromptTemplate::new(&words.system, &words.fact, &words.no_fact)?;
        let library = open_library(options, &bundle)?;
        let held = Arc::new(held);
        if let Some(library) = &library {
            let held = Arc::clone(&held);
            // What the models have seen of a forgotten fact is forgotten too.
            library.on_forget(move || held.trim(TrimLevel::Photo));
        }
        let (lifecycle, keep_thumbnails) = (Lifecycle::new(), options.keep_thumbnails);
        let state = options.state.clone();
        let inner = Arc::new(Inner { bundle, template, library, held, lifecycle, keep_thumbnails, state });
        let idle = options.idle_unload.map(|time| life::unload_when_idle(&inner, time)).transpose()?;
        Ok(Self { inner, idle })
    }

    /// The facts that pass the filter, newest first.
    pub fn facts(&self, filter: &FactFilter) -> Result<Vec<Fact>> {
        self.inner.lifecycle.check()?;
        self.library().map_or_else(|| Ok(Vec::new()), |library| library.list(filter))
    }

    /// One fact, whatever its state.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn fact(&self, id: FactId) -> Result<Fact> {
        self.inner.lifecycle.check()?;
        let empty = || Error::new(ErrorKind::NotFound, "there is no such fact: the library is empty");
        self.library().ok_or_else(empty)?.get(id)
    }

    /// Which fact would fire on this question? The language model doesn't run.
    ///
    /// # Errors
    /// `InvalidInput` for a question that is empty or too long, `UnsupportedImage`, `Closed`.
    pub fn preview(&self, question: &Question) -> Result<Preview> {
        let session = Session::begin(&self.inner, Work::Plain)?;
        pipeline::preview(&session.pipeline(), question, &session.token(&CancelToken::new()))
    }

    /// Answers a question; `on_event` is told of every step while it happens, on this thread.
    ///
    /// # Errors
    /// As [`Runtime::preview`]; `ContextOverflow` when fact, question and reply don't fit the model's context;
    /// `Cancelled` within one batch of the token being set, after which the runtime is ready for the next question;
    /// `Backgrounded`, see [`Runtime::on_background`].
    pub fn ask(
        &self,
        question: &Question,
        cancel: &CancelToken,
        on_event: &mut dyn FnMut(AnswerEvent),
    ) -> Result<Answer> {
        let session = self.begin_language()?;
        pipeline::ask(&session.pipeline(), question, &session.token(cancel), on_event)
    }

    /// What runs the models that are loaded.
    pub fn backends(&self) -> Backends {
        let Held { encoders, language, .. } = &*self.inner.held;
        let language = language.loaded();
        Backends {
            encoder: encoders.loaded().map(|encoders| encoders.backend.clone()),
            language: language.as_ref().map(|language| language.device.clone()),
            cpu_reason: language.and_then(|language| language.cpu_reason),
        }
    }

    /// What the models are, without loading them.
    ///
    /// # Errors
    /// See [`Bundle::info`]; `Closed`.
    pub fn model_info(&self) -> Result<BundleInfo> {
        self.inner.lifecycle.check()?;
        self.inner.bundle.info()
    }

    /// Bytes in use, part by part.
    pub fn memory_usage(&self) -> MemoryUsage {
        let index = self.library().map_or(0, Library::index_bytes);
        MemoryUsage { index, ..self.inner.held.memory_usage() }
    }

    /// What the language model can compute on; GPUs that crashed an earlier start are left alone and missing.
    ///
    /// # Errors
    /// `Backgrounded` where a GPU might be woken, `Closed`.
    pub fn devices(&self) -> Result<Vec<Device>> {
        let _session = self.begin_language()?;
        load::devices(self.inner.state.as_deref())
    }

    /// The models' manifest.
    pub fn bundle(&self) -> &Bundle {
        &self.inner.bundle
    }

    /// The library, for everything that needs no models: history, undo, forgetting, full-text lookup. None when opened
    /// for reading where there is none.
    pub fn library(&self) -> Option<&Library> {
        self.inner.library.as_ref()
    }

    /// Begins work that needs the language model.
    fn begin_language(&self) -> Result<Session> {
        let work = if self.inner.held.use_gpu() { Work::Gpu } else { Work::Plain };
        Session::begin(&self.inner, work)
    }
}

fn open_library(options: &OpenOptions, bundle: &Bundle) -> Result<Option<Library>> {
    if !options.read_only {
        return Library::open_with(&options.library, &bundle.fingerprint(), options.key.as_ref()).map(Some);
    }
    match Library::open_read_only_with(&options.library, &bundle.fingerprint(), options.key.as_ref()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}
