//! The text tower's tokenizer, and the towers and the head by tract and by ONNX Runtime, against Hugging Face and PyTorch.

use std::fs;
use std::io::Write;

use crane_core::backend::{OnnxEncoders, OnnxLibrary, OnnxOptions};
use crane_core::bundle::Bundle;
use crane_core::image::Rgb;
use crane_core::model::{ImageEncoder, Projection, TextEncoder};
use crane_core::{Embedding, RawEmbedding};
use serde_json::Value;

use crate::{golden, golden_json, greatest_difference, tiny};

fn encoders(library: OnnxLibrary) -> OnnxEncoders {
    let bundle = Bundle::open(&tiny()).expect("the tiny bundle");
    OnnxEncoders::open_with(&bundle, &OnnxOptions { library, threads: None }).expect("opens")
}

#[test]
fn token_ids_are_hugging_faces() {
    let encoders = encoders(OnnxLibrary::Tract);
    for row in golden_json("tokenizer.json").as_array().expect("rows") {
        let text = row["text"].as_str().expect("a text");
        let ids: Vec<_> = row["ids"].as_array().expect("ids").iter().map(|id| id.as_i64().expect("an id")).collect();
        assert_eq!(encoders.token_ids(text).expect("tokenises"), ids, "{text:?}");
    }
}

#[test]
fn tract_agrees_with_pytorch() {
    let tract = encoders(OnnxLibrary::Tract);
    assert_eq!(tract.backend_name(), "tract");
    assert_close("tract and PyTorch", &embed_all(&tract), &by_pytorch(), 1e-4);
}

#[test]
fn onnx_runtime_agrees_with_pytorch_and_tract() {
    let runtime = encoders(OnnxLibrary::Search);
    if runtime.backend_name().starts_with("tract") {
        // Straight to the stream: a skipped test must be seen though it passes.
        let _ = writeln!(std::io::stderr(), "skipped: no ONNX Runtime library found; name one in ORT_DYLIB_PATH");
        return;
    }
    let vectors = embed_all(&runtime);
    assert_close("ONNX Runtime and PyTorch", &vectors, &by_pytorch(), 1e-4);
    assert_close("ONNX Runtime and tract", &vectors, &embed_all(&encoders(OnnxLibrary::Tract)), 1e-3);
}

/// Raw and projected vectors of everything that has golden ones.
fn embed_all(encoders: &OnnxEncoders) -> Vec<Vec<f32>> {
    let rows = golden_json("encoders.json");
    let images = rows["images"].as_array().expect("images").iter().map(|row| {
        let bytes = fs::read(golden(row["file"].as_str().expect("a file"))).expect("a golden picture");
        encoders.embed_image(&Rgb::decode(&bytes).expect("decodes")).expect("embeds")
    });
    let texts = rows["texts"]
        .as_array()
        .expect("texts")
        .iter()
        .map(|row| encoders.embed_text(row["text"].as_str().expect("a text")).expect("embeds"));
    images.chain(texts).flat_map(|raw| with_projection(encoders, raw)).collect()
}

fn with_projection(encoders: &OnnxEncoders, raw: RawEmbedding) -> [Vec<f32>; 2] {
    let Embedding(projected) = encoders.project(&raw).expect("projects");
    [raw.0, projected.to_vec()]
}

fn by_pytorch() -> Vec<Vec<f32>> {
    let rows = golden_json("encoders.json");
    let rows = ["images", "texts"].iter().flat_map(|kind| rows[kind].as_array().expect("rows"));
    rows.flat_map(|row| ["raw", "projected"].map(|name| floats(&row[name]))).collect()
}

fn floats(values: &Value) -> Vec<f32> {
    values.as_array().expect("a vector").iter().map(|value| value.as_f64().expect("a number") as f32).collect()
}

fn assert_close(what: &str, a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        let difference = greatest_difference(a, b);
        assert!(difference <= tolerance, "{what}: vector {index} differs by {difference}");
    }
}
