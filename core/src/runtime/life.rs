//! A runtime's life in an app: loading ahead, giving memory back, the background, closing. `core/docs/LIFECYCLE.md` says
//! what a host calls when.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Inner, Runtime, TrimLevel};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::library::Library;
use crate::lifecycle::Phase;
use crate::types::Modality;

/// Part of the progress of loading that the encoders make: by bytes and by time the language model has most of it.
const ENCODERS_SHARE: f32 = 0.2;

impl Runtime {
    /// Loads every model now, so that the first question need not wait for it.
    ///
    /// # Errors
    /// `ModelCorrupt` and its like; `Cancelled` once the token is set, and the models go on loading in the background;
    /// `Backgrounded`, `Closed`.
    pub fn warm_up(&self, cancel: &CancelToken) -> Result<()> {
        self.warm_up_with(cancel, &mut |_| ())
    }

    /// As [`Runtime::warm_up`]; `on_progress` is told on this thread how far it is, 0 to 1, never less than before.
    ///
    /// # Errors
    /// As [`Runtime::warm_up`].
    pub fn warm_up_with(&self, cancel: &CancelToken, on_progress: &mut dyn FnMut(f32)) -> Result<()> {
        let session = self.begin_language()?;
        let cancel = session.token(cancel);
        let held = &self.inner.held;
        let mut said = 0.0;
        let mut say = |share: f32| {
            if share > said {
                said = share;
                on_progress(share);
            }
        };
        held.language.start();
        for (modality, share) in [(Modality::Image, 0.5), (Modality::Text, 1.0)] {
            held.ready_encoders(modality, &cancel)?;
            say(share * ENCODERS_SHARE);
        }
        let loaded = |share: f32| ENCODERS_SHARE + (1.0 - ENCODERS_SHARE) * share;
        // The end is told once, when it is there.
        held.language.get_watched(&cancel, &mut || say(loaded(held.progress.share()).min(0.99)))?;
        say(1.0);
        Ok(())
    }

    /// Gives memory back, as an app is asked to when the system runs short. What a running question uses is given back
    /// when it ends.
    pub fn trim_memory(&self, level: TrimLevel) {
        self.inner.held.trim(level);
    }

    /// Call it when the app goes to the background, before it may be suspended. Questions end with `Backgrounded` where
    /// the language model runs on a GPU, which the system forbids from then on; on the processor they go on, and new ones
    /// are answered as far as the system lets the app work. The library is put away, see [`Library::suspend`]: it can
    /// still be read, and changes give `Backgrounded`. Returns once no GPU is used, no file is locked, and everything is on
    /// disk. A question that has ended so can be asked again in the foreground.
    ///
    /// Called from within a question's own events it can't wait for that question.
    ///
    /// # Errors
    /// `Closed`; `StorageFull`, `StorageFailed` when the library's journal could not be emptied, which harms nothing.
    pub fn on_background(&self) -> Result<()> {
        let Inner { lifecycle, held, .. } = &*self.inner;
        lifecycle.to_background()?;
        if held.use_gpu() {
            held.language.interrupt();
        }
        self.inner.follow_phase()
    }

    /// Call it when the app is back in the foreground: everything works again, with what other processes changed in the
    /// library meanwhile.
    ///
    /// # Errors
    /// `LibraryLocked` when another process writes to the library now: questions are answered, and the next change tries
    /// again. `Closed`.
    pub fn on_foreground(&self) -> Result<()> {
        self.inner.lifecycle.to_foreground()?;
        self.inner.follow_phase()
    }

    /// Ends every question with `Closed`, waits for them, frees the models and closes the library. Any use afterwards
    /// gives `Closed`, and closing again does nothing. Dropping does the same and keeps errors to itself.
    ///
    /// Called from within a question's own events it returns at once, and that question's end does the rest.
    ///
    /// # Errors
    /// `StorageFull`, `StorageFailed` when the library's journal could not be emptied, which harms nothing.
    pub fn close(&self) -> Result<()> {
        if self.inner.lifecycle.close() { self.inner.release() } else { Ok(()) }
    }
}

impl Inner {
    /// Puts the library away or takes it up again. Where threads say different things at once, the last one counts.
    fn follow_phase(&self) -> Result<()> {
        let Some(library) = &self.library else { return self.lifecycle.check() };
        loop {
            let phase = self.lifecycle.phase();
            let done = match phase {
                Phase::Background => library.suspend(),
                Phase::Foreground => library.resume(),
                Phase::Closed => return Err(Error::closed()),
            };
            // Another thread, which was still putting it away, will notice as well.
            let crossed = done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Backgrounded);
            if self.lifecycle.phase() == phase && !crossed {
                return done;
            }
        }
    }

    /// Frees everything, once nothing is under way any more.
    pub(super) fn release(&self) -> Result<()> {
        self.held.shut();
        self.library.as_ref().map_or(Ok(()), Library::close)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(kind = ?error.kind(), "closing the library");
        }
        if let Some(thread) = self.idle.take() {
            // It ends with the lifecycle; what it did last matters no more.
            drop(thread.join());
        }
    }
}

/// The thread that unloads the models when nothing was asked for so long. It sleeps until then.
pub(super) fn unload_when_idle(inner: &Arc<Inner>, time: Duration) -> Result<JoinHandle<()>> {
    let inner = Arc::clone(inner);
    let watch = move || {
        while inner.lifecycle.wait_idle(time) {
            inner.held.trim(TrimLevel::Models);
        }
    };
    let no_thread = |e| Error::new(ErrorKind::OutOfMemory, "no thread is left to watch for idleness").with_source(e);
    thread::Builder::new().name("crane-idle".into()).spawn(watch).map_err(no_thread)
}
