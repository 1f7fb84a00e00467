//! A runtime's life on the real models of `models/tiny` (or of `CRANE_TEST_MODELS`).
#![cfg(all(feature = "onnx", feature = "llama"))]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crane_core::{
    AnswerEvent, Backends, CancelToken, ErrorKind, NewFact, OpenOptions, Question, Result, Runtime, TrimLevel,
};
use tempfile::TempDir;

fn models() -> PathBuf {
    let named = std::env::var_os("CRANE_TEST_MODELS").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny"))
}

fn photo() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny/demo/gate.jpg");
    std::fs::read(file).expect("a demo picture")
}

fn open(folder: &TempDir, change: impl FnOnce(&mut OpenOptions)) -> Runtime {
    let mut options = OpenOptions::new(models(), folder.path().join("library"));
    change(&mut options);
    Runtime::open(options).expect("opens")
}

fn bench() -> (TempDir, Runtime) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let runtime = open(&folder, |_| ());
    (folder, runtime)
}

fn question() -> Question {
    Question { text: "Whose emblem is this?".into(), image: Some(photo()), ..Question::default() }
}

fn new_fact() -> NewFact {
    NewFact { statement: "This emblem belongs to Aldora.".into(), images: vec![photo()], ..NewFact::default() }
}

fn ask(runtime: &Runtime) -> Result<(String, String)> {
    let answer = runtime.ask(&question(), &CancelToken::new(), &mut |_| ())?;
    Ok((answer.thought, answer.text))
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn answers_are_the_same_after_every_way_of_giving_memory_back() {
    let (_folder, runtime) = bench();
    let first = ask(&runtime).expect("answered");
    for level in [TrimLevel::Photo, TrimLevel::Context, TrimLevel::Models] {
        runtime.trim_memory(level);
        assert_eq!(runtime.backends() == Backends::default(), level == TrimLevel::Models);
        assert_eq!(ask(&runtime).expect("answered"), first, "after {level:?}");
    }
    runtime.on_background().expect("in the background");
    runtime.on_foreground().expect("in the foreground");
    assert_eq!(ask(&runtime).expect("answered"), first);
}

#[test]
fn a_photo_is_encoded_once_for_preview_question_and_fact() {
    let (_folder, runtime) = bench();
    let spent = |runtime: &Runtime| runtime.preview(&question()).expect("previewed").trace.times.embed_us;
    assert!(spent(&runtime) > 0);
    assert_eq!(spent(&runtime), 0);
    let answer = runtime.ask(&question(), &CancelToken::new(), &mut |_| ()).expect("answered");
    assert_eq!(answer.trace.times.embed_us, 0);
    let fact = runtime.add_fact(new_fact()).expect("stored");
    assert_eq!(runtime.preview(&question()).expect("previewed").trace.decision.fired(), Some(fact.id));
    runtime.library().expect("open").forget(fact.id).expect("forgotten");
    assert!(spent(&runtime) > 0, "nothing of a forgotten fact's photo is kept");
}

#[test]
fn idle_models_leave_and_come_back() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let runtime = open(&folder, |options| options.idle_unload = Some(Duration::from_millis(1)));
    for _ in 0..2 {
        ask(&runtime).expect("answered");
        while runtime.backends() != Backends::default() {
            thread::yield_now();
        }
    }
}

#[test]
fn closing_ends_a_question_and_everything_after_it() {
    let (_folder, runtime) = bench();
    thread::scope(|scope| {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let runtime = &runtime;
        let asking = scope.spawn(move || {
            let asked = runtime.ask(&question(), &CancelToken::new(), &mut |event| {
                if matches!(event, AnswerEvent::ThinkDelta(_)) {
                    let _ = begun.send(());
                    // Room for the closing to come before the end.
                    thread::sleep(Duration::from_millis(5));
                }
            });
            kind(asked)
        });
        has_begun.recv().expect("it thinks");
        runtime.close().expect("closed");
        assert_eq!(asking.join().expect("no panic"), Some(ErrorKind::Closed));
    });
    assert_eq!(runtime.backends(), Backends::default());
    assert_eq!(kind(ask(&runtime)), Some(ErrorKind::Closed));
    assert_eq!(kind(runtime.add_fact(new_fact())), Some(ErrorKind::Closed));
}

#[test]
fn threads_may_cancel_close_and_trim_at_any_moment() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let answered = AtomicUsize::new(0);
    // A campaign: CRANE_STRESS_ROUNDS=600 makes 10,800 steps.
    let rounds = std::env::var("CRANE_STRESS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12_usize);
    for round in 0..rounds {
        let runtime = open(&folder, |_| ());
        thread::scope(|scope| {
            for number in 0..3_usize {
                let (runtime, answered) = (&runtime, &answered);
                scope.spawn(move || {
                    for step in 0..6_usize {
                        let dice = (round * 31 + number * 17 + step * 7) % 23;
                        step_of(runtime, dice, answered);
                    }
                });
            }
        });
    }
    assert!(answered.load(Ordering::Relaxed) > 0);
}

/// One of the things that an app may do, in the middle of everything else.
fn step_of(runtime: &Runtime, dice: usize, answered: &AtomicUsize) {
    let allowed = [ErrorKind::Cancelled, ErrorKind::Closed, ErrorKind::Backgrounded];
    let fine = |kind: Option<ErrorKind>| assert!(kind.is_none_or(|kind| allowed.contains(&kind)), "{kind:?}");
    match dice {
        0..8 => {
            let (cancel, mut events) = (CancelToken::new(), 0);
            let stop = cancel.clone();
            let asked = runtime.ask(&question(), &cancel, &mut |_| {
                events += 1;
                if events == dice * dice {
                    stop.cancel();
                }
            });
            answered.fetch_add(usize::from(asked.is_ok()), Ordering::Relaxed);
            fine(kind(asked));
        }
        8..11 => fine(kind(runtime.preview(&question()))),
        11..13 => fine(kind(runtime.add_fact(new_fact()))),
        13 => runtime.trim_memory(TrimLevel::Photo),
        14 => runtime.trim_memory(TrimLevel::Context),
        15 | 16 => runtime.trim_memory(TrimLevel::Models),
        17 | 18 => fine(kind(runtime.on_background())),
        19 | 20 => fine(kind(runtime.on_foreground())),
        21 => {
            let cancel = CancelToken::new();
            thread::scope(|scope| {
                scope.spawn(|| fine(kind(runtime.ask(&question(), &cancel, &mut |_| ()))));
                thread::yield_now();
                cancel.cancel();
            });
        }
        _ => fine(kind(runtime.close())),
    }
}
