//! Cancellation that any thread may ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// A flag shared between the asker and the work; once set it stays set.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    asked: Arc<AtomicBool>,
    /// The runtime's own reason to stop, where the work belongs to one.
    stop: Option<Stop>,
}

/// Stops all work that was begun with it, for one reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicU8>);

/// Why work stops that nobody cancelled. The greater one prevails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StopReason {
    /// The app went to the background, and the work used a GPU.
    Backgrounded = 1,
    /// The runtime was closed.
    Closed = 2,
}

impl Stop {
    pub(crate) fn set(&self, reason: StopReason) {
        self.0.fetch_max(reason as u8, Ordering::Relaxed);
    }

    fn get(&self) -> Option<StopReason> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(StopReason::Backgrounded),
            _ => Some(StopReason::Closed),
        }
    }
}

impl CancelToken {
    /// A token that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop at its next batch.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether the work was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.stop.as_ref().is_some_and(|stop| stop.get().is_some())
    }

    /// `Cancelled` once the token is set; `Backgrounded` or `Closed` when the runtime stopped the work.
    pub fn check(&self) -> Result<()> {
        if self.asked.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
        }
        match self.stop.as_ref().and_then(Stop::get) {
            None => Ok(()),
            Some(StopReason::Backgrounded) => Err(Error::backgrounded()),
            Some(StopReason::Closed) => Err(Error::closed()),
        }
    }

    /// The same token, which `stop` sets as well.
    pub(crate) fn within(&self, stop: &Stop) -> Self {
        Self { asked: Arc::clone(&self.asked), stop: Some(stop.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_wish_comes_first_and_the_greater_reason_prevails() {
        let (token, stop) = (CancelToken::new(), Stop::default());
        let inner = token.within(&stop);
        assert!(inner.check().is_ok());
        for (reason, kind) in [
            (StopReason::Backgrounded, ErrorKind::Backgrounded),
            (StopReason::Closed, ErrorKind::Closed),
            (StopReason::Backgrounded, ErrorKind::Closed),
        ] {
            stop.set(reason);
            assert!(inner.is_cancelled());
            assert_eq!(inner.check().unwrap_err().kind(), kind);
        }
        assert!(!token.is_cancelled(), "the caller's own token is the caller's");
        token.cancel();
        assert_eq!(inner.check().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
