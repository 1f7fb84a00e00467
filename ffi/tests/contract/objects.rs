//! Steps through the objects that uniffi hands to other languages.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use crane_ffi::{
    Answer, AnswerEvent, AnswerListener, AnswerTask, Crane, CraneError, Decision, Fact, FactFilter, FactState,
    HistoryEntry, ListenerError, Modality, NewFact, OpenOptions, PassReason, Question, Route, Trace, TrimLevel,
    error_codes,
};
use serde_json::{Value, json};

use crate::check::{Events, Interface};
use crate::object_steps::{apart, ids, library, models, watched, with_packs_and_models};
use crate::script::{number, photo, text};

pub(crate) type Outcome = Result<Value, CraneError>;

pub(crate) struct Objects {
    folder: PathBuf,
    crane: Option<Arc<Crane>>,
}

impl Objects {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), crane: None }
    }

    fn open(&mut self, step: &Value) -> Outcome {
        let options = OpenOptions {
            models: models(step),
            library: library(&self.folder, step),
            key: optional(&step["key"]),
            read_only: step["read_only"].as_bool().unwrap_or(false),
            keep_thumbnails: step["keep_thumbnails"] == true,
            threads: step["threads"].as_u64().map(|n| u32::try_from(n).unwrap()),
            gpu_layers: None,
            idle_unload_ms: None,
            embedding_cache_bytes: None,
            memory_budget: None,
            state: None,
        };
        self.crane = Some(Crane::open(options)?);
        Ok(json!({}))
    }
}

impl Interface for Objects {
    const CAN: &[&str] = &[];

    fn perform(&mut self, step: &Value) -> Value {
        if step["do"] == "open" {
            return finish(self.open(step));
        }
        if let Some(outcome) = apart(&self.folder, step) {
            return finish(outcome);
        }
        finish(perform(&self.folder, self.crane.as_ref().unwrap(), step))
    }

    fn parallel(&mut self, times: usize, steps: &[Value]) -> Vec<Vec<Value>> {
        let crane = self.crane.as_ref().unwrap();
        let work = || steps.iter().map(|step| finish(perform(&self.folder, crane, step))).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..times).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }
}

/// An outcome, or the error as one; its name and its number are those that other languages are told.
fn finish(outcome: Outcome) -> Value {
    outcome.unwrap_or_else(|error| {
        let kind = error.kind();
        assert_eq!(error_codes().get(&format!("{kind:?}")), Some(&(kind as i32)));
        assert!(!error.to_string().is_empty());
        json!({ "error": kind, "code": kind as i32 })
    })
}

fn perform(folder: &Path, crane: &Arc<Crane>, step: &Value) -> Outcome {
    let id = || words(&step["id"]);
    Ok(match step["do"].as_str().unwrap() {
        "close" => crane.shut_down().map(|()| json!({}))?,
        "add" => fact(crane.add_fact(new_fact(&step["fact"]))?),
        "conflicts" => {
            let found = crane.conflicts(new_fact(&step["fact"]), 0.95)?;
            let reasons = found.iter().map(|c| if c.similarity.is_some() { "picture" } else { "subject" });
            let reasons: Vec<_> = reasons.collect();
            json!({ "facts": found.iter().map(|c| &c.fact).collect::<Vec<_>>(), "reasons": reasons })
        }
        "edit" => fact(crane.edit_fact(id(), new_fact(&step["fact"]))?),
        "supersede" if step["ids"].is_array() => {
            fact(crane.supersede_facts(ids(step).unwrap_or_default(), new_fact(&step["fact"]))?)
        }
        "supersede" => fact(crane.supersede_fact(id(), new_fact(&step["fact"]))?),
        "enable" => fact(crane.enable_fact(id())?),
        "disable" => fact(crane.disable_fact(id())?),
        "delete" => fact(crane.delete_fact(id())?),
        "get" => fact(crane.fact(id())?),
        "forget" => {
            let receipt = crane.forget_fact(id())?;
            json!({ "fact": receipt.fact, "digest_digits": receipt.digest.len() })
        }
        "keys" => {
            let keys = crane.fact_keys(id())?;
            let texts: Vec<_> = keys.iter().filter_map(|key| key.text.as_deref()).collect();
            let images = keys.iter().filter(|key| matches!(key.modality, Modality::Image)).count();
            json!({ "images": images, "texts": texts })
        }
        "thumbnail" => {
            let photo = crane.thumbnail(step["key"].as_i64().unwrap())?;
            json!({ "jpeg": photo.is_some_and(|photo| photo.starts_with(&[0xFF, 0xD8])) })
        }
        "receipts" => json!({ "facts": crane.receipts()?.into_iter().map(|gone| gone.fact).collect::<Vec<_>>() }),
        "list" => facts(&crane.facts(filter(step))?),
        "search" => facts(&crane.search_facts(words(&step["words"]), number(&step["limit"]))?),
        "history" => {
            let id = step["id"].is_string().then(id);
            let ops: Vec<String> = crane.history(id, number(&step["limit"]))?.into_iter().map(|e| e.op).collect();
            json!({ "ops": ops })
        }
        "undo" => change(crane.undo()?),
        "redo" => change(crane.redo()?),
        "preview" => {
            let preview = crane.preview(question(step))?;
            traced(preview.fact.as_ref(), &preview.trace)
        }
        "ask" => ask(crane, step)?,
        "warm_up" => watched(step, |progress| crane.warm_up(progress).map(|()| json!({})))?,
        "background" => crane.on_background().map(|()| json!({}))?,
        "foreground" => crane.on_foreground().map(|()| json!({}))?,
        "trim" => {
            crane.trim_memory(match step["level"].as_str().unwrap() {
                "photo" => TrimLevel::Photo,
                "context" => TrimLevel::Context,
                _ => TrimLevel::Models,
            });
            json!({})
        }
        "memory" => {
            let usage = crane.memory_usage();
            json!({ "models": usage.language_weights > 0 && usage.encoders > 0, "index": usage.index > 0 })
        }
        "backends" => {
            let backends = crane.backends();
            json!({ "encoder": backends.encoder.is_some(), "language": backends.language.is_some() })
        }
        "as_of" => fact(crane.fact_as_of(id(), seq(step))?),
        "restore" => fact(crane.restore_fact(id(), seq(step))?),
        _ => return with_packs_and_models(folder, crane, step),
    })
}

fn seq(step: &Value) -> i64 {
    step["seq"].as_i64().unwrap()
}

pub(crate) fn words(value: &Value) -> String {
    String::from_utf8(text(value).unwrap()).unwrap()
}

pub(crate) fn optional(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| words(value))
}

fn new_fact(from: &Value) -> NewFact {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    NewFact {
        statement: words(&from["statement"]),
        subject: optional(&from["subject"]),
        target: optional(&from["target"]),
        images: list(&from["images"]).iter().map(photo).collect(),
        texts: list(&from["texts"]).iter().map(words).collect(),
        source: optional(&from["source"]),
        note: optional(&from["note"]),
        valid_from: from["valid_from"].as_i64(),
        valid_until: from["valid_until"].as_i64(),
    }
}

fn filter(step: &Value) -> FactFilter {
    let states = step["states"].as_array().cloned().unwrap_or_default();
    FactFilter {
        states: states.iter().map(|state| read_state(state.as_str().unwrap())).collect(),
        source: optional(&step["source"]),
        subject: optional(&step["subject"]),
        valid_at: None,
        offset: number(&step["offset"]),
        limit: step["limit"].as_u64().map(|_| number(&step["limit"])),
    }
}

const STATES: [(&str, FactState); 5] = [
    ("active", FactState::Active),
    ("disabled", FactState::Disabled),
    ("superseded", FactState::Superseded),
    ("deleted", FactState::Deleted),
    ("forgotten", FactState::Forgotten),
];

fn read_state(name: &str) -> FactState {
    STATES.iter().find(|(known, _)| *known == name).unwrap().1
}

fn fact(fact: Fact) -> Value {
    let is = |state: FactState| std::mem::discriminant(&state) == std::mem::discriminant(&fact.state);
    let state = STATES.iter().find(|(_, state)| is(*state)).unwrap().0;
    json!({
        "id": fact.id, "statement": fact.statement, "subject": fact.subject, "target": fact.target,
        "source": fact.source, "note": fact.note, "state": state, "supersedes": fact.supersedes,
        "valid_from": fact.valid_from, "valid_until": fact.valid_until,
        "image_keys": fact.image_keys, "text_keys": fact.text_keys,
        "trusted": fact.origin.as_ref().map(|origin| origin.trusted),
    })
}

pub(crate) fn facts(facts: &[Fact]) -> Value {
    json!({ "facts": facts.iter().map(|fact| &fact.id).collect::<Vec<_>>() })
}

fn change(entry: Option<HistoryEntry>) -> Value {
    entry.map_or_else(|| json!({ "op": null }), |entry| json!({ "op": entry.op, "facts": entry.facts }))
}

fn question(step: &Value) -> Question {
    let image = (!step["image"].is_null()).then(|| photo(&step["image"]));
    Question {
        text: words(&step["question"]),
        image,
        source: optional(&step["source"]),
        thought_tokens: step["thought_tokens"].as_u64().map(|n| u32::try_from(n).unwrap()),
        answer_tokens: None,
        temperature: step["temperature"].as_f64().map(|temperature| temperature as f32),
        seed: 0,
    }
}

fn traced(fact: Option<&Fact>, trace: &Trace) -> Value {
    let (fired, reason) = match &trace.decision {
        Decision::Fire { fact, .. } => (Some(fact), "fire"),
        Decision::Pass { reason: PassReason::EmptyIndex } => (None, "empty_index"),
        Decision::Pass { reason: PassReason::BelowThreshold { .. } } => (None, "below_threshold"),
    };
    assert_eq!(fired, fact.map(|fact| &fact.id));
    let route = match trace.route {
        Route::Image => "image",
        Route::Text => "text",
    };
    json!({ "fired": fired, "reason": reason, "route": route, "hits": trace.hits.len() })
}

/// Does what a step wants done at an event, and hands over what it hears.
struct Listener {
    crane: Arc<Crane>,
    at: String,
    then: String,
    task: OnceLock<Arc<AnswerTask>>,
    events: Mutex<Events>,
    end: mpsc::SyncSender<Result<Answer, CraneError>>,
}

impl Listener {
    fn act(&self) -> Result<(), ListenerError> {
        // The task is there as soon as `ask` has returned.
        let task = || loop {
            match self.task.get() {
                Some(task) => return Arc::clone(task),
                None => thread::yield_now(),
            }
        };
        match self.then.as_str() {
            "cancel" => task().cancel(),
            "cancel_elsewhere" => {
                let task = task();
                thread::spawn(move || task.cancel()).join().unwrap();
            }
            "close" => self.crane.shut_down().unwrap(),
            "list" => drop(self.crane.facts(filter(&json!({}))).unwrap()),
            "throw" => return Err(ListenerError::Failed),
            other => panic!("no listener does `{other}`"),
        }
        Ok(())
    }
}

impl AnswerListener for Listener {
    fn on_event(&self, event: AnswerEvent) -> Result<(), ListenerError> {
        let (kind, text) = match event {
            AnswerEvent::Routed { .. } => ("routed", String::new()),
            AnswerEvent::Decided { .. } => ("decided", String::new()),
            AnswerEvent::ThinkDelta { text } => ("think", text),
            AnswerEvent::AnswerDelta { text } => ("answer", text),
        };
        self.events.lock().unwrap().add(kind, &text);
        if kind == self.at { self.act() } else { Ok(()) }
    }

    fn on_answer(&self, answer: Answer) -> Result<(), ListenerError> {
        self.end.send(Ok(answer)).map_err(|_| ListenerError::Failed)
    }

    fn on_error(&self, error: CraneError) -> Result<(), ListenerError> {
        self.end.send(Err(error)).map_err(|_| ListenerError::Failed)
    }
}

fn ask(crane: &Arc<Crane>, step: &Value) -> Outcome {
    let (end, ended) = mpsc::sync_channel(1);
    let listener = Arc::new(Listener {
        crane: Arc::clone(crane),
        at: step["at"].as_str().unwrap_or_default().into(),
        then: step["then"].as_str().unwrap_or_default().into(),
        task: OnceLock::new(),
        events: Mutex::default(),
        end,
    });
    let task = crane.ask(question(step), Arc::clone(&listener) as Arc<dyn AnswerListener>)?;
    // The task is kept until the end: dropping it would cancel.
    listener.task.set(task).ok().unwrap();
    let answer = ended.recv().expect("every question ends")?;
    listener.events.lock().unwrap().check(&answer.thought, &answer.text);
    let reply = answer.trace.reply.as_ref().expect("an answer has a reply");
    let mut outcome = traced(answer.fact.as_ref(), &answer.trace);
    outcome["text"] = answer.text.into();
    outcome["cited"] = reply.cited.into();
    outcome["well_formed"] = reply.well_formed.into();
    Ok(outcome)
}
