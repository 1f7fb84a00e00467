//! The retrieval towers and the head.

mod library;
mod session;
mod tokenizer;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use library::Library;
pub use library::OnnxLibrary;
use session::{Input, Session, Signature};
use tokenizer::TextTokenizer;

use crate::bundle::{Bundle, EncoderSpec, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;
use crate::model::{ImageEncoder, Projection, TextEncoder};
use crate::types::{EMBEDDING_DIM, Embedding, Modality, RawEmbedding};

/// How the towers are run.
#[derive(Clone, Debug, Default)]
pub struct OnnxOptions {
    /// Where to find ONNX Runtime.
    pub library: OnnxLibrary,
    /// Threads to compute with; none: one per core. tract always uses one.
    pub threads: Option<NonZeroU32>,
}

/// The towers and the head of one bundle. Each is loaded when it is first needed, or by [`OnnxEncoders::warm_up`]: a
/// question with a photo never waits for the text tower.
pub struct OnnxEncoders {
    library: Library,
    name: String,
    threads: Option<NonZeroU32>,
    spec: EncoderSpec,
    image: Model,
    text: Model,
    head: Model,
    tokenizer_path: PathBuf,
    tokenizer: OnceLock<TextTokenizer>,
}

/// One ONNX file and, once loaded, its session.
struct Model {
    path: PathBuf,
    /// Bytes of the file.
    bytes: u64,
    signature: Signature,
    /// Values that it gives.
    width: usize,
    session: Mutex<Option<Session>>,
}

impl OnnxEncoders {
    /// The encoders of a bundle, with the default options.
    pub fn open(bundle: &Bundle) -> Result<Self> {
        Self::open_with(bundle, &OnnxOptions::default())
    }

    /// The encoders of a bundle. No model is loaded yet.
    pub fn open_with(bundle: &Bundle, options: &OnnxOptions) -> Result<Self> {
        let spec = bundle.encoder().clone();
        let (side, raw, length) = (spec.image_size as usize, spec.raw_dim as usize, spec.text_length as usize);
        let model = |role, input, shape, integers, width| Model {
            path: bundle.path(role),
            bytes: bundle.size(role),
            signature: Signature { input, shape, integers },
            width,
            session: Mutex::new(None),
        };
        let library = Library::choose(&options.library);
        Ok(Self {
            name: library.name(),
            library,
            threads: options.threads,
            spec,
            image: model(Role::ImageEncoder, "pixel_values", vec![1, 3, side, side], false, raw),
            text: model(Role::TextEncoder, "input_ids", vec![1, length], true, raw),
            head: model(Role::Head, "raw", vec![1, raw], false, EMBEDDING_DIM),
            tokenizer_path: bundle.path(Role::Tokenizer),
            tokenizer: OnceLock::new(),
        })
    }

    /// Loads what questions of one modality need, tower and head side by side.
    ///
    /// # Errors
    /// `ModelCorrupt` when a file is no such model.
    pub fn warm_up(&self, modality: Modality) -> Result<()> {
        std::thread::scope(|scope| {
            let head = scope.spawn(|| self.session(&self.head).map(drop));
            let tower = match modality {
                Modality::Image => self.session(&self.image).map(drop),
                Modality::Text => self.session(&self.text).map(drop).and_then(|()| self.tokenizer().map(drop)),
            };
            tower.and(head.join().expect("loading a model doesn't panic"))
        })
    }

    /// What runs the towers, for people: "ONNX Runtime 1.31.1", or "tract" and, if there was one that can't be used, why.
    pub fn backend_name(&self) -> &str {
        &self.name
    }

    /// Bytes of the files of what is loaded by now.
    pub(crate) fn loaded_bytes(&self) -> u64 {
        [&self.image, &self.text, &self.head]
            .into_iter()
            .filter(|model| model.is_loaded())
            .map(|model| model.bytes)
            .sum()
    }

    /// The ids of a text as the text tower gets them, for comparison with other implementations.
    #[doc(hidden)]
    pub fn token_ids(&self, text: &str) -> Result<Vec<i64>> {
        self.tokenizer()?.ids(text)
    }

    fn tokenizer(&self) -> Result<&TextTokenizer> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let tokenizer = TextTokenizer::open(&self.tokenizer_path, &self.spec)?;
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    /// The model's session, built now if it isn't there yet.
    fn session<'m>(&self, model: &'m Model) -> Result<MutexGuard<'m, Option<Session>>> {
        // A session holds no half-done state that a panic could leave behind.
        let mut session = model.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_none() {
            let opened = Session::open(&self.library, &model.path, &model.signature, self.threads);
            *session = Some(opened.map_err(|e| model.refused("can't be loaded as an ONNX model").with_source(e))?);
        }
        Ok(session)
    }

    fn run(&self, model: &Model, input: Input) -> Result<Vec<f32>> {
        let mut session = self.session(model)?;
        let session = session.as_mut().expect("the session was built just now");
        let values = session
            .run(&model.signature, input)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("{} failed", model.path.display())).with_source(e))?;
        if values.len() != model.width {
            let (found, expected) = (values.len(), model.width);
            return Err(model.refused(&format!("gives {found} values where bundle.toml says {expected}")));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(model.refused("gives values that are no numbers"));
        }
        Ok(values)
    }
}

impl Model {
    /// One that is busy is loaded, or about to be.
    fn is_loaded(&self) -> bool {
        match self.session.try_lock() {
            Ok(session) => session.is_some(),
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => true,
        }
    }

    fn refused(&self, what: &str) -> Error {
        let message = format!("{} {what}: install the bundle again", self.path.display());
        Error::new(ErrorKind::ModelCorrupt, message)
    }
}

impl ImageEncoder for OnnxEncoders {
    fn embed_image(&self, image: &Rgb) -> Result<RawEmbedding> {
        let EncoderSpec { image_size: side, views, mean, std, .. } = &self.spec;
        let mut average = vec![0.0; self.image.width];
        for &share in views {
            let pixels = image.centre(share).resize(*side, *side).normalised(*mean, *std);
            let raw = self.run(&self.image, Input::Floats(pixels))?;
            average.iter_mut().zip(raw).for_each(|(sum, value)| *sum += value / views.len() as f32);
        }
        Ok(RawEmbedding(average))
    }
}

impl TextEncoder for OnnxEncoders {
    fn embed_text(&self, text: &str) -> Result<RawEmbedding> {
        let ids = self.tokenizer()?.ids(text)?;
        self.run(&self.text, Input::Integers(ids)).map(RawEmbedding)
    }
}

impl Projection for OnnxEncoders {
    fn project(&self, raw: &RawEmbedding) -> Result<Embedding> {
        if raw.0.len() != self.spec.raw_dim as usize {
            let (found, expected) = (raw.0.len(), self.spec.raw_dim);
            let message = format!("a raw embedding of {found} values where these towers give {expected}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let values = self.run(&self.head, Input::Floats(raw.0.clone()))?;
        let length: f32 = values.iter().map(|value| value * value).sum();
        if (length - 1.0).abs() > 1e-3 {
            return Err(self.head.refused("gives vectors that aren't of unit length"));
        }
        Ok(Embedding(values.try_into().expect("the width was checked")))
    }
}
