//! The thread that owns llama.cpp's objects.

use std::sync::mpsc::{Receiver, Sender};

use super::engine::{Budgets, Engine};
use super::gpu::{self, Placement};
use super::prompt::OwnedPart;
use super::{Loaded, Probe, Settings, load};
use crate::CancelToken;
use crate::device::CpuReason;
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
pub(super) fn run(settings: &Settings, ready: &Sender<Result<Loaded>>, jobs: &Receiver<Job>) {
    if let Err(error) = place_and_serve(settings, ready, jobs) {
        // Only loading fails here, and then the opener still listens.
        let _ = ready.send(Err(error));
    }
}

/// What fails on a GPU is tried again on the processor.
fn place_and_serve(settings: &Settings, ready: &Sender<Result<Loaded>>, jobs: &Receiver<Job>) -> Result<()> {
    let place = gpu::place(settings)?;
    let on_gpu = place.gpu.is_some();
    match serve(settings, place, ready, jobs) {
        Err(error) if on_gpu && !settings.options.cancel.is_cancelled() => {
            tracing::warn!(%error, "loading on the GPU failed");
            serve(settings, gpu::on_processor(settings, CpuReason::Failed)?, ready, jobs)
        }
        served => served,
    }
}

fn serve(
    settings: &Settings,
    mut place: Placement,
    ready: &Sender<Result<Loaded>>,
    jobs: &Receiver<Job>,
) -> Result<()> {
    let settings = &Settings { context: place.plan.context, ..settings.clone() };
    let llama = load::llama()?;
    let model = load::model(llama, settings, &place)?;
    settings.options.cancel.check()?;
    let vision = load::vision(&model, settings, &place)?;
    settings.options.cancel.check()?;
    let mut context = load::context(llama, &model, settings)?;
    if place.gpu.is_some() {
        load::try_out(&mut context)?;
    }
    // It has not crashed.
    place.probe = None;
    settings.options.progress.set(1.0);
    let mut engine = Engine::new(&model, vision, context, settings.context);
    // Whoever opened may have gone; then the channel is closed and the loop ends at once.
    let _ = ready.send(Ok(Loaded::new(settings, &place)));
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
