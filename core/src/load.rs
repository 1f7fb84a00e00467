//! Which backend serves which trait. The only place where the runtime meets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::bundle::Bundle;
#[cfg(feature = "llama")]
use crate::bundle::Role;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::pipeline::{Encoders, Language};
use crate::runtime::OpenOptions;

/// Both towers and the head; each is read from disk when it is first needed.
#[cfg(feature = "onnx")]
pub(crate) fn encoders(bundle: &Bundle, options: &OpenOptions) -> Result<Encoders> {
    use crate::backend::{OnnxEncoders, OnnxOptions};

    let wanted = OnnxOptions { threads: options.threads, ..OnnxOptions::default() };
    let models = Arc::new(OnnxEncoders::open_with(bundle, &wanted)?);
    let backend = models.backend_name().to_owned();
    let (image, text, head) = (Arc::clone(&models), Arc::clone(&models), Arc::clone(&models));
    let counted = Arc::clone(&models);
    let warm_up = Box::new(move |modality| models.warm_up(modality));
    let memory = Box::new(move || encoder_memory(counted.loaded_bytes()));
    Ok(Encoders { image, text, head, warm_up, memory, backend })
}

/// The language model with its vision tower; loading ends early when `cancel` is set. `encoders` are the bytes that the
/// encoders take by now.
#[cfg(feature = "llama")]
pub(crate) fn language(
    bundle: &Bundle,
    options: &OpenOptions,
    encoders: u64,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Language> {
    use crate::backend::{LlamaGenerator, LlamaOptions};

    let OpenOptions { threads, gpu_layers, .. } = *options;
    let wanted = LlamaOptions {
        threads,
        gpu_layers,
        memory: room(bundle, options, encoders),
        state: options.state.clone(),
        progress: progress.clone(),
        cancel: cancel.clone(),
        ..LlamaOptions::default()
    };
    let generator = LlamaGenerator::open(bundle, wanted)?;
    let (device, cpu_reason, gauge) = (generator.device().to_owned(), generator.cpu_reason(), generator.memory_gauge());
    let reads_ahead = generator.leaves_cores();
    Ok(Language { generator: Arc::new(generator), device, cpu_reason, reads_ahead, memory: Box::new(gauge) })
}

/// Bytes that the language model may take beside the encoders: of what the host allows, and of what the device has left.
#[cfg(feature = "llama")]
fn room(bundle: &Bundle, options: &OpenOptions, encoders: u64) -> Option<u64> {
    let roles = [Role::ImageEncoder, Role::TextEncoder, Role::Head, Role::Tokenizer];
    let all_encoders = encoder_memory(roles.map(|role| bundle.size(role)).iter().sum());
    let missing = all_encoders.saturating_sub(encoders);
    let left = crate::memory::available().map(|free| free.saturating_sub(missing));
    let others = all_encoders.saturating_add(options.embedding_cache as u64);
    let allowed = options.memory_budget.map(|budget| budget.saturating_sub(others));
    left.into_iter().chain(allowed).min()
}

/// Bytes in memory of encoders whose files have so many: their weights once more where a runtime rearranges them, and what
/// it computes in. Measured in `core/docs/BENCHMARKS.md`.
#[cfg(any(feature = "onnx", feature = "llama"))]
fn encoder_memory(file_bytes: u64) -> u64 {
    file_bytes.saturating_add(file_bytes / 2)
}

/// How far a model is loaded; clones speak of the same load.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU32>);

impl Progress {
    /// The share that is loaded, 0 to 1.
    pub fn share(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// It is loaded so far.
    #[cfg(feature = "llama")]
    pub(crate) fn set(&self, share: f32) {
        self.0.store(share.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }
}

#[cfg(any(feature = "onnx", feature = "llama"))]
pub(crate) use crate::backend::return_freed_memory;

/// Without models there is nothing to return.
#[cfg(not(any(feature = "onnx", feature = "llama")))]
pub(crate) fn return_freed_memory() {}

/// Whether the language model may come to run on a GPU.
pub(crate) fn may_use_gpu(options: &OpenOptions) -> bool {
    gpu_built_in() && options.gpu_layers != Some(0)
}

#[cfg(feature = "llama")]
fn gpu_built_in() -> bool {
    crate::backend::GPU_BUILT_IN
}

#[cfg(not(feature = "llama"))]
fn gpu_built_in() -> bool {
    false
}

#[cfg(feature = "llama")]
pub use crate::backend::devices;

/// This build has no language model.
#[cfg(not(feature = "llama"))]
pub fn devices(_: Option<&std::path::Path>) -> Result<Vec<crate::device::Device>> {
    Err(left_out("llama"))
}

/// This build has no encoders.
#[cfg(not(feature = "onnx"))]
pub(crate) fn encoders(_: &Bundle, _: &OpenOptions) -> Result<Encoders> {
    Err(left_out("onnx"))
}

/// This build has no language model.
#[cfg(not(feature = "llama"))]
pub(crate) fn language(_: &Bundle, _: &OpenOptions, _: u64, _: &Progress, _: &CancelToken) -> Result<Language> {
    Err(left_out("llama"))
}

#[cfg(not(all(feature = "onnx", feature = "llama")))]
fn left_out(feature: &str) -> crate::error::Error {
    let message = format!("this build has no models: it was built without the cargo feature `{feature}`");
    crate::error::Error::new(crate::error::ErrorKind::Internal, message)
}
