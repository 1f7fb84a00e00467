//! One piece of work of a runtime, from its beginning to its end.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::Inner;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;
use crate::lifecycle::{Running, Work};
use crate::pipeline::{Encoded, Language, Models, OnPhoto, Pipeline};
use crate::trace::StageTimes;
use crate::types::Question;

/// How often whoever waits for an encoder looks whether they were cancelled.
const PATIENCE: Duration = Duration::from_millis(10);

/// What the encoding thread says.
enum Said {
    Photo(Arc<Rgb>, bool),
    Done(Box<Result<(Encoded, StageTimes)>>),
}

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
}

impl Models for Session {
    fn expect_language(&self) {
        self.inner.held.language.start();
    }

    /// On a thread of its own. A tower can't be interrupted and takes seconds on a phone: whoever is cancelled leaves it to
    /// itself, and it ends when it next looks.
    fn encode(
        &self,
        question: &Question,
        mut on_photo: Option<OnPhoto<'_>>,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Encoded> {
        let session = Self::begin_elsewhere(&self.inner)?;
        let (send, said) = mpsc::channel();
        let (question, token, wants_photo) = (question.clone(), cancel.clone(), on_photo.is_some());
        let mut spent = *times;
        let run = move || {
            let mut tell = |photo, is_new| drop(send.send(Said::Photo(photo, is_new)));
            let on_photo: Option<OnPhoto<'_>> = if wants_photo { Some(&mut tell) } else { None };
            let result = session.inner.held.encode(&question, on_photo, &token, &mut spent);
            drop(session);
            // Whoever was cancelled listens no more.
            let _ = send.send(Said::Done(Box::new(result.map(|encoded| (encoded, spent)))));
        };
        let no_thread = |e| Error::new(ErrorKind::OutOfMemory, "no thread is left to encode on").with_source(e);
        thread::Builder::new().name("crane-encode".into()).spawn(run).map_err(no_thread)?;
        loop {
            match said.recv_timeout(PATIENCE) {
                Ok(Said::Photo(photo, is_new)) => {
                    if let Some(on_photo) = &mut on_photo {
                        on_photo(photo, is_new);
                    }
                }
                Ok(Said::Done(result)) => {
                    let (encoded, spent) = (*result)?;
                    *times = spent;
                    return Ok(encoded);
                }
                Err(RecvTimeoutError::Timeout) => cancel.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Internal, "encoding failed unexpectedly; please report this"));
                }
            }
        }
    }

    fn idle_language(&self) -> Option<Arc<Language>> {
        self.inner.held.language.loaded().filter(|_| self.inner.lifecycle.is_alone())
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
