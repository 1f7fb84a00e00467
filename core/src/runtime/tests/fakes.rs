//! Models that do as they are told, and count.

use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::super::*;
use crate::device::CpuReason;
use crate::image::Rgb;
use crate::model::{Ahead, GenerateRequest, Generated, Generator, ImageEncoder, Projection, PromptPart, TextEncoder};
use crate::pipeline::{Encoders, Language};
use crate::types::{EMBEDDING_DIM, Embedding, NewFact, RawEmbedding};

/// A photo of one pixel, as PNG.
pub(super) const PHOTO: &[u8] = include_bytes!("../../../../tests/data/one-pixel.png");
const REPLY: &str = " it says so</think><answer> Pisa</answer>";

#[expect(non_snake_case, reason = "as good as a constant")]
pub(super) fn FACT() -> NewFact {
    NewFact { statement: "The tower is in Pisa.".into(), images: vec![PHOTO.to_vec()], ..NewFact::default() }
}

pub(super) fn question(photo: bool) -> Question {
    Question { text: "Where is it?".into(), image: photo.then(|| PHOTO.to_vec()), ..Question::default() }
}

/// How the fakes behave; 0 is at once.
#[derive(Default)]
pub(super) struct Models {
    behaviour: AtomicUsize,
    live: AtomicUsize,
    loads: AtomicUsize,
    encoded: AtomicUsize,
    generating: AtomicUsize,
    forgotten: AtomicUsize,
    on_gpu: bool,
    /// Width of raw embeddings, as the manifest has it.
    raw_dim: usize,
}

const BRIEF: usize = 0;
const SLOW_TO_LOAD: usize = 1;
const SLOW_TO_ENCODE: usize = 2;
const ENDLESS: usize = 3;

impl Models {
    pub(super) fn brief(&self) {
        self.behaviour.store(BRIEF, Ordering::SeqCst);
    }

    /// Loading the language model takes until it is stopped.
    pub(super) fn slow_to_load(&self) {
        self.behaviour.store(SLOW_TO_LOAD, Ordering::SeqCst);
    }

    /// Encoding takes until another behaviour is wanted.
    pub(super) fn slow_to_encode(&self) {
        self.behaviour.store(SLOW_TO_ENCODE, Ordering::SeqCst);
    }

    /// Replies take until they are stopped.
    pub(super) fn endless(&self) {
        self.behaviour.store(ENDLESS, Ordering::SeqCst);
    }

    pub(super) fn photos_encoded(&self) -> usize {
        self.encoded.load(Ordering::SeqCst)
    }

    /// How often the language model was told to forget.
    pub(super) fn forgotten(&self) -> usize {
        self.forgotten.load(Ordering::SeqCst)
    }

    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(super) fn generating(&self) -> usize {
        self.generating.load(Ordering::SeqCst)
    }

    fn is(&self, behaviour: usize) -> bool {
        self.behaviour.load(Ordering::SeqCst) == behaviour
    }

    fn load(self: &Arc<Self>) -> Loaded {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.live.fetch_add(1, Ordering::SeqCst);
        Loaded(Arc::clone(self))
    }
}

/// One loaded model.
struct Loaded(Arc<Models>);

impl Loaded {
    fn raw(&self, axis: u8) -> RawEmbedding {
        let mut values = vec![0.0; self.0.raw_dim];
        values[0] = f32::from(axis);
        RawEmbedding(values)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Photos lie along the first axis. A text lies along the axis of its first byte.
impl ImageEncoder for Loaded {
    fn embed_image(&self, _: &Rgb) -> Result<RawEmbedding> {
        while self.0.is(SLOW_TO_ENCODE) {
            std::thread::yield_now();
        }
        self.0.encoded.fetch_add(1, Ordering::SeqCst);
        Ok(self.raw(0))
    }
}

impl TextEncoder for Loaded {
    fn embed_text(&self, text: &str) -> Result<RawEmbedding> {
        Ok(self.raw(text.as_bytes()[0]))
    }
}

impl Projection for Loaded {
    fn project(&self, raw: &RawEmbedding) -> Result<Embedding> {
        let mut axes = [0.0; EMBEDDING_DIM];
        axes[raw.0[0] as usize] = 1.0;
        Ok(Embedding(axes))
    }
}

impl Generator for Loaded {
    fn generate(
        &self,
        _: &GenerateRequest<'_>,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated> {
        let _generating = Generating::begin(&self.0);
        while self.0.is(ENDLESS) {
            cancel.check()?;
            on_text(" hm");
        }
        for piece in REPLY.split_inclusive(' ') {
            cancel.check()?;
            on_text(piece);
        }
        Ok(Generated { prompt_tokens: 7, reply_tokens: 5, ..Generated::default() })
    }

    fn read_ahead(&self, _: &[PromptPart<'_>], _: &CancelToken) -> Ahead {
        Ahead::new(std::sync::mpsc::channel().1, false)
    }

    fn forget(&self, _: bool) {
        self.0.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

struct Generating<'a>(&'a Models);

impl<'a> Generating<'a> {
    fn begin(models: &'a Models) -> Self {
        models.generating.fetch_add(1, Ordering::SeqCst);
        Self(models)
    }
}

impl Drop for Generating<'_> {
    fn drop(&mut self) {
        self.0.generating.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A library, and models to open it with.
pub(super) struct Bench {
    pub(super) models: Arc<Models>,
    folder: TempDir,
    bundle: Arc<Bundle>,
}

impl Bench {
    pub(super) fn new(on_gpu: bool) -> Self {
        let tiny = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny");
        let bundle = Arc::new(Bundle::open(&tiny).unwrap());
        let raw_dim = bundle.encoder().raw_dim as usize;
        let models = Arc::new(Models { on_gpu, raw_dim, ..Models::default() });
        Self { models, folder: tempfile::tempdir().unwrap(), bundle }
    }

    pub(super) fn open(&self) -> Runtime {
        self.open_with(|_| ())
    }

    pub(super) fn open_with(&self, change: impl FnOnce(&mut OpenOptions)) -> Runtime {
        let mut options = OpenOptions::new("", self.folder.path().join("library"));
        change(&mut options);
        let models = Arc::clone(&self.models);
        let encoders = Lazy::new(move |_| {
            let loaded = Arc::new(models.load());
            let (image, text, head) = (Arc::clone(&loaded), Arc::clone(&loaded), loaded);
            Ok(Encoders {
                image,
                text,
                head,
                warm_up: Box::new(|_| Ok(())),
                memory: Box::new(|| 7),
                backend: "fake".into(),
            })
        });
        let models = Arc::clone(&self.models);
        let language = Lazy::new(move |cancel| {
            while models.is(SLOW_TO_LOAD) {
                cancel.check()?;
                std::thread::yield_now();
            }
            let generator = Arc::new(models.load());
            let cpu_reason = (!models.on_gpu).then_some(CpuReason::NotBuiltIn);
            let memory = Box::new(|| MemoryUsage { language_weights: 5, ..MemoryUsage::default() });
            Ok(Language { generator, device: "nowhere".into(), cpu_reason, reads_ahead: true, memory })
        });
        let held = Held::new(Arc::new(encoders), language, self.models.on_gpu, options.embedding_cache);
        Runtime::assemble(&options, Arc::clone(&self.bundle), held).unwrap()
    }

    /// How many models are in memory; the encoders count as one.
    pub(super) fn live(&self) -> usize {
        self.models.live.load(Ordering::SeqCst)
    }
}
