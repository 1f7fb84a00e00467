//! One ONNX model, ready to run on either implementation.

use std::error::Error as StdError;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use ort::environment::Environment;
use ort::session::Session as OrtSession;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor as OrtTensor;
use tract_onnx::prelude::{
    DatumType, DatumTypeExt, Framework, InferenceModel, InferenceModelExt, IntoRunnable, Tensor, TractResult,
    TypedRunnableModel, tvec,
};

use super::library::Library;

/// Every model of a bundle names its output so.
pub(super) const OUTPUT: &str = "embedding";

type Cause = Box<dyn StdError + Send + Sync>;

/// What a model takes: the input's name and shape, the first dimension being 1.
#[derive(Clone)]
pub(super) struct Signature {
    pub(super) input: &'static str,
    pub(super) shape: Vec<usize>,
    /// Integers, or else floats.
    pub(super) integers: bool,
}

/// Values of one input, as many as the signature's shape has.
pub(super) enum Input {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

pub(super) enum Session {
    Ort(OrtSession),
    Tract(Arc<TypedRunnableModel>),
}

impl Session {
    pub(super) fn open(
        library: &Library,
        path: &Path,
        signature: &Signature,
        threads: Option<NonZeroU32>,
    ) -> Result<Self, Cause> {
        match library {
            Library::OnnxRuntime(runtime) => {
                let session = open_ort(&runtime.environment, path, threads)?;
                let takes = session.inputs().iter().map(ort::value::Outlet::name).eq([signature.input]);
                let gives = session.outputs().iter().any(|output| output.name() == OUTPUT);
                if takes && gives { Ok(Self::Ort(session)) } else { Err(wrong_signature(signature)) }
            }
            Library::Tract { .. } => Ok(Self::Tract(open_tract(path, signature)?)),
        }
    }

    /// The output's values, in order.
    pub(super) fn run(&mut self, signature: &Signature, input: Input) -> Result<Vec<f32>, Cause> {
        let shape = signature.shape.as_slice();
        match self {
            Self::Ort(session) => {
                let input = match input {
                    Input::Floats(values) => OrtTensor::from_array((shape, values))?.into_dyn(),
                    Input::Integers(values) => OrtTensor::from_array((shape, values))?.into_dyn(),
                };
                let outputs = session.run(ort::inputs![signature.input => input])?;
                Ok(outputs[OUTPUT].try_extract_tensor::<f32>()?.1.to_vec())
            }
            Self::Tract(plan) => {
                let input = match input {
                    Input::Floats(values) => Tensor::from_shape(shape, &values),
                    Input::Integers(values) => Tensor::from_shape(shape, &values),
                };
                let run = || plan.run(tvec!(input?.into()));
                let outputs = run().map_err(readable)?;
                let output = outputs.first().ok_or("no output")?;
                Ok(output.to_plain_array_view::<f32>().map_err(readable)?.iter().copied().collect())
            }
        }
    }
}

fn open_ort(environment: &Environment, path: &Path, threads: Option<NonZeroU32>) -> ort::Result<OrtSession> {
    let mut builder = OrtSession::builder(environment)?;
    builder = builder.with_optimization_level(GraphOptimizationLevel::All)?;
    // Threads spin within a run, which is worth a sixth of its time, and no longer: the cores are the language model's then.
    builder = builder.with_config_entry("session.force_spinning_stop", "1")?;
    if let Some(threads) = threads {
        builder = builder.with_intra_threads(threads.get() as usize)?;
    }
    builder.commit_from_file(path)
}

/// The shape is fixed before optimising: tract then folds all that depends on it, and some graphs of free batch size,
/// such as SigLIP's pooling head, it can't optimise at all.
fn open_tract(path: &Path, signature: &Signature) -> Result<Arc<TypedRunnableModel>, Cause> {
    let model = tract_onnx::onnx().model_for_path(path).map_err(readable)?;
    if !has_signature(&model, signature).map_err(readable)? {
        return Err(wrong_signature(signature));
    }
    let element = if signature.integers { DatumType::I64 } else { DatumType::F32 };
    let optimise = || {
        let model = model.with_input_fact(0, element.fact(&signature.shape).into())?;
        model.into_optimized()?.into_runnable()
    };
    optimise().map_err(readable)
}

fn has_signature(model: &InferenceModel, signature: &Signature) -> TractResult<bool> {
    let [input] = model.input_outlets()? else { return Ok(false) };
    let [output] = model.output_outlets()? else { return Ok(false) };
    Ok(model.node(input.node).name == signature.input && model.outlet_label(*output) == Some(OUTPUT))
}

fn wrong_signature(signature: &Signature) -> Cause {
    format!("the model doesn't take `{}` and give `{OUTPUT}`", signature.input).into()
}

/// tract's errors are chains whose end says what is wrong.
fn readable(error: tract_onnx::prelude::TractError) -> Cause {
    format!("{error:#}").into()
}
