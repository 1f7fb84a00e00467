//! The retrieval towers and the head, as ONNX through the `ort` interface.

mod library;
mod tokenizer;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use library::Library;
pub use library::OnnxLibrary;
use tokenizer::TextTokenizer;

use crate::bundle::{Bundle, EncoderSpec, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;
use crate::model::{ImageEncoder, Projection, TextEncoder};
use crate::types::{EMBEDDING_DIM, Embedding, Modality, RawEmbedding};

/// Every model of a bundle names its output so.
const OUTPUT: &str = "embedding";

/// How the towers are run.
#[derive(Clone, Debug, Default)]
pub struct OnnxOptions {
    /// Where to find ONNX Runtime; counts only the first time in a process.
    pub library: OnnxLibrary,
    /// Threads to compute with; none: one per core. tract always uses one.
    pub threads: Option<NonZeroU32>,
}

/// The towers and the head of one bundle. Each is loaded when it is first needed, or by [`OnnxEncoders::warm_up`]: a
/// question with a photo never waits for the text tower.
pub struct OnnxEncoders {
    library: &'static Library,
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
    input: &'static str,
    session: Mutex<Option<Session>>,
}

impl OnnxEncoders {
    /// The encoders of a bundle, with the default options.
    pub fn open(bundle: &Bundle) -> Result<Self> {
        Self::open_with(bundle, &OnnxOptions::default())
    }

    /// The encoders of a bundle.
    ///
    /// # Errors
    /// `Internal` when no implementation of ONNX can be started.
    pub fn open_with(bundle: &Bundle, options: &OnnxOptions) -> Result<Self> {
        let model = |role, input| Model { path: bundle.path(role), input, session: Mutex::new(None) };
        Ok(Self {
            library: library::library(&options.library)?,
            threads: options.threads,
            spec: bundle.encoder().clone(),
            image: model(Role::ImageEncoder, "pixel_values"),
            text: model(Role::TextEncoder, "input_ids"),
            head: model(Role::Head, "raw"),
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
            let head = scope.spawn(|| self.load(&self.head));
            let tower = match modality {
                Modality::Image => self.load(&self.image),
                Modality::Text => self.load(&self.text).and_then(|()| self.tokenizer().map(drop)),
            };
            tower.and(head.join().expect("loading a model doesn't panic"))
        })
    }

    /// What runs the towers, for people: "ONNX Runtime 1.31.1", or "tract" and, if there was one that can't be used, why.
    pub fn backend_name(&self) -> &str {
        &self.library.name
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

    fn load(&self, model: &Model) -> Result<()> {
        self.session(model).map(drop)
    }

    /// The model's session, built now if it isn't there yet.
    fn session<'m>(&self, model: &'m Model) -> Result<MutexGuard<'m, Option<Session>>> {
        // A session holds no half-done state that a panic could leave behind.
        let mut session = model.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_none() {
            let built =
                self.build(model).map_err(|e| model.refused("can't be loaded as an ONNX model").with_source(e))?;
            model.check_signature(&built)?;
            *session = Some(built);
        }
        Ok(session)
    }

    fn build(&self, model: &Model) -> ort::Result<Session> {
        let mut builder = Session::builder(&self.library.environment)?;
        builder = builder.with_optimization_level(GraphOptimizationLevel::All)?;
        if !self.library.is_tract {
            // Spinning between runs would take the cores from the language model.
            builder = builder.with_intra_op_spinning(false)?;
            if let Some(threads) = self.threads {
                builder = builder.with_intra_threads(threads.get() as usize)?;
            }
        }
        builder.commit_from_file(&model.path)
    }

    /// Runs a model on one input and gives back its `width` values.
    fn run(&self, model: &Model, input: SessionInputValue<'_>, width: usize) -> Result<Vec<f32>> {
        let mut session = self.session(model)?;
        let session = session.as_mut().expect("the session was built just now");
        let failed = |e| Error::new(ErrorKind::Internal, format!("{} failed", model.path.display())).with_source(e);
        let outputs = session.run(ort::inputs![model.input => input]).map_err(failed)?;
        let (_, values) = outputs[OUTPUT].try_extract_tensor::<f32>().map_err(failed)?;
        if values.len() != width {
            return Err(model.refused(&format!("gives {} values where bundle.toml says {width}", values.len())));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(model.refused("gives values that are no numbers"));
        }
        Ok(values.to_vec())
    }
}

impl Model {
    fn check_signature(&self, session: &Session) -> Result<()> {
        let takes = session.inputs().iter().map(|input| input.name()).eq([self.input]);
        if takes && session.outputs().iter().any(|output| output.name() == OUTPUT) {
            return Ok(());
        }
        Err(self.refused(&format!("doesn't take `{}` and give `{OUTPUT}`", self.input)))
    }

    fn refused(&self, what: &str) -> Error {
        let message = format!("{} {what}: install the bundle again", self.path.display());
        Error::new(ErrorKind::ModelCorrupt, message)
    }
}

impl ImageEncoder for OnnxEncoders {
    fn embed_image(&self, image: &Rgb) -> Result<RawEmbedding> {
        let EncoderSpec { raw_dim, image_size: side, mean, std, .. } = &self.spec;
        let pixels = image.resize(*side, *side).normalised(*mean, *std);
        let input = Tensor::from_array(([1, 3, *side as usize, *side as usize], pixels)).map_err(bad_tensor)?;
        self.run(&self.image, input.into(), *raw_dim as usize).map(RawEmbedding)
    }
}

impl TextEncoder for OnnxEncoders {
    fn embed_text(&self, text: &str) -> Result<RawEmbedding> {
        let ids = self.tokenizer()?.ids(text)?;
        let input = Tensor::from_array(([1, ids.len()], ids)).map_err(bad_tensor)?;
        self.run(&self.text, input.into(), self.spec.raw_dim as usize).map(RawEmbedding)
    }
}

impl Projection for OnnxEncoders {
    fn project(&self, raw: &RawEmbedding) -> Result<Embedding> {
        let input = Tensor::from_array(([1, raw.0.len()], raw.0.clone())).map_err(bad_tensor)?;
        let values = self.run(&self.head, input.into(), EMBEDDING_DIM)?;
        let length: f32 = values.iter().map(|value| value * value).sum();
        if (length - 1.0).abs() > 1e-3 {
            return Err(self.head.refused("gives vectors that aren't of unit length"));
        }
        Ok(Embedding(values.try_into().expect("the width was checked")))
    }
}

fn bad_tensor(error: ort::Error) -> Error {
    Error::new(ErrorKind::Internal, "a tensor could not be made").with_source(error)
}
