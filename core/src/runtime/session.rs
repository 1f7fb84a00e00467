//! One piece of work of a runtime, from its beginning to its end.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::Inner;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::{Running, Work};
use crate::pipeline::{Encoded, Language, Models, Pipeline};
use crate::trace::StageTimes;
use crate::types::Question;

/// How often whoever waits for an encoder looks whether they were cancelled.
const PATIENCE: Duration = Duration::from_millis(10);

/// Work under way. The last one of a closed runtime frees what closing could not wait for.
pub(super) struct Session {
    pub(super) inner: Arc<Inner>,
    /// None only while dropping.
    running: Option<Running>,
}

impl Session {
    /// Begins work on this thread.
    ///
    /// # Errors
    /// `Closed`; `Backgrounded` where a GPU would be needed.
    pub(super) fn begin(inner: &Arc<Inner>, work: Work) -> Result<Self> {
        let running = Some(inner.lifecycle.begin(work)?);
        Ok(Self { inner: Arc::clone(inner), running })
    }

    /// Begins work on another thread that nobody waits for in the end.
    fn begin_elsewhere(inner: &Arc<Inner>) -> Result<Self> {
        let running = Some(inner.lifecycle.begin_elsewhere()?);
        Ok(Self { inner: Arc::clone(inner), running })
    }

    /// The caller's token, set as well when this work has to end.
    pub(super) fn token(&self, cancel: &CancelToken) -> CancelToken {
        self.running.as_ref().map_or_else(|| cancel.clone(), |running| cancel.within(&running.stop))
    }

    /// What a question is answered with.
    pub(super) fn pipeline(&self) -> Pipeline<'_> {
        let Inner { bundle, template, library, .. } = &*self.inner;
        Pipeline {
            models: self,
            library: library.as_ref(),
            retrieval: bundle.retrieval(),
            template,
            language: bundle.language(),
        }
    }

    /// Runs work on a thread of its own. A tower can't be interrupted and takes seconds on a phone: whoever is cancelled
    /// leaves it to itself, and it ends when it next looks.
    fn apart<T: Send + 'static>(
        &self,
        cancel: &CancelToken,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let session = Self::begin_elsewhere(&self.inner)?;
        let (send, done) = mpsc::sync_channel(1);
        let run = move || {
            let result = work(&session.inner);
            drop(session);
            // Whoever was cancelled listens no more.
            let _ = send.send(result);
        };
        let no_thread = |e| Error::new(ErrorKind::OutOfMemory, "no thread is left to encode on").with_source(e);
        thread::Builder::new().name("crane-encode".into()).spawn(run).map_err(no_thread)?;
        loop {
            match done.recv_timeout(PATIENCE) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => cancel.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Internal, "encoding failed unexpectedly; please report this"));
                }
            }
        }
    }
}

impl Models for Session {
    fn expect_language(&self) {
        self.inner.held.language.start();
    }

    fn encode(
        &self,
        question: &Question,
        want_photo: bool,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Encoded> {
        let (question, token) = (question.clone(), cancel.clone());
        let mut spent = *times;
        let (encoded, spent) = self.apart(cancel, move |inner| {
            let (photo, embedded) = match &question.image {
                Some(bytes) => inner.held.photo(bytes, want_photo, &token, &mut spent)?,
                None => (None, inner.held.text(&question.text, &token, &mut spent)?),
            };
            let (query, encoder) = (embedded.projected.clone(), inner.held.encoder_name());
            Ok((Encoded { photo, query, encoder }, spent))
        })?;
        *times = spent;
        Ok(encoded)
    }

    fn language(&self, cancel: &CancelToken) -> Result<Arc<Language>> {
        self.inner.held.language.get(cancel)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.running = None;
        if self.inner.lifecycle.is_over()
            && let Err(error) = self.inner.release()
        {
            tracing::warn!(kind = ?error.kind(), "closing the library");
        }
    }
}
