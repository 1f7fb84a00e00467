//! A value that takes long to load: loaded once, on first use or ahead of it on a thread of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};

/// Loads a `T` when it is first needed. A load that failed is tried again by the next who asks.
///
/// Dropping it stops a load in the background and waits for its end: a process must not exit while a C++ library is
/// still starting up on another thread.
pub(crate) struct Lazy<T> {
    load: Arc<Load<T>>,
    cancel: CancelToken,
    slot: Mutex<Slot<T>>,
}

type Load<T> = dyn Fn(&CancelToken) -> Result<T> + Send + Sync;

enum Slot<T> {
    Empty,
    Loading(JoinHandle<Result<T>>),
    Ready(Arc<T>),
}

impl<T: Send + Sync + 'static> Lazy<T> {
    /// `load` should end soon after its token is set.
    pub(crate) fn new(load: impl Fn(&CancelToken) -> Result<T> + Send + Sync + 'static) -> Self {
        Self { load: Arc::new(load), cancel: CancelToken::new(), slot: Mutex::new(Slot::Empty) }
    }

    /// Begins to load in the background, unless that has begun; whoever needs the value finds it, or the error.
    pub(crate) fn start(&self) {
        let mut slot = self.slot();
        if let Slot::Empty = *slot {
            let (load, cancel) = (Arc::clone(&self.load), self.cancel.clone());
            // Without a thread to spare the value is loaded by whoever needs it.
            if let Ok(thread) = thread::Builder::new().name("crane-load".into()).spawn(move || load(&cancel)) {
                *slot = Slot::Loading(thread);
            }
        }
    }

    /// The value, waiting for it where it is being loaded.
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        let mut slot = self.slot();
        let loaded = match std::mem::replace(&mut *slot, Slot::Empty) {
            Slot::Ready(value) => Ok(value),
            Slot::Loading(thread) => thread.join().unwrap_or_else(|_| Err(panicked())).map(Arc::new),
            Slot::Empty => (self.load)(&self.cancel).map(Arc::new),
        };
        if let Ok(value) = &loaded {
            *slot = Slot::Ready(Arc::clone(value));
        }
        loaded
    }

    /// The value if it is there, without waiting.
    pub(crate) fn loaded(&self) -> Option<Arc<T>> {
        match &*self.slot.try_lock().ok()? {
            Slot::Ready(value) => Some(Arc::clone(value)),
            Slot::Empty | Slot::Loading(_) => None,
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        // A panic while loading leaves an empty slot, which is sound.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Lazy<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
        let slot = self.slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Slot::Loading(thread) = std::mem::replace(slot, Slot::Empty) {
            // What came of it matters no more.
            drop(thread.join());
        }
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "loading a model failed inside its library; please report this")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counting() -> (Arc<AtomicUsize>, Lazy<usize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        (count, Lazy::new(move |_| Ok(counted.fetch_add(1, Ordering::SeqCst))))
    }

    #[test]
    fn loads_once_whether_started_or_not() {
        for start in [false, true] {
            let (count, lazy) = counting();
            assert!(lazy.loaded().is_none() && count.load(Ordering::SeqCst) == 0);
            if start {
                lazy.start();
                lazy.start();
            }
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| assert_eq!(*lazy.get().unwrap(), 0));
                }
            });
            lazy.start();
            assert_eq!(lazy.loaded().as_deref(), Some(&0));
            assert_eq!(count.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn a_failure_is_reported_and_tried_again() {
        let tries = AtomicUsize::new(0);
        let lazy = Lazy::new(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::new(ErrorKind::ModelMissing, "not yet")),
            1 => panic!("worse"),
            n => Ok(n),
        });
        lazy.start();
        assert_eq!(lazy.get().unwrap_err().kind(), ErrorKind::ModelMissing);
        lazy.start();
        assert_eq!(lazy.get().unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(*lazy.get().unwrap(), 2);
    }

    #[test]
    fn dropping_stops_the_load_and_waits_for_it() {
        let ended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ended);
        let lazy = Lazy::new(move |cancel| {
            while !cancel.is_cancelled() {
                thread::yield_now();
            }
            count.fetch_add(1, Ordering::SeqCst);
            cancel.check()
        });
        lazy.start();
        drop(lazy);
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }
}
