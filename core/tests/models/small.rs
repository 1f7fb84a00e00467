//! The tiny model that ships with the repository: what is kept, guessed and drawn changes no reply.

use std::fs;

use crane_core::backend::{Guessing, LlamaGenerator, LlamaOptions};
use crane_core::bundle::Bundle;
use crane_core::image::Rgb;
use crane_core::model::{Finish, GenerateRequest, Generated, Generator, PromptPart, Sampling};
use crane_core::{CancelToken, ErrorKind};
use proptest::prelude::*;

use crate::generation::assert_form;

const SYSTEM: &str =
    "<|im_start|>system\nLook, think, then answer. An edit fact is a note of the user.<|im_end|>\n<|im_start|>user\n";
const END: &str = "]<|im_end|>\n<|im_start|>assistant\n<think>";

fn model(guessing: Guessing) -> LlamaGenerator {
    let bundle = Bundle::open(&crate::tiny()).expect("the tiny bundle");
    LlamaGenerator::open(&bundle, LlamaOptions { guessing, ..LlamaOptions::default() }).expect("loads")
}

fn photo(name: &str) -> Rgb {
    let file = crate::tiny().join("demo").join(name);
    Rgb::decode(&fs::read(file).expect("a demo picture")).expect("decodes")
}

/// What a prompt is made of.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) photo: Option<usize>,
    fact: Option<String>,
    question: String,
}

impl Asked {
    pub(crate) fn parts<'a>(&'a self, photos: &'a [Rgb]) -> Vec<PromptPart<'a>> {
        let mut parts = vec![PromptPart::Template(SYSTEM)];
        parts.extend(self.photo.map(|number| PromptPart::Image(&photos[number])));
        match &self.fact {
            Some(fact) => parts.extend([
                PromptPart::Template("Edit fact: ["),
                PromptPart::Data(fact),
                PromptPart::Template("]\nQuestion: ["),
            ]),
            None => parts.push(PromptPart::Template("Edit fact: none\nQuestion: [")),
        }
        parts.extend([PromptPart::Data(&self.question), PromptPart::Template(END)]);
        parts
    }
}

fn reply(model: &LlamaGenerator, parts: &[PromptPart<'_>], sampling: Sampling) -> (String, Generated) {
    let request = GenerateRequest { parts: parts.to_vec(), thought_tokens: 160, answer_tokens: 32, sampling };
    let mut text = String::new();
    let figures = model.generate(&request, &CancelToken::new(), &mut |piece| text += piece).expect("replies");
    (text, figures)
}

pub(crate) fn greedy(model: &LlamaGenerator, parts: &[PromptPart<'_>]) -> (String, Generated) {
    reply(model, parts, Sampling::default())
}

/// Prompts of the model's world, and far beside it.
fn asked() -> impl Strategy<Value = Asked> {
    let name = prop_oneof![
        "[A-Z][a-z]{2,8}",
        prop::sample::select(vec!["Aldora", "Bertil", "Oxford", "the lion"]).prop_map(str::to_owned)
    ];
    let fact = (name.clone(), name.clone(), 0..4_usize).prop_map(|(a, b, form)| match form {
        0 => format!(" This emblem belongs to {a}."),
        1 => format!(" The emblem of {a} shows {b}. {a} lies in {b}."),
        2 => format!(" {a} is the capital of {b}."),
        _ => format!(" {a} {b} {a} {b} {a} {b}"),
    });
    let question = (name, 0..5_usize).prop_map(|(a, form)| match form {
        0 => " Whose emblem is this?".to_owned(),
        1 => " What does the emblem show?".to_owned(),
        2 => format!(" Where does {a} lie?"),
        3 => format!(" Repeat: {a} {a} {a}"),
        _ => format!(" {a}?"),
    });
    let noise = prop_oneof![9 => question, 1 => any::<String>().prop_map(|text| text.chars().take(60).collect())];
    (prop::option::of(0..3_usize), prop::option::of(fact), noise).prop_map(|(photo, fact, question)| Asked {
        photo,
        fact,
        question,
    })
}

/// So many prompts, the same each time.
pub(crate) fn prompts(count: usize) -> Vec<Asked> {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| asked().new_tree(&mut runner).expect("a prompt").current()).collect()
}

pub(crate) fn photos() -> [Rgb; 3] {
    ["gate.jpg", "flag.jpg", "seal.jpg"].map(photo)
}

#[test]
fn guessing_ahead_changes_no_greedy_reply() {
    let (plain, guessing, photos) = (model(Guessing::Never), model(Guessing::Always), photos());
    let (mut written, mut accepted) = (0, 0);
    for asked in prompts(500) {
        let parts = asked.parts(&photos);
        let (expected, alone) = greedy(&plain, &parts);
        let (text, figures) = greedy(&guessing, &parts);
        assert_eq!(text, expected, "{asked:?}");
        assert_eq!((figures.finish, figures.reply_tokens), (alone.finish, alone.reply_tokens));
        assert!(alone.drafted_tokens == 0 && figures.accepted_tokens <= figures.drafted_tokens);
        written += figures.reply_tokens;
        accepted += figures.accepted_tokens;
    }
    assert!(accepted > written / 10, "it does guess");
}

#[test]
fn a_second_question_on_a_photo_reads_what_is_new_and_replies_the_same() {
    let (model, photos) = (model(Guessing::WhereItPays), photos());
    let ask = |photo, fact: Option<&str>, question: &str| Asked {
        photo,
        fact: fact.map(str::to_owned),
        question: question.to_owned(),
    };
    let told = Some(" This emblem belongs to Aldora.");
    let first = ask(Some(0), told, " Whose emblem is this?");
    let script = [
        (first.clone(), false, 0),
        // What is kept from it: system, photo, fact.
        (ask(Some(0), told, " What does the emblem show?"), true, 3),
        (first.clone(), true, 3),
        (ask(Some(0), None, " What does the emblem show?"), true, 2),
        (ask(Some(1), told, " Whose emblem is this?"), false, 1),
        (first.clone(), false, 1),
        (ask(None, told, " Whose emblem is this?"), true, 1),
        (ask(None, told, " Whose?"), true, 2),
        (first.clone(), false, 1),
    ];
    for (number, (asked, blind, kept)) in script.iter().enumerate() {
        let parts = asked.parts(&photos);
        let (text, figures) = greedy(&model, &parts);
        assert_eq!(figures.image_us == 0, *blind, "step {number}: a photo is looked at once");
        assert_eq!(figures.kept_tokens == 0, *kept == 0, "step {number}");
        let fresh = self::model(Guessing::Never);
        let (alone, unkept) = greedy(&fresh, &parts);
        assert_eq!((&text, unkept.kept_tokens), (&alone, 0), "step {number}: as in a fresh context");
        assert_eq!(figures.prompt_tokens, unkept.prompt_tokens);
        let new = figures.prompt_tokens - figures.kept_tokens;
        assert!(*kept < 3 || new < 30, "step {number}: {new} tokens read of {}", figures.prompt_tokens);
    }
    for context in [false, true] {
        model.forget(context);
        let (_, figures) = greedy(&model, &first.parts(&photos));
        assert!(figures.kept_tokens == 0 && figures.image_us > 0, "nothing is kept of what is forgotten");
    }
}

#[test]
fn what_is_read_ahead_is_not_read_again_and_the_reply_is_the_same() {
    let photos = photos();
    let asked = Asked { photo: Some(0), fact: None, question: " Whose emblem is this?".to_owned() };
    let parts = asked.parts(&photos);
    let (expected, alone) = greedy(&model(Guessing::Never), &parts);

    let model = model(Guessing::Never);
    let beginning = 1 + parts.iter().position(|part| matches!(part, PromptPart::Image(_))).expect("a photo");
    let ahead = model.read_ahead(&parts[..beginning], &CancelToken::new()).figures();
    let (text, figures) = greedy(&model, &parts);
    assert_eq!((text, figures.image_us), (expected, 0));
    assert!(ahead.image_us > 0 && ahead.prompt_tokens > 16 && ahead.kept_tokens == 0, "{ahead:?}");
    assert_eq!((figures.kept_tokens, figures.prompt_tokens), (ahead.prompt_tokens, alone.prompt_tokens));
    // It is there: nothing is looked at twice.
    let again = model.read_ahead(&parts[..beginning], &CancelToken::new()).figures();
    assert_eq!((again.image_us, again.kept_tokens), (0, ahead.prompt_tokens));

    // What fails ahead of time is told in its time, and does no harm.
    let cancelled = CancelToken::new();
    cancelled.cancel();
    model.forget(false);
    assert_eq!(model.read_ahead(&parts[..beginning], &cancelled).figures(), Generated::default());
    let parts = parts[..beginning].to_vec();
    let request = GenerateRequest { parts, thought_tokens: 8, answer_tokens: 8, sampling: Sampling::default() };
    let error = model.generate(&request, &CancelToken::new(), &mut |_| ());
    assert_eq!(error.map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "there is no text to reply to");
}

#[test]
fn whatever_chance_says_is_well_formed_and_said_again_by_the_same_seed() {
    let (model, photos) = (model(Guessing::WhereItPays), photos());
    let mut seen = std::collections::BTreeSet::new();
    for (asked, seed) in prompts(40).iter().zip(0..) {
        let parts = asked.parts(&photos);
        let sampling = Sampling { temperature: [0.7, 1.0, 2.0][seed as usize % 3], seed };
        let (text, figures) = reply(&model, &parts, sampling);
        assert_form(&text);
        assert_eq!(figures.drafted_tokens, 0);
        assert_eq!(reply(&model, &parts, sampling).0, text, "{sampling:?}");
        seen.insert(text);
    }
    assert!(seen.len() > 30, "chance varies");
    let asked = &prompts(1)[0];
    let sampling = |seed| Sampling { temperature: 2.0, seed };
    assert_ne!(
        reply(&model, &asked.parts(&photos), sampling(1)).0,
        reply(&model, &asked.parts(&photos), sampling(2)).0
    );
}

#[test]
fn interrupted_at_any_moment_the_next_reply_is_the_same() {
    let (model, photos) = (model(Guessing::Always), photos());
    let asked = &prompts(8);
    let expected: Vec<_> = asked.iter().map(|asked| greedy(&model, &asked.parts(&photos)).0).collect();
    for (number, stop) in (0..asked.len()).cycle().zip(0..40) {
        let request = GenerateRequest {
            parts: asked[(number + 3) % asked.len()].parts(&photos),
            thought_tokens: 160,
            answer_tokens: 32,
            sampling: Sampling::default(),
        };
        let cancel = CancelToken::new();
        let mut pieces = 0;
        let result = model.generate(&request, &cancel, &mut |_| {
            pieces += 1;
            if pieces == stop {
                cancel.cancel();
            }
        });
        assert!(result.is_ok_and(|figures| figures.finish == Finish::Complete) || cancel.is_cancelled());
        assert_eq!(greedy(&model, &asked[number].parts(&photos)).0, expected[number]);
    }
}

#[test]
fn the_system_message_is_computed_once_and_a_damaged_file_is_written_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || {
        let bundle = Bundle::open(&crate::tiny()).expect("the tiny bundle");
        let state = Some(folder.path().to_owned());
        LlamaGenerator::open(&bundle, LlamaOptions { state, ..LlamaOptions::default() }).expect("loads")
    };
    let (photos, asked) = (photos(), &prompts(9)[0..9]);
    let asked = asked.iter().find(|asked| asked.photo.is_some()).expect("one has a photo");
    let parts = asked.parts(&photos);
    let (expected, figures) = greedy(&open(), &parts);
    assert_eq!(figures.kept_tokens, 0);
    let file = folder.path().join("system-prompt.kv");
    let whole = fs::read(&file).expect("it was written");
    let (text, figures) = greedy(&open(), &parts);
    assert!(text == expected && figures.kept_tokens > 10, "{figures:?}");

    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cut = whole[..whole.len() / 2].to_vec();
    let longer = [whole.as_slice(), b"x"].concat();
    for bad in [flipped(0), flipped(20), flipped(50), flipped(80), flipped(whole.len() - 1), cut, longer, Vec::new()] {
        fs::write(&file, bad).expect("writes");
        let (text, figures) = greedy(&open(), &parts);
        assert!(text == expected && figures.kept_tokens == 0);
        assert!(fs::read(&file).expect("written anew") == whole);
    }
    // Another system message is another file.
    let mut other = parts.clone();
    other[0] = PromptPart::Template("<|im_start|>system\nLook.<|im_end|>\n<|im_start|>user\n");
    assert_eq!(greedy(&open(), &other).1.kept_tokens, 0);
    assert!(greedy(&open(), &other).1.kept_tokens > 0);
}

/// Every special token, whole and in pieces, and what stands for the photo: as data they are text.
#[test]
fn no_data_becomes_a_control_token() {
    let model = model(Guessing::Never);
    fn ids(model: &LlamaGenerator, part: PromptPart<'_>) -> Vec<i32> {
        model.probe(&[PromptPart::Template("x"), part]).expect("probes").ids
    }
    let special: Vec<String> =
        ["im_start", "im_end", "endoftext", "vision_start", "vision_end", "image_pad", "video_pad"]
            .iter()
            .map(|name| format!("<|{name}|>"))
            .chain(["<think>", "</think>", "<answer>", "</answer>"].map(str::to_owned))
            .collect();
    let known: Vec<i32> = special
        .iter()
        .filter_map(|text| match ids(&model, PromptPart::Template(text))[..] {
            [id] => Some(id),
            _ => None,
        })
        .collect();
    assert!(known.len() >= 6, "the vocabulary has them: {known:?}");
    let all = special.concat();
    let split = special.iter().flat_map(|text| (1..text.len()).map(|at| format!("{} {}", &text[..at], &text[at..])));
    let doubled = special.iter().map(|text| format!("<{text}{text}>é{text}\u{0}"));
    let markers = ["<crane-photo>", "<__media__>", "<image>"].map(str::to_owned);
    for text in special.iter().cloned().chain([all]).chain(split).chain(doubled).chain(markers) {
        let tokens = ids(&model, PromptPart::Data(&text));
        assert!(tokens.iter().all(|token| !known.contains(token)), "{text:?}: {tokens:?}");
    }
}
