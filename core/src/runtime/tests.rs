//! A runtime's life over fake models and a real library.

mod fakes;
mod stress;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::types::NewFact;
use fakes::{Bench, FACT, PHOTO, question};

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("it can't succeed").kind()
}

fn silent(_: AnswerEvent) {}

#[test]
fn after_closing_everything_says_so() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    let fact = runtime.add_fact(FACT()).unwrap();
    runtime.ask(&question(true), &CancelToken::new(), &mut silent).unwrap();
    assert_eq!(bench.live(), 2);
    runtime.close().unwrap();
    assert_eq!(bench.live(), 0, "the models are gone, though the runtime is still there");
    runtime.close().unwrap();
    let cancel = CancelToken::new();
    let errors = [
        kind(runtime.ask(&question(false), &cancel, &mut silent)),
        kind(runtime.preview(&question(true))),
        kind(runtime.add_fact(FACT())),
        kind(runtime.fact(fact.id)),
        kind(runtime.facts(&FactFilter::default())),
        kind(runtime.disable(fact.id)),
        kind(runtime.warm_up(&cancel)),
        kind(runtime.on_background()),
        kind(runtime.on_foreground()),
        kind(runtime.library().unwrap().undo()),
    ];
    assert_eq!(errors, [ErrorKind::Closed; 10]);
    runtime.trim_memory(TrimLevel::Models);
    assert_eq!(bench.open().fact(fact.id).unwrap(), fact, "another one can open the library");
}

#[test]
fn closing_ends_a_running_question_and_waits_for_it() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    bench.models.endless();
    let (begun, has_begun) = mpsc::channel();
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut tell = |event| {
                if matches!(event, AnswerEvent::ThinkDelta(_)) {
                    let _ = begun.send(());
                }
            };
            kind(runtime.ask(&question(true), &CancelToken::new(), &mut tell))
        });
        has_begun.recv().unwrap();
        runtime.close().unwrap();
        assert_eq!(bench.live(), 0);
        assert_eq!(asking.join().unwrap(), ErrorKind::Closed);
    });
}

#[test]
fn closing_within_an_event_is_done_by_the_questions_end() {
    let bench = Bench::new(true);
    let runtime = bench.open();
    bench.models.endless();
    let mut seen = 0;
    let error = kind(runtime.ask(&question(true), &CancelToken::new(), &mut |_| {
        seen += 1;
        runtime.on_background().err();
        runtime.close().unwrap();
    }));
    assert!(error == ErrorKind::Closed && seen > 0);
    assert_eq!(bench.live(), 0);
    drop(bench.open());
}

#[test]
fn a_question_on_a_gpu_ends_in_the_background_and_is_answered_in_the_foreground() {
    let bench = Bench::new(true);
    let runtime = bench.open();
    let cancel = CancelToken::new();
    let expected = runtime.ask(&question(true), &cancel, &mut silent).unwrap().text;
    bench.models.endless();
    let (begun, has_begun) = mpsc::channel();
    thread::scope(|scope| {
        let asking = scope.spawn(|| kind(runtime.ask(&question(true), &cancel, &mut |_| begun.send(()).unwrap_or(()))));
        has_begun.recv().unwrap();
        runtime.on_background().unwrap();
        assert_eq!(bench.models.generating(), 0, "it has waited for the GPU");
        assert_eq!(asking.join().unwrap(), ErrorKind::Backgrounded);
    });
    bench.models.brief();
    assert_eq!(kind(runtime.ask(&question(true), &cancel, &mut silent)), ErrorKind::Backgrounded);
    assert_eq!(kind(runtime.add_fact(FACT())), ErrorKind::Backgrounded);
    runtime.preview(&question(true)).unwrap();
    runtime.on_foreground().unwrap();
    assert_eq!(runtime.ask(&question(true), &cancel, &mut silent).unwrap().text, expected);
    runtime.add_fact(FACT()).unwrap();
}

#[test]
fn a_question_on_the_processor_goes_on_in_the_background() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    let fact = runtime.add_fact(FACT()).unwrap();
    let cancel = CancelToken::new();
    let mut first = true;
    let answer = runtime.ask(&question(true), &cancel, &mut |_| {
        if std::mem::take(&mut first) {
            runtime.on_background().unwrap();
        }
    });
    assert_eq!(answer.unwrap().fact.unwrap().id, fact.id, "the library can be read");
    runtime.ask(&question(true), &cancel, &mut silent).unwrap();
    assert_eq!(kind(runtime.disable(fact.id)), ErrorKind::Backgrounded);
}

#[test]
fn a_load_for_a_gpu_stops_in_the_background() {
    let bench = Bench::new(true);
    let runtime = bench.open();
    bench.models.slow_to_load();
    let cancel = CancelToken::new();
    let (begun, has_begun) = mpsc::channel();
    thread::scope(|scope| {
        let asking = scope.spawn(|| kind(runtime.ask(&question(true), &cancel, &mut |_| begun.send(()).unwrap_or(()))));
        has_begun.recv().unwrap();
        runtime.on_background().unwrap();
        assert_eq!(asking.join().unwrap(), ErrorKind::Backgrounded);
        assert_eq!(runtime.backends().language, None);
    });
    bench.models.brief();
    runtime.on_foreground().unwrap();
    runtime.ask(&question(true), &cancel, &mut silent).unwrap();
}

#[test]
fn memory_is_given_back_level_by_level_and_never_under_a_running_question() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    let cancel = CancelToken::new();
    runtime.preview(&question(true)).unwrap();
    runtime.ask(&question(true), &cancel, &mut silent).unwrap();
    let told = NewFact { images: vec![PHOTO.to_vec()], ..FACT() };
    let fact = runtime.add_fact(told).unwrap();
    assert_eq!(bench.models.photos_encoded(), 1, "preview, question and fact share one photo");
    assert!(runtime.inner.held.embeddings.bytes() > 0);

    runtime.trim_memory(TrimLevel::Photo);
    assert_eq!((runtime.inner.held.embeddings.bytes(), bench.live(), bench.models.forgotten()), (0, 2, 1));
    runtime.preview(&question(true)).unwrap();
    assert_eq!(bench.models.photos_encoded(), 2);
    runtime.library().unwrap().forget(fact.id).unwrap();
    let forgotten = (runtime.inner.held.embeddings.bytes(), bench.models.forgotten());
    assert_eq!(forgotten, (0, 2), "what is forgotten is nowhere kept");

    runtime.trim_memory(TrimLevel::Models);
    assert_eq!(bench.live(), 0);
    assert_eq!(runtime.backends(), Backends::default());
    let mut most = 0;
    let answer = runtime.ask(&question(true), &cancel, &mut |_| {
        runtime.trim_memory(TrimLevel::Models);
        most = most.max(bench.live());
    });
    assert!(answer.is_ok() && most == 1, "the encoders had done their part");
    assert_eq!(bench.live(), 0, "given back when the question ended");
}

#[test]
fn an_edited_fact_is_found_by_its_new_statement_and_by_what_was_added() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    let fact = runtime.add_fact(FACT()).unwrap();
    let statement = "Another statement.".to_owned();
    let edited = NewFact { statement: statement.clone(), texts: vec!["a name".into()], ..FACT() };
    let edited = runtime.edit_fact(fact.id, NewFact { images: vec![PHOTO.to_vec()], ..edited }).unwrap();
    assert_eq!((edited.id, &edited.statement, edited.image_keys, edited.text_keys), (fact.id, &statement, 2, 2));
    let texts = |fact: &Fact| {
        let keys = runtime.library().unwrap().keys(fact.id).unwrap();
        keys.into_iter().filter_map(|key| key.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&edited), [statement.clone(), "a name".into()]);
    let same = NewFact { statement: statement.clone(), target: Some("Elsewhere".into()), ..NewFact::default() };
    assert_eq!(texts(&runtime.edit_fact(fact.id, same).unwrap()), [statement, "a name".into()]);
    assert_eq!(kind(runtime.edit_fact(FactId::random(), FACT())), ErrorKind::NotFound);
}

#[test]
fn idle_models_are_unloaded_and_loaded_again() {
    let bench = Bench::new(false);
    let runtime = bench.open_with(|options| options.idle_unload = Some(Duration::from_millis(1)));
    let cancel = CancelToken::new();
    for _ in 0..3 {
        runtime.ask(&question(true), &cancel, &mut silent).unwrap();
        while bench.live() > 0 {
            thread::yield_now();
        }
    }
    assert!(bench.models.loads() >= 6);
}

#[test]
fn whoever_is_cancelled_waits_for_no_model() {
    let bench = Bench::new(false);
    let runtime = bench.open();
    for slow in [fakes::Models::slow_to_load, fakes::Models::slow_to_encode, fakes::Models::endless] {
        slow(&bench.models);
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let asking = scope.spawn(|| kind(runtime.ask(&question(true), &cancel, &mut silent)));
            thread::sleep(Duration::from_millis(5));
            cancel.cancel();
            assert_eq!(asking.join().unwrap(), ErrorKind::Cancelled);
        });
        bench.models.brief();
        runtime.trim_memory(TrimLevel::Photo);
    }
    runtime.ask(&question(true), &CancelToken::new(), &mut silent).unwrap();
}
