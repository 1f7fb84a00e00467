//! llama.cpp's logits against Hugging Face's, on a very small random Qwen2.5-VL in f32.

use std::fs;
use std::num::NonZeroU32;

use crane_core::backend::{LlamaGenerator, LlamaOptions, Probe};
use crane_core::bundle::LanguageSpec;
use crane_core::image::Rgb;
use crane_core::model::PromptPart;
use serde_json::Value;

use crate::{golden, golden_floats, golden_json, greatest_difference};

const TOLERANCE: f32 = 5e-3;

pub(crate) fn spec() -> LanguageSpec {
    LanguageSpec {
        context: 512,
        image_size: Some(112),
        min_tokens: None,
        max_tokens: None,
        thought_tokens: 16,
        answer_tokens: 8,
        temperature: 0.0,
        replies: Vec::new(),
    }
}

pub(crate) fn model() -> LlamaGenerator {
    let options = LlamaOptions { threads: NonZeroU32::new(1), gpu_layers: Some(0), ..LlamaOptions::default() };
    LlamaGenerator::open_files(&golden("lm/language-f32.gguf"), &golden("lm/vision-f32.gguf"), &spec(), options)
        .expect("loads")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

fn assert_last_logits(probe: &Probe, value: &Value) {
    let expected = golden_floats(text(value, "logits"));
    let difference = greatest_difference(probe.logits.last().expect("logits"), &expected);
    assert!(difference <= TOLERANCE, "differs by {difference}");
}

#[test]
fn text_logits() {
    let golden = &golden_json("lm.json")["text"];
    let probe = model().probe(&[PromptPart::Template(text(golden, "prompt"))]).expect("probes");
    let ids: Vec<_> = golden["ids"].as_array().expect("ids").iter().map(|id| id.as_i64().expect("an id")).collect();
    assert_eq!(probe.ids.iter().copied().map(i64::from).collect::<Vec<_>>(), ids);
    assert_last_logits(&probe, golden);
}

#[test]
fn image_logits() {
    let golden_image = &golden_json("lm.json")["image"];
    let bytes = fs::read(golden(text(golden_image, "file"))).expect("a golden picture");
    let photo = Rgb::decode(&bytes).expect("decodes");
    let parts = [
        PromptPart::Template(text(golden_image, "before")),
        PromptPart::Image(&photo),
        PromptPart::Template(text(golden_image, "after")),
    ];
    let model = model();
    let first = model.probe(&parts).expect("probes");
    assert_last_logits(&first, golden_image);
    // The second time the prompt's beginning is in the context already.
    let second = model.probe(&parts).expect("probes");
    assert_eq!(first.logits, second.logits);
}
