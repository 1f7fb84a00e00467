//! The text tower's tokenizer, and the towers and the head by ONNX Runtime and by tract, against Hugging Face and
//! PyTorch.
//!
//! A process has one implementation of ONNX, so each runs in a child: this test program again, asked for one ignored
//! test.

use std::fs;
use std::io::Write;
use std::process::Command;

use crane_core::backend::{OnnxEncoders, OnnxLibrary, OnnxOptions};
use crane_core::bundle::Bundle;
use crane_core::image::Rgb;
use crane_core::model::{ImageEncoder, Projection, TextEncoder};
use crane_core::{Embedding, RawEmbedding};
use serde_json::{Value, json};

use crate::{golden, golden_json, greatest_difference, tiny};

/// Tells the child which implementation to use.
const LIBRARY: &str = "CRANE_PARITY_LIBRARY";
/// Begins the child's one line of results.
const RESULT: &str = "parity-result ";

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

/// The child: embeds everything that has a golden vector.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn child() {
    let library = match std::env::var(LIBRARY).expect("the parent names a library").as_str() {
        "tract" => OnnxLibrary::Tract,
        _ => OnnxLibrary::Search,
    };
    let encoders = encoders(library);
    let golden_rows = golden_json("encoders.json");
    let mut rows = Vec::new();
    for row in golden_rows["images"].as_array().expect("images") {
        let bytes = fs::read(golden(row["file"].as_str().expect("a file"))).expect("a golden picture");
        let raw = encoders.embed_image(&Rgb::decode(&bytes).expect("decodes")).expect("embeds");
        rows.push(vectors(&encoders, &raw));
    }
    for row in golden_rows["texts"].as_array().expect("texts") {
        let raw = encoders.embed_text(row["text"].as_str().expect("a text")).expect("embeds");
        rows.push(vectors(&encoders, &raw));
    }
    let result = json!({ "backend": encoders.backend_name(), "rows": rows });
    writeln!(std::io::stdout(), "\n{RESULT}{result}").expect("the parent reads");
}

fn vectors(encoders: &OnnxEncoders, raw: &RawEmbedding) -> Value {
    let Embedding(projected) = encoders.project(raw).expect("projects");
    json!({ "raw": raw.0, "projected": projected.to_vec() })
}

/// What the named implementation gives: its name, and raw and projected vectors row by row.
fn embedded_by(library: &str) -> (String, Vec<Vec<f32>>) {
    let program = std::env::current_exe().expect("this test program");
    let child = Command::new(program)
        .args(["--exact", "towers::child", "--ignored", "--nocapture"])
        .env(LIBRARY, library)
        .output()
        .expect("the child starts");
    let output = String::from_utf8_lossy(&child.stdout);
    let line = output.lines().find_map(|line| line.strip_prefix(RESULT));
    let line = line.unwrap_or_else(|| panic!("{output}{}", String::from_utf8_lossy(&child.stderr)));
    let result: Value = serde_json::from_str(line).expect("the child's JSON");
    let rows = result["rows"].as_array().expect("rows").iter().flat_map(both).collect();
    (result["backend"].as_str().expect("a name").to_owned(), rows)
}

fn both(row: &Value) -> [Vec<f32>; 2] {
    ["raw", "projected"].map(|name| {
        let values = row[name].as_array().expect("a vector");
        values.iter().map(|value| value.as_f64().expect("a number") as f32).collect()
    })
}

fn pytorchs() -> Vec<Vec<f32>> {
    let rows = golden_json("encoders.json");
    ["images", "texts"].iter().flat_map(|kind| rows[kind].as_array().expect("rows")).flat_map(both).collect()
}

fn assert_close(what: &str, a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        let difference = greatest_difference(a, b);
        assert!(difference <= tolerance, "{what}: vector {index} differs by {difference}");
    }
}

#[test]
fn tract_agrees_with_pytorch() {
    let (name, rows) = embedded_by("tract");
    assert_eq!(name, "tract");
    assert_close(&name, &rows, &pytorchs(), 1e-4);
}

#[test]
fn onnx_runtime_agrees_with_pytorch_and_tract() {
    let (name, rows) = embedded_by("search");
    if name.starts_with("tract") {
        // Straight to the stream: a skipped test must be seen though it passes.
        let _ = writeln!(std::io::stderr(), "skipped: no ONNX Runtime library found; name one in ORT_DYLIB_PATH");
        return;
    }
    assert_close(&name, &rows, &pytorchs(), 1e-4);
    assert_close("tract and ONNX Runtime", &rows, &embedded_by("tract").1, 1e-3);
}
