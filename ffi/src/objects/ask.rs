//! Asking: on a thread of its own with a listener, or in place.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use crane_core::{CancelToken, ErrorKind, Runtime};

use super::{Answer, AnswerEvent, Crane, CraneError, Question, Result};

/// Told of what becomes of a question, on the question's own thread: events in their order, then exactly one of
/// `on_answer` and `on_error`, then nothing more.
///
/// It may call back into anything, `shut_down` included, but should not wait: the question waits for it. A listener that
/// throws ends its question, which is then told as `Cancelled`.
#[uniffi::export(with_foreign)]
pub trait AnswerListener: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: AnswerEvent) -> Result<(), ListenerError>;
    /// The question is answered.
    fn on_answer(&self, answer: Answer) -> Result<(), ListenerError>;
    /// The question has no answer.
    fn on_error(&self, error: CraneError) -> Result<(), ListenerError>;
}

/// What a listener throws, and what becomes of anything else that it throws.
#[derive(Debug, uniffi::Error)]
pub enum ListenerError {
    /// The listener can't go on.
    Failed,
}

impl std::fmt::Display for ListenerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the listener failed")
    }
}

impl std::error::Error for ListenerError {}

// What was thrown may repeat what was answered, so nothing of it is kept.
impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// A question under way. Dropping it cancels the question.
#[derive(uniffi::Object)]
pub struct AnswerTask {
    cancel: CancelToken,
}

#[uniffi::export]
impl AnswerTask {
    /// Ends the question with `Cancelled`, soon and at its next batch; does nothing when it has ended.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for AnswerTask {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[uniffi::export]
impl Crane {
    /// Answers a question on a thread of its own and tells the listener. Keep the task: dropping it cancels the question.
    ///
    /// Fails with `OutOfMemory` when there is no thread left; everything else is told to the listener: `InvalidInput` for
    /// a question that is empty or too long, `UnsupportedImage`, `ContextOverflow`, `Cancelled`, `Backgrounded`, `Closed`.
    pub fn ask(&self, question: Question, listener: Arc<dyn AnswerListener>) -> Result<Arc<AnswerTask>> {
        let cancel = CancelToken::new();
        let (runtime, token) = (Arc::clone(&self.runtime), cancel.clone());
        let run = move || tell(&runtime, question, &token, &*listener);
        let no_thread =
            |error| CraneError::new(ErrorKind::OutOfMemory, format!("no thread is left to ask on: {error}"));
        thread::Builder::new().name("crane-ask".into()).spawn(run).map_err(no_thread)?;
        Ok(Arc::new(AnswerTask { cancel }))
    }

    /// Answers a question on this thread and returns when that is done. `shut_down` ends it.
    ///
    /// Fails as the listener of `ask` is told.
    pub fn ask_blocking(&self, question: Question) -> Result<Answer> {
        Ok(self.runtime.ask(&question.into(), &CancelToken::new(), &mut |_| ())?.into())
    }
}

/// Answers and tells the end, come what may: a listener that hears nothing would be waited for for ever.
fn tell(runtime: &Runtime, question: Question, cancel: &CancelToken, listener: &dyn AnswerListener) {
    let answered = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut on_event = |event: crane_core::AnswerEvent| {
            // Whoever has cancelled, or has failed, is told of the end only.
            if !cancel.is_cancelled() && listener.on_event(event.into()).is_err() {
                cancel.cancel();
            }
        };
        runtime.ask(&question.into(), cancel, &mut on_event)
    }));
    // Nobody is left to hear of a listener that fails at the end.
    let _ = match answered {
        Ok(Ok(answer)) => listener.on_answer(answer.into()),
        Ok(Err(error)) => listener.on_error(error.into()),
        Err(_) => {
            let message = "answering failed unexpectedly; please report this".into();
            listener.on_error(CraneError::new(ErrorKind::Internal, message))
        }
    };
}
