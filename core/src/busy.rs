//! Whoever is told of progress may call back in; but what is worked on is locked for just that work, on this very thread. A
//! change from there would wait for itself for ever, so it is refused.

use std::cell::Cell;

use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Tells of progress.
pub(crate) fn telling<T>(tell: impl FnOnce() -> T) -> T {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            TELLING.set(self.0);
        }
    }
    let _reset = Reset(TELLING.replace(true));
    tell()
}

/// `InvalidInput` for whoever is being told of progress.
pub(crate) fn check() -> Result<()> {
    if !TELLING.get() {
        return Ok(());
    }
    let message = "a library can't be changed by whoever is told how far work on it is: do it when the work is done";
    Err(Error::new(ErrorKind::InvalidInput, message))
}
