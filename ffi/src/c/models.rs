//! What the models are, and what they can compute on: nothing is loaded for it.

use std::ffi::c_char;

use super::args::{place, text};
use super::runtime::{Crane, runtime};
use super::status::guard;
use super::text::{Text, hand_out};

/// What the models are, without loading them.
///
/// @param out Set to JSON `{"name": …, "version": …, "description": …, "licence": …, "context": tokens, "language": model,
///            "vision": model, "encoder_bytes": …}`, where a model is `{"architecture": …, "name": …, "parameters": …,
///            "quantisation": …, "bits_per_weight": …, "layers": …, "width": …, "feed_forward": …, "heads": …, "kv_heads": …,
///            "key_width": …, "value_width": …, "trained_context": …, "vocabulary": …, "bytes": …}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_model_info(crane: *const Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &runtime(crane)?.model_info()?)
    })
}

/// What the language model can compute on; GPUs that crashed an earlier start are left alone and missing.
///
/// @param out Set to a JSON array of `{"name": …, "description": …, "backend": …, "kind": "cpu", "gpu" or "integrated_gpu",
///            "memory_total": bytes, "memory_free": bytes}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_devices(crane: *const Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &runtime(crane)?.devices()?)
    })
}

/// Forgets that a GPU has crashed, so that the next start tries it again.
///
/// @param state The folder that `crane_options` names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_forget_gpu_crash(state: *const c_char) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| crane_core::forget_gpu_crash(unsafe { text("state's folder", state) }?.as_ref()))
}
