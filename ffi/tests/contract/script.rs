//! The scripts, and the values in them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One script.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) steps: Vec<Value>,
    /// Whether a model is loaded at any step.
    pub(crate) models: bool,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every script of `tests/contract` that this build can run.
pub(crate) fn all() -> Vec<Script> {
    let folder = root().join("tests/contract");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    let has_models = cfg!(all(feature = "onnx", feature = "llama"));
    files.iter().map(|file| read(file)).filter(|script| has_models || !script.models).collect()
}

fn read(file: &Path) -> Script {
    let script: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let steps = script["steps"].as_array().unwrap().clone();
    let models = script["models"].as_bool().unwrap_or(true);
    Script { name: file.file_stem().unwrap().to_string_lossy().into_owned(), steps, models }
}

/// A text: as it stands, generated, or raw bytes. None: null, or not there.
pub(crate) fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        generated => Some(match generated["hex"].as_str() {
            Some(hex) => unhex(hex),
            None => generated["repeat"].as_str().unwrap().repeat(times(generated)).into_bytes(),
        }),
    }
}

/// A photo's bytes.
pub(crate) fn photo(value: &Value) -> Vec<u8> {
    match value {
        Value::String(path) => std::fs::read(root().join(path)).unwrap(),
        generated => vec![byte(generated); times(generated)],
    }
}

pub(crate) fn byte(generated: &Value) -> u8 {
    u8::try_from(generated["bytes"].as_u64().unwrap()).unwrap()
}

pub(crate) fn times(generated: &Value) -> usize {
    usize::try_from(generated["times"].as_u64().unwrap()).unwrap()
}

/// A number that fits 32 bits; 0 where there is none.
pub(crate) fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap_or(0)).unwrap()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
