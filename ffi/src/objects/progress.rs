//! How far work is, and ending it.

use std::sync::Arc;

use crane_core::CancelToken;

use super::ListenerError;
use crate::shared;

/// Told how far work is, on the thread that does it: 0 to 1. A listener that throws ends the work with `Cancelled`.
///
/// It may call back in, `shut_down` included; changes are refused with `InvalidInput`, since the library is busy.
#[uniffi::export(with_foreign)]
pub trait ProgressListener: Send + Sync {
    /// This share is done.
    fn on_progress(&self, share: f32) -> Result<(), ListenerError>;
}

/// A listener, where there is one.
pub(super) type Listener = Option<Arc<dyn ProgressListener>>;

/// Tells of work that is counted in steps.
pub(super) fn steps(listener: Listener) -> impl FnMut(u64, u64) -> crane_core::Result<()> {
    move |done, total| match &listener {
        Some(listener) => listener.on_progress(shared::share(done, total)).map_err(|_| shared::stopped()),
        None => Ok(()),
    }
}

/// Tells of work that is told in shares, and sets the token when the listener has had enough.
pub(super) fn shares<'a>(listener: &'a Listener, cancel: &'a CancelToken) -> impl FnMut(f32) + 'a {
    move |share| {
        if let Some(listener) = listener
            && !cancel.is_cancelled()
            && listener.on_progress(share).is_err()
        {
            cancel.cancel();
        }
    }
}
