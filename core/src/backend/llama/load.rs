//! Loading: llama.cpp itself once per process, then model, vision tower and context.

use std::ffi::CString;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::mtmd::{MtmdContext, MtmdContextParams};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use super::gpu::Placement;
use super::{LlamaOptions, Settings};
use crate::error::{Error, ErrorKind, Result};

/// Most tokens decoded at once; cancelling waits for at most this many.
pub(super) const BATCH: u32 = 256;
/// Stands for the photo in what mtmd tokenises; no text of ours or a user's ever goes there.
pub(super) const MEDIA_MARKER: &str = "<crane-photo>";
/// Beyond this many threads a phone's or a laptop's slow cores hold the fast ones up.
const MOST_THREADS: u32 = 8;

/// llama.cpp, initialised on first use and kept for the life of the process. Its logs, which hold file names and
/// figures but no prompts, go to `tracing`.
pub(super) fn llama() -> Result<&'static LlamaBackend> {
    static LLAMA: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = LLAMA.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default());
        LlamaBackend::init().map_err(|e| e.to_string())
    });
    backend.as_ref().map_err(|e| Error::new(ErrorKind::Internal, format!("llama.cpp can't start: {e}")))
}

/// Keeps llama.cpp's hands off GPUs whose drivers crash as soon as they are touched. Only before [`llama`] is first called.
#[expect(unsafe_code, reason = "the environment is the only way to tell llama.cpp this early")]
pub(super) fn without_gpu() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: a thread that reads the environment in C at this very moment races with this, on systems whose `setenv`
    // takes no lock. It happens once, and only where touching the GPU has ended an earlier process: the other way is a
    // certain crash. Rust's own readers are locked out by the standard library.
    ONCE.call_once(|| unsafe { std::env::set_var("GGML_DISABLE_VULKAN", "1") });
}

pub(super) fn model(llama: &LlamaBackend, settings: &Settings, place: &Placement) -> Result<LlamaModel> {
    let Settings { language: path, options, .. } = settings;
    let (cancel, progress) = (options.cancel.clone(), options.progress.clone());
    let devices: Vec<usize> = place.gpu.iter().map(|(index, _)| *index).collect();
    // Without a list llama.cpp would take every GPU, if only for large batches.
    let params = LlamaModelParams::default().with_devices(&devices);
    let params = params.map_err(|e| Error::new(ErrorKind::Internal, "the GPU is gone").with_source(e))?;
    let params = params.with_n_gpu_layers(place.plan.gpu_layers).with_progress_callback(move |share| {
        progress.set(share);
        !cancel.is_cancelled()
    });
    utf8(path)?;
    LlamaModel::load_from_file(llama, path, &params).map_err(|e| {
        let cancelled = options.cancel.check();
        cancelled.err().unwrap_or_else(|| refused(path, "language model").with_source(e))
    })
}

pub(super) fn vision(model: &LlamaModel, settings: &Settings, place: &Placement) -> Result<MtmdContext> {
    let Settings { vision: path, image, options, .. } = settings;
    let (min_tokens, max_tokens) = image.token_limits();
    let params = MtmdContextParams {
        use_gpu: place.gpu.is_some() && place.plan.vision_on_gpu,
        print_timings: false,
        n_threads: threads(options) as i32,
        media_marker: CString::new(MEDIA_MARKER).expect("the marker holds no zero byte"),
        image_min_tokens: min_tokens as i32,
        image_max_tokens: max_tokens as i32,
    };
    let refused = || refused(path, "vision tower of this language model");
    let vision = MtmdContext::init_from_file(utf8(path)?, model, &params).map_err(|e| refused().with_source(e))?;
    if vision.support_vision() { Ok(vision) } else { Err(refused()) }
}

pub(super) fn context<'m>(
    llama: &LlamaBackend,
    model: &'m LlamaModel,
    settings: &Settings,
) -> Result<LlamaContext<'m>> {
    let threads = threads(&settings.options) as i32;
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(settings.context))
        .with_n_batch(BATCH)
        .with_n_ubatch(BATCH)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    model.new_context(llama, params).map_err(|e| {
        let message = format!("not enough memory for a context of {} tokens", settings.context);
        Error::new(ErrorKind::OutOfMemory, message).with_source(e)
    })
}

/// Computes one token and forgets it: drivers compile their programs now, and those that crash do it here.
pub(super) fn try_out(context: &mut LlamaContext<'_>) -> Result<()> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Internal, "the GPU failed to compute a first token").with_source(e)
    };
    let mut batch = LlamaBatch::new(1, 1);
    batch.add(LlamaToken(0), 0, &[0], true).map_err(|e| failed(e.into()))?;
    context.decode(&mut batch).map_err(|e| failed(e.into()))?;
    context.clear_kv_cache();
    Ok(())
}

pub(super) fn threads(options: &LlamaOptions) -> u32 {
    options.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, |n| (n.get() as u32).min(MOST_THREADS)),
        NonZeroU32::get,
    )
}

/// What computes, for people.
pub(super) fn device(options: &LlamaOptions, place: &Placement) -> String {
    match (&place.gpu, threads(options)) {
        (Some((_, gpu)), _) => gpu.clone(),
        (None, 1) => "CPU, 1 thread".to_owned(),
        (None, threads) => format!("CPU, {threads} threads"),
    }
}

/// llama.cpp takes paths as UTF-8.
fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{} is no UTF-8: put the bundle elsewhere", path.display()))
    })
}

fn refused(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::ModelCorrupt,
        format!("{} can't be loaded as the {what}: install the bundle again", path.display()),
    )
}
