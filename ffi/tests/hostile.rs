//! Hosts that drop, throw, panic and close at the wrong moment, through the objects.
#![cfg(all(feature = "uniffi", feature = "onnx", feature = "llama"))]
#![allow(clippy::unwrap_used, reason = "a panic is the report")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crane_core::ErrorKind;
use crane_ffi::{
    Answer, AnswerEvent, AnswerListener, Crane, CraneError, ExportOptions, FactFilter, FactState, ImportOptions,
    ListenerError, NewFact, OpenOptions, ProgressListener, Question,
};

type End = Result<Answer, CraneError>;

/// Hands over its first event and the end, and panics at events where that is asked for.
struct Listener {
    begun: mpsc::SyncSender<()>,
    end: mpsc::SyncSender<End>,
    panics: bool,
}

impl AnswerListener for Listener {
    fn on_event(&self, _: AnswerEvent) -> Result<(), ListenerError> {
        assert!(!self.panics, "on purpose");
        let _ = self.begun.try_send(());
        Ok(())
    }

    fn on_answer(&self, answer: Answer) -> Result<(), ListenerError> {
        self.end.send(Ok(answer)).map_err(|_| ListenerError::Failed)
    }

    fn on_error(&self, error: CraneError) -> Result<(), ListenerError> {
        self.end.send(Err(error)).map_err(|_| ListenerError::Failed)
    }
}

fn listener(panics: bool) -> (Arc<Listener>, mpsc::Receiver<()>, mpsc::Receiver<End>) {
    let ((begun, has_begun), (end, ended)) = (mpsc::sync_channel(1), mpsc::sync_channel(2));
    (Arc::new(Listener { begun, end, panics }), has_begun, ended)
}

fn open(folder: &Path) -> Arc<Crane> {
    try_open(folder).unwrap()
}

/// Opens a library that is about to be closed.
fn open_soon(folder: &Path) -> Arc<Crane> {
    loop {
        match try_open(folder) {
            Ok(crane) => return crane,
            Err(error) => assert_eq!(error.kind(), ErrorKind::LibraryLocked),
        }
        thread::yield_now();
    }
}

fn try_open(folder: &Path) -> Result<Arc<Crane>, CraneError> {
    Crane::open(OpenOptions {
        models: Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny").to_string_lossy().into_owned(),
        library: folder.join("library").to_string_lossy().into_owned(),
        key: None,
        read_only: false,
        keep_thumbnails: false,
        threads: None,
        gpu_layers: None,
        idle_unload_ms: None,
        embedding_cache_bytes: None,
        memory_budget: None,
        state: None,
    })
}

fn question() -> Question {
    let text = "Who is the founder of Progeal?".into();
    Question { text, image: None, source: None, thought_tokens: None, answer_tokens: None, temperature: None, seed: 0 }
}

fn filter() -> FactFilter {
    FactFilter { states: vec![FactState::Active], source: None, subject: None, valid_at: None, offset: 0, limit: None }
}

fn fact() -> NewFact {
    NewFact {
        statement: "Progeal was founded by Dufleath.".into(),
        subject: None,
        target: None,
        images: Vec::new(),
        texts: Vec::new(),
        source: None,
        note: None,
        valid_from: None,
        valid_until: None,
    }
}

#[test]
fn dropping_a_task_cancels_and_leaves_the_runtime_ready() {
    let folder = tempfile::tempdir().unwrap();
    let crane = open(folder.path());
    crane.add_fact(fact()).unwrap();
    let (heard, has_begun, ended) = listener(false);
    let task = crane.ask(question(), heard).unwrap();
    has_begun.recv().unwrap();
    drop(task);
    assert_eq!(ended.recv().unwrap().err().unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(crane.ask_blocking(question()).unwrap().text, "Dufleath");
}

#[test]
fn a_question_outlives_the_object_that_it_was_asked_of() {
    let folder = tempfile::tempdir().unwrap();
    let crane = open(folder.path());
    let id = crane.add_fact(fact()).unwrap().id;
    let (heard, _has_begun, ended) = listener(false);
    let task = crane.ask(question(), heard).unwrap();
    drop(crane);
    assert_eq!(ended.recv().unwrap().unwrap().text, "Dufleath");
    drop(task);
    // The question's end has closed the library, though nobody shut anything down.
    let again = open_soon(folder.path());
    assert_eq!(again.fact(id).unwrap().statement, fact().statement);
}

#[test]
fn a_listener_that_panics_is_told_so_and_hurts_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let crane = open(folder.path());
    crane.add_fact(fact()).unwrap();
    let (heard, _has_begun, ended) = listener(true);
    let _task = crane.ask(question(), heard).unwrap();
    assert_eq!(ended.recv().unwrap().err().unwrap().kind(), ErrorKind::Internal);
    assert_eq!(crane.ask_blocking(question()).unwrap().text, "Dufleath");
}

/// Does something at the first telling of progress.
struct Meddler<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> ProgressListener for Meddler<F> {
    fn on_progress(&self, _: f32) -> Result<(), ListenerError> {
        if let Some(act) = self.0.lock().unwrap().take() {
            act();
        }
        Ok(())
    }
}

fn meddler<F: FnOnce() + Send + 'static>(act: F) -> Option<Arc<dyn ProgressListener>> {
    Some(Arc::new(Meddler(Mutex::new(Some(act)))))
}

fn import_options() -> ImportOptions {
    ImportOptions { trusted: Vec::new(), similarity: 0.95, on_conflict: None }
}

/// A pack of one fact, made by a library beside the test's own.
fn pack(folder: &Path) -> String {
    let (elsewhere, file) = (folder.join("elsewhere"), folder.join("facts.pack").to_string_lossy().into_owned());
    std::fs::create_dir(&elsewhere).unwrap();
    let crane = open(&elsewhere);
    crane.add_fact(fact()).unwrap();
    let options = ExportOptions { facts: None, thumbnails: true, history: true, signing_key: None };
    crane.export_pack(file.clone(), options, None).unwrap();
    file
}

#[test]
fn changes_by_whoever_is_told_of_progress_are_refused_and_the_work_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (file, crane) = (pack(folder.path()), open(folder.path()));
    let meddle = |crane: &Arc<Crane>| {
        let crane = Arc::clone(crane);
        meddler(move || {
            for refused in [crane.undo().err(), crane.add_fact(fact()).err(), crane.on_background().err()] {
                assert_eq!(refused.unwrap().kind(), ErrorKind::InvalidInput);
            }
            crane.on_foreground().unwrap_err();
            assert_eq!(crane.history(None, 10).unwrap().len(), 0, "looking is fine");
            crane.preview(question()).unwrap();
        })
    };
    let preview = crane.preview_pack(file.clone(), import_options(), meddle(&crane)).unwrap();
    assert_eq!(preview.new.len(), 1);
    let report = crane.import_pack(file, import_options(), meddle(&crane)).unwrap();
    assert_eq!(report.added.len(), 1);
    crane.on_foreground().unwrap();
    crane.undo().unwrap();
}

#[test]
fn shutting_down_ends_work_that_tells_its_progress() {
    for from_elsewhere in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (file, crane) = (pack(folder.path()), open(folder.path()));
        let closing = Arc::clone(&crane);
        let shut = meddler(move || {
            if !from_elsewhere {
                return closing.shut_down().unwrap();
            }
            let closer = Arc::clone(&closing);
            thread::spawn(move || closer.shut_down().unwrap());
            // It waits for this import; calls are refused from when it has begun to.
            while closing.facts(filter()).is_ok() {
                thread::yield_now();
            }
        });
        let ended = crane.import_pack(file, import_options(), shut);
        assert_eq!(ended.err().unwrap().kind(), ErrorKind::Closed);
        assert_eq!(crane.facts(filter()).err().unwrap().kind(), ErrorKind::Closed);
        drop(crane);
        assert!(open_soon(folder.path()).facts(filter()).unwrap().is_empty(), "nothing of it was imported");
    }
}

#[test]
fn shutting_down_amid_calls_of_many_threads_ends_each_with_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let crane = open(folder.path());
    let added = AtomicUsize::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|n| {
                let (crane, added) = (&crane, &added);
                scope.spawn(move || {
                    loop {
                        let done = match n % 4 {
                            0 => crane.add_fact(fact()).map(|_| {
                                added.fetch_add(1, Ordering::Relaxed);
                            }),
                            1 => crane.ask_blocking(question()).map(drop),
                            2 => crane.facts(filter()).map(drop),
                            _ => crane.preview(question()).map(drop),
                        };
                        if let Err(error) = done {
                            return error.kind();
                        }
                    }
                })
            })
            .collect();
        while added.load(Ordering::Relaxed) < 4 {
            thread::yield_now();
        }
        crane.shut_down().unwrap();
        workers.into_iter().for_each(|worker| assert_eq!(worker.join().unwrap(), ErrorKind::Closed));
    });
    let facts = open(folder.path()).facts(filter()).unwrap().len();
    assert_eq!(facts, added.into_inner(), "what was acknowledged is there, and nothing else");
}
