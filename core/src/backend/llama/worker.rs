//! The thread that owns llama.cpp's objects.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::engine::Engine;
use super::gpu::{self, Placement};
use super::prefix::PrefixFile;
use super::prompt::OwnedPart;
use super::reader::Reader;
use super::writer::{Limits, Style};
use super::{Loaded, Probe, Settings, load};
use crate::CancelToken;
use crate::device::CpuReason;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Generated;

/// What the worker is asked to do.
pub(super) enum Job {
    Generate {
        parts: Vec<OwnedPart>,
        limits: Limits,
        style: Style,
        cancel: CancelToken,
        events: Sender<Event>,
    },
    /// Read a prompt's beginning.
    ReadAhead {
        parts: Vec<OwnedPart>,
        cancel: CancelToken,
        read: Sender<Generated>,
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
    let make = || load::context(llama, &model, settings);
    let mut context = make()?;
    if place.gpu.is_some() {
        load::try_out(&mut context)?;
    }
    // It has not crashed.
    place.probe = None;
    settings.options.progress.set(1.0);
    let (state, model_digest) = (settings.options.state.as_deref(), settings.model_digest.as_ref());
    let device = load::device(&settings.options, &place);
    let prefix = state.zip(model_digest).map(|(folder, digest)| PrefixFile::new(folder, digest, &device));
    let reader = |context| Reader::new(context, Arc::clone(&settings.has_context));
    let make = move || make().map(reader);
    let mut engine = Engine::new(&model, vision, reader(context), make, prefix, settings.context, &settings.replies);
    // Whoever opened may have gone; then the channel is closed and the loop ends at once.
    let _ = ready.send(Ok(Loaded::new(settings, &place)));
    while let Ok(job) = jobs.recv() {
        perform(&mut engine, job);
    }
    Ok(())
}

fn perform(engine: &mut Engine<'_>, job: Job) {
    match job {
        Job::Generate { parts, limits, style, cancel, events } => {
            let listener = Listener(events);
            let result = listener.started().and_then(|()| engine.generate(&parts, limits, &style, &cancel, &listener));
            // Without a listener nobody minds how it ended.
            let _ = listener.0.send(Event::Done(result));
        }
        Job::ReadAhead { parts, cancel, read } => match engine.read_ahead(&parts, &cancel) {
            // Whoever was cancelled has gone.
            Ok(figures) => drop(read.send(figures)),
            Err(error) => tracing::debug!(kind = ?error.kind(), "reading ahead"),
        },
        Job::Forget { context } => engine.forget(context),
        Job::Probe { parts, reply } => {
            let _ = reply.send(engine.probe(&parts));
        }
    }
}

/// Who asked, and may have gone meanwhile.
pub(super) struct Listener(Sender<Event>);

impl Listener {
    fn started(&self) -> Result<()> {
        self.send(Event::Started)
    }

    /// Hands on text of the reply.
    ///
    /// # Errors
    /// `Cancelled` when nobody listens any more.
    pub(super) fn say(&self, text: String) -> Result<()> {
        if text.is_empty() { Ok(()) } else { self.send(Event::Text(text)) }
    }

    fn send(&self, event: Event) -> Result<()> {
        let gone = |_| Error::new(ErrorKind::Cancelled, "nobody listens to this reply any more");
        self.0.send(event).map_err(gone)
    }
}
