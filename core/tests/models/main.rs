//! The rooms that run models: parity with what the models were trained with (Pillow, Hugging Face, PyTorch), and replies that
//! keep their form whatever a model says.
//!
//! `tools/train` writes the golden files (`python -m crane_train golden`); reading them needs no Python.

#[cfg(feature = "llama")]
mod generation;
#[cfg(any(feature = "vulkan", feature = "cuda", feature = "metal", feature = "opencl"))]
mod gpu;
mod images;
#[cfg(feature = "llama")]
mod language;
#[cfg(feature = "llama")]
mod small;
#[cfg(feature = "onnx")]
mod towers;

use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[cfg(any(feature = "onnx", feature = "llama"))]
fn golden_json(name: &str) -> serde_json::Value {
    let text = fs::read_to_string(golden(name)).expect("a golden file");
    serde_json::from_str(&text).expect("golden JSON")
}

fn golden_floats(name: &str) -> Vec<f32> {
    let bytes = fs::read(golden(name)).expect("a golden file");
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect()
}

fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, |most, d| if d.is_nan() { f32::NAN } else { most.max(d) })
}

/// The bundle in the repository, which the golden vectors of the towers belong to.
#[cfg(any(feature = "onnx", feature = "llama"))]
fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny")
}
