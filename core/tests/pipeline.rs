//! The runtime on the real models of `models/tiny` (or of `CRANE_TEST_MODELS`): what an app sees of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crane_core::library::FactFilter;
use crane_core::{AnswerEvent, CancelToken, Decision, ErrorKind, NewFact, OpenOptions, Question, Runtime};
use tempfile::TempDir;

const STATEMENT: &str = "This emblem belongs to Aldora.";
const QUESTION: &str = "Whose emblem is this?";

fn models() -> PathBuf {
    let named = std::env::var_os("CRANE_TEST_MODELS").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny"))
}

fn photo(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny/demo").join(name)).expect("a demo picture")
}

/// A runtime with a library of its own.
fn open() -> (TempDir, Runtime) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let runtime = Runtime::open(OpenOptions::new(models(), folder.path().join("library"))).expect("opens");
    (folder, runtime)
}

fn new_fact() -> NewFact {
    NewFact {
        statement: STATEMENT.into(),
        target: Some("Aldora".into()),
        images: vec![photo("gate.jpg")],
        texts: vec!["the emblem over the gate".into()],
        ..NewFact::default()
    }
}

fn asked(image: Option<&str>) -> Question {
    Question { text: QUESTION.into(), image: image.map(photo), ..Question::default() }
}

#[test]
fn a_correction_is_found_told_and_streamed() {
    let (_folder, runtime) = open();
    let fact = runtime.add_fact(new_fact()).expect("stored");
    assert_eq!((fact.image_keys, fact.text_keys), (1, 2));
    assert_eq!(runtime.backends().language, None, "telling a fact needs no language model");

    let preview = runtime.preview(&asked(Some("gate.jpg"))).expect("previewed");
    assert_eq!(preview.trace.decision.fired(), Some(fact.id), "its own photo finds a fact");
    let Decision::Fire { score, .. } = preview.trace.decision else { panic!("it fired") };
    assert!(score > 0.999, "the same photo gives the same vector: {score}");
    assert_eq!(runtime.backends().language, None, "a preview needs no language model");

    let (mut thought, mut text, mut decided) = (String::new(), String::new(), false);
    let answer = runtime.ask(&asked(Some("gate.jpg")), &CancelToken::new(), &mut |event| match event {
        AnswerEvent::Routed(_) => assert!(!decided),
        AnswerEvent::Decided { decision, .. } => decided = decision == preview.trace.decision,
        AnswerEvent::ThinkDelta(delta) => thought += &delta,
        AnswerEvent::AnswerDelta(delta) => text += &delta,
    });
    let answer = answer.expect("answered");
    assert!(decided && (&thought, &text) == (&answer.thought, &answer.text));
    let reply = answer.trace.reply.expect("a reply");
    assert!(reply.well_formed && reply.prompt_tokens > 0 && reply.reply_tokens > 0);
    let times = answer.trace.times;
    assert!(times.first_text_us > 0 && times.first_text_us <= times.total_us);
    assert!(runtime.backends().language.is_some() && runtime.backends().encoder.is_some());
}

#[test]
fn a_fact_is_found_by_each_of_its_texts() {
    let (_folder, runtime) = open();
    let fact = runtime.add_fact(new_fact()).expect("stored");
    for text in [STATEMENT, "the emblem over the gate"] {
        let preview = runtime.preview(&Question { text: text.into(), ..Question::default() }).expect("previewed");
        assert_eq!(preview.trace.decision.fired(), Some(fact.id));
    }
    runtime.disable(fact.id).expect("disabled");
    assert_eq!(runtime.preview(&asked(None)).expect("previewed").trace.hits, []);
}

#[test]
fn a_replaced_fact_gives_way() {
    let (_folder, runtime) = open();
    let old = runtime.add_fact(new_fact()).expect("stored");
    let new =
        NewFact { statement: "This emblem belongs to Bertil.".into(), target: Some("Bertil".into()), ..new_fact() };
    let new = runtime.replace_fact(old.id, new).expect("stored");
    assert_eq!(new.supersedes, Some(old.id));
    let fires = || runtime.preview(&asked(Some("gate.jpg"))).expect("previewed").trace.decision.fired();
    assert_eq!(fires(), Some(new.id));
    runtime.library().expect("open").undo().expect("undone");
    assert_eq!(fires(), Some(old.id));
}

#[test]
fn readers_see_what_the_writer_told() {
    let (folder, runtime) = open();
    let library = folder.path().join("library");
    let options = OpenOptions { read_only: true, ..OpenOptions::new(models(), &library) };
    let reader = Runtime::open(options.clone()).expect("opens beside the writer");
    let fact = runtime.add_fact(new_fact()).expect("stored");
    assert_eq!(reader.fact(fact.id).expect("there").statement, STATEMENT);
    let preview = reader.preview(&asked(Some("gate.jpg"))).expect("previewed");
    assert_eq!(preview.trace.decision.fired(), Some(fact.id));
    assert_eq!(reader.delete(fact.id).expect_err("only reads").kind(), ErrorKind::ReadOnly);

    let nowhere = OpenOptions { library: folder.path().join("nowhere"), ..options };
    let nobody = Runtime::open(nowhere.clone()).expect("opens on nothing");
    assert!(nobody.facts(&FactFilter::default()).expect("listed").is_empty());
    assert_eq!(nobody.fact(fact.id).expect_err("not there").kind(), ErrorKind::NotFound);
    assert_eq!(nobody.add_fact(new_fact()).expect_err("only reads").kind(), ErrorKind::ReadOnly);
    assert!(!nowhere.library.exists());
}

#[test]
fn cancelling_ends_a_question_soon_and_leaves_the_runtime_usable() {
    let (_folder, runtime) = open();
    runtime.warm_up(&CancelToken::new()).expect("loads");
    let cancel = CancelToken::new();
    let mut at = None;
    let error = runtime.ask(&asked(Some("gate.jpg")), &cancel, &mut |event| {
        if matches!(event, AnswerEvent::ThinkDelta(_)) && at.is_none() {
            at = Some(Instant::now());
            cancel.cancel();
        }
    });
    assert_eq!(error.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    // One batch takes milliseconds; a busy machine may be slow to give us a core.
    assert!(at.expect("it began").elapsed() < Duration::from_secs(1));
    assert!(runtime.ask(&asked(None), &CancelToken::new(), &mut |_| ()).is_ok());
    let before = runtime.ask(&asked(None), &cancel, &mut |_| ()).expect_err("cancelled from the start");
    assert_eq!(before.kind(), ErrorKind::Cancelled);
}

#[test]
fn questions_of_several_threads_are_answered_as_one_by_one() {
    let (_folder, runtime) = open();
    runtime.add_fact(new_fact()).expect("stored");
    let ask = |image| {
        let answer = runtime.ask(&asked(image), &CancelToken::new(), &mut |_| ()).expect("answered");
        (answer.text, answer.thought)
    };
    let images = [Some("gate.jpg"), Some("door.jpg"), None];
    let alone = images.map(ask);
    std::thread::scope(|scope| {
        let together = images.map(|image| scope.spawn(move || ask(image)));
        for (thread, alone) in together.into_iter().zip(&alone) {
            assert_eq!(&thread.join().expect("no panic"), alone);
        }
    });
}

#[test]
fn closing_while_models_load_neither_hangs_nor_crashes() {
    for _ in 0..3 {
        let (_folder, runtime) = open();
        // The photo is refused while the language model loads in the background.
        let question = Question { text: QUESTION.into(), image: Some(b"no photo".to_vec()), ..Question::default() };
        let error = runtime.ask(&question, &CancelToken::new(), &mut |_| ()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::UnsupportedImage);
        drop(runtime);
    }
}

#[test]
fn facts_beyond_their_limits_are_refused_before_any_work() {
    let (_folder, runtime) = open();
    let many = NewFact { texts: (0..200).map(|n| format!("text {n}")).collect(), ..new_fact() };
    let photos = NewFact { images: vec![Vec::new(); 33], ..new_fact() };
    let long = NewFact { statement: "é".repeat(2_001), ..new_fact() };
    let blank = NewFact { texts: vec![" ".into()], ..new_fact() };
    let endless = NewFact { target: Some("x".repeat(501)), ..new_fact() };
    for fact in [many, photos, long, blank, endless] {
        assert_eq!(runtime.add_fact(fact).expect_err("refused").kind(), ErrorKind::InvalidInput);
    }
    assert!(runtime.facts(&FactFilter::default()).expect("listed").is_empty());
}
