//! The thread that owns llama.cpp's objects.

use std::sync::mpsc::{Receiver, Sender};

use super::engine::{Budgets, Engine};
use super::prompt::OwnedPart;
use super::{Probe, Settings, load};
use crate::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Generated;

/// What the worker is asked to do.
pub(super) enum Job {
    Generate {
        parts: Vec<OwnedPart>,
        thought_tokens: u32,
        answer_tokens: u32,
        cancel: CancelToken,
        events: Sender<Event>,
    },
    /// Drop what is kept of earlier requests; with `context`, the memory for it too.
    Forget {
        context: bool,
    },
    Probe {
        parts: Vec<OwnedPart>,
        reply: Sender<Result<Probe>>,
    },
}

/// What it says while generating.
pub(super) enum Event {
    /// The request has its turn.
    Started,
    Text(String),
    Done(Result<Generated>),
}

/// Loads everything, says so through `ready`, and serves jobs until the channel closes.
pub(super) fn run(settings: &Settings, ready: &Sender<Result<String>>, jobs: &Receiver<Job>) {
    if let Err(error) = serve(settings, ready, jobs) {
        // Only loading fails here, and then the opener still listens.
        let _ = ready.send(Err(error));
    }
}

fn serve(settings: &Settings, ready: &Sender<Result<String>>, jobs: &Receiver<Job>) -> Result<()> {
    let llama = load::llama()?;
    let model = load::model(llama, settings)?;
    settings.options.cancel.check()?;
    let vision = load::vision(llama, &model, settings)?;
    settings.options.cancel.check()?;
    let context = load::context(llama, &model, settings)?;
    let mut engine = Engine::new(&model, vision, context, settings.context);
    // Whoever opened may have gone; then the channel is closed and the loop ends at once.
    let _ = ready.send(Ok(load::device(llama, &settings.options)));
    while let Ok(job) = jobs.recv() {
        perform(&mut engine, job);
    }
    Ok(())
}

fn perform(engine: &mut Engine<'_>, job: Job) {
    match job {
        Job::Generate { parts, thought_tokens, answer_tokens, cancel, events } => {
            let budgets = Budgets { thought: thought_tokens, answer: answer_tokens };
            let say = |event| events.send(event).map_err(|_| listener_gone());
            let result = say(Event::Started)
                .and_then(|()| engine.generate(&parts, budgets, &cancel, &mut |text| say(Event::Text(text))));
            // Without a listener nobody minds how it ended.
            let _ = events.send(Event::Done(result));
        }
        Job::Forget { context } => engine.forget(context),
        Job::Probe { parts, reply } => {
            let _ = reply.send(engine.probe(&parts));
        }
    }
}

fn listener_gone() -> Error {
    Error::new(ErrorKind::Cancelled, "nobody listens to this reply any more")
}
