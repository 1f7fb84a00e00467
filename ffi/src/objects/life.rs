//! A runtime's life in an app; `core/docs/LIFECYCLE.md` says what a host calls when.

use crane_core::CancelToken;

use super::progress::{Listener, shares};
use super::{Crane, Result, TrimLevel};

#[uniffi::export]
impl Crane {
    /// Loads every model now, so that the first question need not wait for it. The listener is told how far it is, never
    /// less than before, and 1 in the end. Shutting down ends the wait.
    ///
    /// Fails with `Cancelled` when the listener throws; the models go on loading. Also with `ModelCorrupt`, `OutOfMemory`,
    /// `Backgrounded`, `Closed`.
    #[uniffi::method(default(progress = None))]
    pub fn warm_up(&self, progress: Listener) -> Result {
        let cancel = CancelToken::new();
        self.runtime.warm_up_with(&cancel, &mut shares(&progress, &cancel))?;
        // What was loaded before is not waited for, so nobody may have looked.
        Ok(cancel.check()?)
    }

    /// Gives memory back, as an app is asked to when the system runs short. What a running question uses is given back
    /// when it ends.
    pub fn trim_memory(&self, level: TrimLevel) {
        self.runtime.trim_memory(level.into());
    }

    /// Call it when the app goes to the background, before it may be suspended: afterwards no GPU is used, no file is
    /// locked, and everything is on disk. Questions on a GPU end with `Backgrounded`, changes are refused with it.
    pub fn on_background(&self) -> Result {
        Ok(self.runtime.on_background()?)
    }

    /// Call it when the app is back in the foreground: everything works again.
    ///
    /// Fails with `LibraryLocked` when another process writes to the library now; the next change tries again.
    pub fn on_foreground(&self) -> Result {
        Ok(self.runtime.on_foreground()?)
    }

    /// Ends every question with `Closed`, waits for them, frees the models and closes the library. Any use afterwards
    /// fails with `Closed`; shutting down again does nothing.
    ///
    /// Called by a listener, it returns at once, and the end of that question does the rest. It is not named `close`,
    /// which in Kotlin frees the object itself.
    pub fn shut_down(&self) -> Result {
        Ok(self.runtime.close()?)
    }
}
