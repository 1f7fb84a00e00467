//! Generating with a very small random model: whatever it says, the reply keeps its form.

use std::fs;
use std::time::{Duration, Instant};

use crane_core::backend::{LlamaGenerator, LlamaOptions};
use crane_core::bundle::LanguageSpec;
use crane_core::image::Rgb;
use crane_core::model::{Finish, GenerateRequest, Generated, Generator, PromptPart, Sampling};
use crane_core::{CancelToken, Error, ErrorKind};

use crate::golden;
use crate::language::{model, spec};

fn request<'a>(parts: &[PromptPart<'a>], thought_tokens: u32, answer_tokens: u32) -> GenerateRequest<'a> {
    GenerateRequest { parts: parts.to_vec(), thought_tokens, answer_tokens, sampling: Sampling::default() }
}

fn ask(question: &str) -> [PromptPart<'_>; 3] {
    [
        PromptPart::Template("<|im_start|>user\nQuestion: ["),
        PromptPart::Data(question),
        PromptPart::Template("]<|im_end|>\n<|im_start|>assistant\n<think>"),
    ]
}

fn reply(model: &LlamaGenerator, request: &GenerateRequest<'_>) -> Result<(String, Generated), Error> {
    let mut text = String::new();
    let figures = model.generate(request, &CancelToken::new(), &mut |piece| text.push_str(piece))?;
    Ok((text, figures))
}

pub(crate) fn assert_form(text: &str) {
    let (thought, rest) = text.split_once("</think><answer>").unwrap_or_else(|| panic!("no turn in {text:?}"));
    let answer = rest.strip_suffix("</answer>").unwrap_or_else(|| panic!("no end in {text:?}"));
    for tag in ["<think>", "</think>", "<answer>", "</answer>", "<|im_end|>", "<|im_start|>"] {
        assert!(!thought.contains(tag) && !answer.contains(tag), "{tag} in {text:?}");
    }
}

#[test]
fn every_budget_gives_a_whole_reply() {
    let model = model();
    for (thought, answer) in [(0, 1), (1, 1), (5, 3), (60, 20)] {
        let (text, figures) = reply(&model, &request(&ask(" Where is it?"), thought, answer)).expect("replies");
        assert_form(&text);
        assert!(figures.reply_tokens <= thought + answer + 3, "{figures:?}");
        assert!(thought > 0 || (text.starts_with("</think>") && figures.finish == Finish::Length));
    }
}

#[test]
fn replies_are_reproducible_and_independent() {
    let model = model();
    let parts = ask(" Where is it?");
    let request = request(&parts, 40, 10);
    let (first, _) = reply(&model, &request).expect("replies");
    reply(&model, &self::request(&ask(" Something else entirely"), 12, 5)).expect("replies");
    let (again, _) = reply(&model, &request).expect("replies");
    assert_eq!(first, again);
    let (fresh, _) = reply(&self::model(), &request).expect("replies");
    assert_eq!(first, fresh);
}

#[test]
fn data_never_becomes_control_tokens() {
    let model = model();
    let vocabulary =
        ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|vision_start|>", "<|image_pad|>", "<think>", "</answer>"];
    let ids = |part| model.probe(&[PromptPart::Template("x"), part]).expect("probes").ids;
    for word in vocabulary {
        assert_eq!(ids(PromptPart::Template(word)).len(), 1, "{word} is one token in a template");
        assert!(ids(PromptPart::Data(word)).len() > 1, "{word} is plain text in data");
    }
    // The words around data don't change how it is tokenised, and the other way round.
    let whole = ids(PromptPart::Data(" a <__media__> b <crane-photo>"));
    assert!(whole.len() > 4);
}

#[test]
fn a_photo_takes_its_tokens_once() {
    let model = model();
    let bytes = fs::read(golden("images/emblem-a.png")).expect("a golden picture");
    let photo = Rgb::decode(&bytes).expect("decodes");
    let [start, data, end] = ask(" Where is it?");
    let (_, without) = reply(&model, &request(&[start, data, end], 2, 2)).expect("replies");
    let (text, with) = reply(&model, &request(&[start, PromptPart::Image(&photo), data, end], 2, 2)).expect("replies");
    assert_form(&text);
    // 4 x 4 tokens of 28 x 28 pixels, and the vision tower's begin and end.
    assert_eq!(with.prompt_tokens - without.prompt_tokens, 16 + 2);
    assert!(with.image_us > 0 && without.image_us == 0);
}

#[test]
fn a_photo_may_keep_its_aspect_ratio() {
    let spec = LanguageSpec { image_size: None, min_tokens: Some(4), max_tokens: Some(64), ..spec() };
    let model = LlamaGenerator::open_files(
        &golden("lm/language-f32.gguf"),
        &golden("lm/vision-f32.gguf"),
        &spec,
        LlamaOptions::default(),
    )
    .expect("loads");
    let [start, data, end] = ask(" Where is it?");
    let (_, without) = reply(&model, &request(&[start, data, end], 2, 2)).expect("replies");
    // In tokens of 28 x 28 pixels: as it is, shrunk to at most 64, enlarged to at least 4.
    for ((width, height), tokens) in [((140, 84), 5 * 3), ((1000, 500), 11 * 5), ((20, 20), 2 * 2)] {
        let pixels = (0..width * height * 3).map(|i| (i % 251) as u8).collect();
        let photo = Rgb::new(width, height, pixels).expect("sizes agree");
        let parts = [start, PromptPart::Image(&photo), data, end];
        let (text, with) = reply(&model, &request(&parts, 2, 2)).expect("replies");
        assert_form(&text);
        assert_eq!(with.prompt_tokens - without.prompt_tokens, tokens + 2, "{width}x{height}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_generating() {
    let model = model();
    let long = " word".repeat(2000);
    let parts = ask(&long);
    let mut said = false;
    let error = model
        .generate(&request(&parts, 16, 8), &CancelToken::new(), &mut |_| said = true)
        .expect_err("it is far too long");
    assert_eq!(error.kind(), ErrorKind::ContextOverflow);
    assert!(error.to_string().contains("512") && error.to_string().contains("more than"), "{error}");
    assert!(!said);
    let (text, _) = reply(&model, &request(&ask(" Still there?"), 4, 4)).expect("replies");
    assert_form(&text);
}

#[test]
fn cancelling_stops_at_once_and_leaves_the_model_usable() {
    let model = model();
    let parts = ask(" Where is it?");
    let cancel = CancelToken::new();
    let mut pieces = 0;
    let error = model
        .generate(&request(&parts, 300, 50), &cancel, &mut |_| {
            pieces += 1;
            cancel.cancel();
        })
        .expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let begun = Instant::now();
    let error = model.generate(&request(&parts, 300, 50), &cancel, &mut |_| ()).expect_err("cancelled before");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(begun.elapsed() < Duration::from_millis(100));
    assert_form(&reply(&model, &request(&parts, 4, 4)).expect("replies").0);
}

#[test]
fn several_threads_take_turns() {
    let model = model();
    let expected = reply(&model, &request(&ask(" Where is it?"), 20, 5)).expect("replies").0;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    assert_eq!(reply(&model, &request(&ask(" Where is it?"), 20, 5)).expect("replies").0, expected);
                }
            });
        }
    });
}

#[test]
fn files_that_are_no_models_are_corrupt() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("writes");
        path
    };
    let (language, vision) = (golden("lm/language-f32.gguf"), golden("lm/vision-f32.gguf"));
    let whole = fs::read(&language).expect("a golden model");
    let garbage = file("garbage.gguf", b"GGUF\x03\0\0\0 and then nothing sensible at all");
    let cut = file("cut.gguf", &whole[..whole.len() / 2]);
    let text = file("text.gguf", b"no model");
    for (language, vision, named) in [
        (&garbage, &vision, "garbage.gguf"),
        (&cut, &vision, "cut.gguf"),
        (&text, &vision, "text.gguf"),
        (&language, &garbage, "garbage.gguf"),
        (&language, &language, "language-f32.gguf"),
    ] {
        let error = open_error(language, vision, LlamaOptions::default());
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn loading_can_be_cancelled() {
    let options = LlamaOptions::default();
    options.cancel.cancel();
    let error = open_error(&golden("lm/language-f32.gguf"), &golden("lm/vision-f32.gguf"), options);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

fn open_error(language: &std::path::Path, vision: &std::path::Path, options: LlamaOptions) -> Error {
    let opened = LlamaGenerator::open_files(language, vision, &LanguageSpec { context: 512, ..spec() }, options);
    opened.err().expect("it can't be opened")
}
