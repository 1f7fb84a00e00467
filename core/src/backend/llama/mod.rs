//! The language model through llama.cpp.
//!
//! One worker thread owns model, vision tower and context, in that order, and drops them in reverse; llama.cpp's objects
//! never cross threads. Requests go to it through a channel, and text comes back through one per request.

mod engine;
mod fit;
mod gpu;
mod load;
mod prefix;
mod prompt;
mod reader;
mod worker;
mod writer;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::CancelToken;
use crate::bundle::{Bundle, LanguageSpec, Role};
use crate::device::CpuReason;
use crate::error::{Error, ErrorKind, Result};
use crate::load::Progress;
use crate::memory::MemoryUsage;
use crate::model::{Ahead, GenerateRequest, Generated, Generator, PromptPart};

use fit::ImageFit;
pub(crate) use gpu::BUILT_IN as GPU_BUILT_IN;
use gpu::Placement;
pub use gpu::devices;
use load::BATCH;
use prompt::OwnedPart;
use worker::{Event, Job};
use writer::{Limits, Style};

/// How often whoever waits for the worker looks whether they were cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// How the language model is run.
#[derive(Clone, Debug, Default)]
pub struct LlamaOptions {
    /// Threads to compute with; none: one per core, at most 8.
    pub threads: Option<NonZeroU32>,
    /// Layers to keep on a GPU, where this build has one; none: as many as fit; 0: the CPU does everything.
    pub gpu_layers: Option<u32>,
    /// Bytes of the device's memory that it may take; none: unknown, and taken to be enough.
    pub memory: Option<u64>,
    /// The folder in which a crash of the GPU is remembered, and what was computed for the system message; none: neither.
    pub state: Option<PathBuf>,
    /// Told how far loading is.
    pub progress: Progress,
    /// Whether to guess what a reply quotes, and have many tokens checked at once. Greedy replies are the same either way.
    pub guessing: Guessing,
    /// Stops loading when set.
    pub cancel: CancelToken,
}

/// When lookup decoding is used. It never is where a temperature lets chance decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guessing {
    /// Where measured time and earlier guesses say that it pays.
    #[default]
    WhereItPays,
    /// Never: token by token.
    Never,
    /// Wherever something can be guessed.
    Always,
}

/// Bytes below which one thread computes by default: with so little to do per layer, threads that wait for each other
/// gain little on an idle machine and lose thirty-fold on a busy one (0.3 s became 10 s a reply).
const SMALL_MODEL: u64 = 64 << 20;

/// A loaded language model with its vision tower. Requests are served one after another; dropping it unloads it.
pub struct LlamaGenerator {
    /// None only while dropping.
    jobs: Option<Sender<Job>>,
    worker: Option<JoinHandle<()>>,
    image: ImageFit,
    guessing: Guessing,
    loaded: Loaded,
    has_context: Arc<AtomicBool>,
}

/// How it was loaded.
#[derive(Debug)]
struct Loaded {
    device: String,
    cpu_reason: Option<CpuReason>,
    /// Whether encoders can work at the same time without taking cores from it.
    leaves_cores: bool,
    context: u32,
    usage: MemoryUsage,
}

impl Loaded {
    fn new(settings: &Settings, place: &Placement) -> Self {
        let device = load::device(&settings.options, place);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let leaves_cores = place.gpu.is_some() || cores >= 2 * load::threads(&settings.options) as usize;
        let (context, usage) = (place.plan.context, place.plan.usage);
        Self { device, cpu_reason: place.reason, leaves_cores, context, usage }
    }
}

/// What [`LlamaGenerator::probe`] found.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe {
    /// Token ids of the prompt's last run of text.
    pub ids: Vec<i32>,
    /// The logits after each of them.
    pub logits: Vec<Vec<f32>>,
}

/// A token of a reply that is known, for [`LlamaGenerator::replay`].
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Scripted {
    /// Its id.
    pub id: i32,
    /// By how much its logit led the next one when it was chosen: close decisions are made twice, which takes time.
    pub lead: f32,
}

/// What the worker needs to know of a bundle.
#[derive(Clone)]
struct Settings {
    language: PathBuf,
    vision: PathBuf,
    context: u32,
    /// Most tokens of a reply.
    reply_tokens: u32,
    image: ImageFit,
    /// Replies to guess from before there are others.
    replies: Vec<String>,
    /// SHA-256 of the language model's file, where a bundle vouches for it.
    model_digest: Option<[u8; 32]>,
    options: LlamaOptions,
    /// Told whether there is memory for a context.
    has_context: Arc<AtomicBool>,
}

impl LlamaGenerator {
    /// Loads the language model and its vision tower.
    ///
    /// # Errors
    /// `ModelCorrupt` when llama.cpp refuses a file, `OutOfMemory` when it needs more than it may have (with a
    /// [`MemoryShortfall`](crate::MemoryShortfall) as its source), `Cancelled` when `options.cancel` is set meanwhile.
    pub fn open(bundle: &Bundle, mut options: LlamaOptions) -> Result<Self> {
        if bundle.size(Role::Language) < SMALL_MODEL {
            options.threads = options.threads.or(Some(NonZeroU32::MIN));
        }
        let (language, vision) = (bundle.path(Role::Language), bundle.path(Role::Vision));
        Self::start(&language, &vision, bundle.language(), Some(bundle.sha256(Role::Language)), options)
    }

    /// As [`LlamaGenerator::open`], without a bundle's proof that the files are what they should be.
    #[doc(hidden)]
    pub fn open_files(language: &Path, vision: &Path, spec: &LanguageSpec, options: LlamaOptions) -> Result<Self> {
        Self::start(language, vision, spec, None, options)
    }

    fn start(
        language: &Path,
        vision: &Path,
        spec: &LanguageSpec,
        model_digest: Option<[u8; 32]>,
        options: LlamaOptions,
    ) -> Result<Self> {
        let image = ImageFit::new(spec);
        let (language, vision, guessing) = (language.to_owned(), vision.to_owned(), options.guessing);
        let reply_tokens = spec.thought_tokens.saturating_add(spec.answer_tokens);
        let has_context = Arc::<AtomicBool>::default();
        let settings = Settings {
            language,
            vision,
            context: spec.context,
            reply_tokens,
            image,
            replies: spec.replies.clone(),
            model_digest,
            options,
            has_context: Arc::clone(&has_context),
        };
        let (jobs, queue) = mpsc::channel();
        let (ready, loaded) = mpsc::channel();
        let worker = std::thread::Builder::new()
            .name("crane-language".to_owned())
            .spawn(move || worker::run(&settings, &ready, &queue))
            .map_err(|e| Error::new(ErrorKind::OutOfMemory, "no thread for the language model").with_source(e))?;
        let loaded = loaded.recv().map_err(|_| worker_gone())??;
        Ok(Self { jobs: Some(jobs), worker: Some(worker), image, guessing, loaded, has_context })
    }

    /// What computes, for people ("CPU, 2 threads").
    pub fn device(&self) -> &str {
        &self.loaded.device
    }

    /// Why none of it runs on a GPU; none: some of it does.
    pub fn cpu_reason(&self) -> Option<CpuReason> {
        self.loaded.cpu_reason
    }

    /// Whether encoders can work at the same time without taking cores from it.
    pub(crate) fn leaves_cores(&self) -> bool {
        self.loaded.leaves_cores
    }

    /// Tokens that prompt and reply may have together: the bundle's context, or less where memory is short.
    pub fn context(&self) -> u32 {
        self.loaded.context
    }

    /// What it takes of the device's and a GPU's memory.
    pub fn memory_usage(&self) -> MemoryUsage {
        memory_usage(self.loaded.usage, &self.has_context)
    }

    /// [`LlamaGenerator::memory_usage`] at any later time.
    pub(crate) fn memory_gauge(&self) -> impl Fn() -> MemoryUsage + Send + Sync + 'static {
        let (usage, has_context) = (self.loaded.usage, Arc::clone(&self.has_context));
        move || memory_usage(usage, &has_context)
    }

    /// The logits of a prompt's last run of text, for comparison with other implementations.
    #[doc(hidden)]
    pub fn probe(&self, parts: &[PromptPart<'_>]) -> Result<Probe> {
        let (reply, answer) = mpsc::channel();
        self.send(Job::Probe { parts: self.own(parts), reply })?;
        answer.recv().map_err(|_| worker_gone())?
    }

    /// As [`Generator::generate`], but what the reply says is known: the model computes what it always does, and is not
    /// asked. For measuring how long a reply takes on a model of any weights.
    #[doc(hidden)]
    pub fn replay(&self, request: &GenerateRequest<'_>, reply: &[Scripted], guessing: Guessing) -> Result<Generated> {
        self.run(request, Some(reply.to_vec()), guessing, &CancelToken::new(), &mut |_| ())
    }

    fn run(
        &self,
        request: &GenerateRequest<'_>,
        script: Option<Vec<Scripted>>,
        guessing: Guessing,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated> {
        cancel.check()?;
        let (events, incoming) = mpsc::channel();
        let GenerateRequest { thought_tokens: thought, answer_tokens: answer, sampling, .. } = *request;
        self.send(Job::Generate {
            parts: self.own(&request.parts),
            limits: Limits { thought, answer },
            style: Style { sampling, guessing, script },
            cancel: cancel.clone(),
            events,
        })?;
        let mut started = false;
        loop {
            match incoming.recv_timeout(PATIENCE) {
                Ok(Event::Started) => started = true,
                Ok(Event::Text(text)) => on_text(&text),
                Ok(Event::Done(result)) => return result,
                // A GPU must be at rest when this returns. The processor may finish its batch alone: nobody needs to wait
                // for the end of what can't be interrupted, and a photo takes a large model seconds.
                Err(RecvTimeoutError::Timeout) if started && self.loaded.cpu_reason.is_none() => {}
                Err(RecvTimeoutError::Timeout) => cancel.check()?,
                Err(RecvTimeoutError::Disconnected) => return Err(worker_gone()),
            }
        }
    }

    /// Photos are resized here, on the caller's thread: the worker may still be busy, and less has to be copied.
    fn own(&self, parts: &[PromptPart<'_>]) -> Vec<OwnedPart> {
        let own = |part: &PromptPart<'_>| match *part {
            PromptPart::Template(text) => OwnedPart::Template(text.to_owned()),
            PromptPart::Data(text) => OwnedPart::Data(text.to_owned()),
            PromptPart::Image(photo) => OwnedPart::Image(self.image.apply(photo)),
        };
        parts.iter().map(own).collect()
    }

    fn send(&self, job: Job) -> Result<()> {
        let jobs = self.jobs.as_ref().ok_or_else(worker_gone)?;
        jobs.send(job).map_err(|_| worker_gone())
    }
}

impl Generator for LlamaGenerator {
    fn generate(
        &self,
        request: &GenerateRequest<'_>,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated> {
        self.run(request, None, self.guessing, cancel, on_text)
    }

    fn read_ahead(&self, parts: &[PromptPart<'_>], cancel: &CancelToken) -> Ahead {
        let (read, figures) = mpsc::channel();
        // Without a worker the request that follows fails.
        let _ = self.send(Job::ReadAhead { parts: self.own(parts), cancel: cancel.clone(), read });
        Ahead::new(figures, self.loaded.cpu_reason.is_none())
    }

    fn forget(&self, context: bool) {
        // Without a worker there is nothing to forget.
        let _ = self.send(Job::Forget { context });
    }
}

impl Drop for LlamaGenerator {
    fn drop(&mut self) {
        // Closing the channel ends the worker's loop; waiting for it means that the memory is free afterwards.
        self.jobs = None;
        if let Some(worker) = self.worker.take() {
            // A panic was reported to the requests that it ended.
            let _ = worker.join();
        }
    }
}

fn memory_usage(whole: MemoryUsage, has_context: &AtomicBool) -> MemoryUsage {
    if has_context.load(Ordering::Relaxed) { whole } else { MemoryUsage { kv_cache: 0, compute: 0, ..whole } }
}

fn worker_gone() -> Error {
    Error::new(ErrorKind::Internal, "the language model's thread has ended: open the runtime again")
}
