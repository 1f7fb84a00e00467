//! Which backend serves which trait. The only place where the runtime meets them.

use crate::bundle::Bundle;
use crate::cancel::CancelToken;
use crate::error::Result;
use crate::pipeline::{Encoders, Language};
use crate::runtime::OpenOptions;

/// Both towers and the head; each is read from disk when it is first needed.
#[cfg(feature = "onnx")]
pub(crate) fn encoders(bundle: &Bundle, options: &OpenOptions) -> Result<Encoders> {
    use std::sync::Arc;

    use crate::backend::{OnnxEncoders, OnnxOptions};

    let wanted = OnnxOptions { threads: options.threads, ..OnnxOptions::default() };
    let models = Arc::new(OnnxEncoders::open_with(bundle, &wanted)?);
    let backend = models.backend_name().to_owned();
    let (image, text, head) = (Arc::clone(&models), Arc::clone(&models), Arc::clone(&models));
    let warm_up = Box::new(move |modality| models.warm_up(modality));
    Ok(Encoders { image, text, head, warm_up, backend })
}

/// The language model with its vision tower; loading ends early when `cancel` is set.
#[cfg(feature = "llama")]
pub(crate) fn language(bundle: &Bundle, options: &OpenOptions, cancel: &CancelToken) -> Result<Language> {
    use std::sync::Arc;

    use crate::backend::{LlamaGenerator, LlamaOptions};

    let OpenOptions { threads, gpu_layers, .. } = *options;
    let generator = LlamaGenerator::open(bundle, LlamaOptions { threads, gpu_layers, cancel: cancel.clone() })?;
    let device = generator.device().to_owned();
    let on_gpu = generator.is_on_gpu();
    Ok(Language { generator: Arc::new(generator), device, on_gpu })
}

/// Whether the language model may come to run on a GPU.
pub(crate) fn may_use_gpu(options: &OpenOptions) -> bool {
    let built_in = cfg!(any(feature = "vulkan", feature = "cuda", feature = "metal", feature = "opencl"));
    // The bindings bring Metal along there.
    let built_in = built_in || cfg!(all(feature = "llama", target_os = "macos", target_arch = "aarch64"));
    built_in && options.gpu_layers != Some(0)
}

/// This build has no encoders.
#[cfg(not(feature = "onnx"))]
pub(crate) fn encoders(_: &Bundle, _: &OpenOptions) -> Result<Encoders> {
    Err(left_out("onnx"))
}

/// This build has no language model.
#[cfg(not(feature = "llama"))]
pub(crate) fn language(_: &Bundle, _: &OpenOptions, _: &CancelToken) -> Result<Language> {
    Err(left_out("llama"))
}

#[cfg(not(all(feature = "onnx", feature = "llama")))]
fn left_out(feature: &str) -> crate::error::Error {
    let message = format!("this build has no models: it was built without the cargo feature `{feature}`");
    crate::error::Error::new(crate::error::ErrorKind::Internal, message)
}
