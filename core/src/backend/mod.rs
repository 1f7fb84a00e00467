//! What runs the models: ONNX Runtime or tract for the retrieval towers, llama.cpp for the language model.
//!
//! Nothing in the pipeline imports these; it knows the traits of [`crate::model`] only.

#[cfg(feature = "llama")]
mod llama;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(any(feature = "llama", test))]
mod schema;

#[cfg(feature = "llama")]
pub use llama::{LlamaGenerator, LlamaOptions, Probe};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxEncoders, OnnxLibrary, OnnxOptions};
