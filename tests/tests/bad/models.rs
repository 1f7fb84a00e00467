//! Model bundles that are missing, cut short, altered, or not those the library was written with.

use std::fs;
use std::path::Path;

use crane_tests::{Bench, copy_of_models};

const FACT: &str = "The charge is a lion.";
const ROLES: [&str; 6] = ["language", "vision", "image_encoder", "text_encoder", "head", "tokenizer"];

/// A bench whose library holds one fact, and a copy of its models to damage.
fn bench() -> (Bench, std::path::PathBuf) {
    let bench = Bench::new();
    bench.add_fact(FACT);
    let models = copy_of_models(bench.dir());
    (bench, models)
}

fn manifest(models: &Path) -> toml::Table {
    let text = fs::read_to_string(models.join("bundle.toml")).expect("the manifest");
    text.parse().expect("the manifest is TOML")
}

fn write_manifest(models: &Path, manifest: &toml::Table) {
    fs::write(models.join("bundle.toml"), manifest.to_string()).expect("the temporary folder is writable");
}

fn file_of(models: &Path, role: &str) -> std::path::PathBuf {
    models.join(manifest(models)["files"][role]["file"].as_str().expect("every role has a file"))
}

/// Asking with these models fails with this kind, and the library is as it was for those who have good models.
#[track_caller]
fn refused(bench: Bench, models: &Path, kind: &str) -> (Bench, String) {
    let bench = bench.with_models(models.to_path_buf());
    let message = bench.crane(&["ask", "Which charge?"]).fails(kind);
    bench.crane(&["fact", "add", "--statement", "The field is azure."]).fails(kind);
    let bench = bench.with_models(crane_tests::models());
    assert_eq!(bench.facts(), 1);
    (bench, message)
}

#[test]
fn a_missing_file() {
    let (mut bench, models) = bench();
    for role in ROLES {
        let file = file_of(&models, role);
        let bytes = fs::read(&file).expect("a model file");
        fs::remove_file(&file).expect("the temporary folder is writable");
        let message;
        (bench, message) = refused(bench, &models, "model_missing");
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert!(message.contains(&name), "the message names the file: {message}");
        fs::write(&file, bytes).expect("the temporary folder is writable");
    }
}

#[test]
fn a_file_cut_short_or_altered() {
    let (mut bench, models) = bench();
    for role in ROLES {
        let file = file_of(&models, role);
        let bytes = fs::read(&file).expect("a model file");
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        for damaged in [&bytes[..bytes.len() / 2], &[], &flipped] {
            fs::write(&file, damaged).expect("the temporary folder is writable");
            bench = refused(bench, &models, "model_corrupt").0;
            bench.command();
            let verify = Bench::new().with_models(models.clone()).crane(&["bundle", "verify"]);
            verify.fails("model_corrupt");
        }
        fs::write(&file, bytes).expect("the temporary folder is writable");
    }
    bench.with_models(models).crane(&["bundle", "verify"]).ok();
}

#[test]
fn no_models_at_all() {
    let (bench, models) = bench();
    let (bench, message) = refused(bench, &models.join("nowhere"), "model_missing");
    assert!(message.contains("bundle.toml") || message.contains("bundle"), "{message}");
    fs::remove_file(models.join("bundle.toml")).expect("the temporary folder is writable");
    refused(bench, &models, "model_missing");
}

#[test]
fn a_manifest_that_is_none() {
    let (mut bench, models) = bench();
    for text in ["", "format = 1", "format = \"one\"", "\u{0}\u{1}", "[files\n"] {
        fs::write(models.join("bundle.toml"), text).expect("the temporary folder is writable");
        bench = refused(bench, &models, "model_corrupt").0;
    }
}

#[test]
fn a_manifest_from_the_future_or_with_paths_that_lead_out() {
    let (bench, models) = bench();
    let good = manifest(&models);

    let mut future = good.clone();
    future["format"] = toml::Value::Integer(99);
    write_manifest(&models, &future);
    let (mut bench, _) = refused(bench, &models, "model_corrupt");

    for path in ["../language.gguf", "/etc/passwd", "a/b.gguf", ""] {
        let mut outside = good.clone();
        outside["files"]["language"]["file"] = toml::Value::String(path.to_owned());
        write_manifest(&models, &outside);
        bench = refused(bench, &models, "model_corrupt").0;
    }
}

#[test]
fn dimensions_that_disagree_with_the_library() {
    let (bench, models) = bench();
    let mut other = manifest(&models);
    let raw_dim = other["encoder"]["raw_dim"].as_integer().expect("a number");
    other["encoder"]["raw_dim"] = toml::Value::Integer(raw_dim * 2);
    write_manifest(&models, &other);
    let (_, message) = refused(bench, &models, "fingerprint_mismatch");
    assert!(message.contains("embed"), "the message says what to do: {message}");
}

#[test]
fn other_preprocessing_than_the_librarys() {
    let (bench, models) = bench();
    let mut other = manifest(&models);
    let length = other["encoder"]["text_length"].as_integer().expect("a number");
    other["encoder"]["text_length"] = toml::Value::Integer(length + 1);
    write_manifest(&models, &other);
    refused(bench, &models, "fingerprint_mismatch");
}
