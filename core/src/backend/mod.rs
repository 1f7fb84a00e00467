//! What runs the models: ONNX Runtime or tract for the retrieval towers, llama.cpp for the language model.
//!
//! Nothing in the pipeline imports these; it knows the traits of [`crate::model`] only.

#[cfg(any(feature = "llama", test))]
mod broken;
#[cfg(any(feature = "llama", test))]
mod cost;
#[cfg(feature = "llama")]
mod llama;
#[cfg(any(feature = "llama", test))]
mod lookup;
#[cfg(any(feature = "llama", test))]
mod margin;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(any(feature = "llama", test))]
mod sample;
#[cfg(any(feature = "llama", test))]
mod schema;

#[cfg(feature = "llama")]
pub(crate) use llama::GPU_BUILT_IN;
#[cfg(feature = "llama")]
pub use llama::{Guessing, LlamaGenerator, LlamaOptions, Probe, Scripted, devices};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxEncoders, OnnxLibrary, OnnxOptions};

/// Hands pages that hold nothing any more back to the system. glibc keeps what threads that have ended had freed: after 24
/// loads of the tiny models 82 MiB stay in memory without this, and 38 to 60 with it. Other allocators do it by themselves.
#[cfg(any(feature = "llama", feature = "onnx"))]
pub(crate) fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a function of the C library")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: glibc's own declaration; it takes the allocator's locks and touches only what is free.
        unsafe { malloc_trim(0) };
    }
}
