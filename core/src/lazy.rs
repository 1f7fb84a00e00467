//! A value that takes long to load: loaded on a thread of its own, once, when it is first needed or ahead of that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};

/// How often whoever waits for a load looks whether they were cancelled.
const PATIENCE: Duration = Duration::from_millis(10);

/// Loads a `T` when it is first needed, and again after it was unloaded. A load that failed is tried again by the next
/// who asks. There are never two at a time, so that a large value is never in memory twice.
///
/// Dropping it stops a load in the background and waits for its end: a process must not exit while a C++ library is
/// still starting up on another thread.
pub(crate) struct Lazy<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    load: Box<Load<T>>,
    state: Mutex<State<T>>,
    /// A load has ended.
    ended: Condvar,
}

type Load<T> = dyn Fn(&CancelToken) -> Result<T> + Send + Sync;

struct State<T> {
    slot: Slot<T>,
    /// How many wait for the load.
    waiting: usize,
    /// The thread of the last load.
    thread: Option<JoinHandle<()>>,
}

enum Slot<T> {
    /// Work that is still under way may hold the value that was unloaded.
    Away(Weak<T>),
    /// Its token stops the load.
    Loading(CancelToken),
    Failed(Error),
    Ready(Arc<T>),
}

impl<T: Send + Sync + 'static> Lazy<T> {
    /// `load` should end soon after its token is set.
    pub(crate) fn new(load: impl Fn(&CancelToken) -> Result<T> + Send + Sync + 'static) -> Self {
        let state = Mutex::new(State { slot: Slot::Away(Weak::new()), waiting: 0, thread: None });
        Self { shared: Arc::new(Shared { load: Box::new(load), state, ended: Condvar::new() }) }
    }

    /// Begins to load in the background, unless that has begun; whoever needs the value finds it, or the error.
    pub(crate) fn start(&self) {
        let mut state = self.shared.state();
        // Without a thread to spare, whoever needs the value is told.
        let _ = self.begin(&mut state);
    }

    /// The value, waiting for it where it is being loaded.
    ///
    /// # Errors
    /// What loading gave; what `cancel` says once it is set. The load goes on then, for the next who asks.
    pub(crate) fn get(&self, cancel: &CancelToken) -> Result<Arc<T>> {
        self.get_watched(cancel, &mut || ())
    }

    /// As [`Lazy::get`]; `watch` is called now and then while it waits.
    ///
    /// # Errors
    /// As [`Lazy::get`].
    pub(crate) fn get_watched(&self, cancel: &CancelToken, watch: &mut dyn FnMut()) -> Result<Arc<T>> {
        let mut state = self.shared.state();
        loop {
            match &state.slot {
                Slot::Ready(value) => return Ok(Arc::clone(value)),
                Slot::Failed(_) => return Err(state.take_failure()),
                Slot::Away(_) | Slot::Loading(_) => cancel.check()?,
            }
            match self.begin(&mut state)? {
                Some(value) => return Ok(value),
                None => state = self.shared.wait(state),
            }
            drop(state);
            watch();
            state = self.shared.state();
        }
    }

    /// The value if it is there, without waiting for a load.
    pub(crate) fn loaded(&self) -> Option<Arc<T>> {
        match &self.shared.state().slot {
            Slot::Ready(value) => Some(Arc::clone(value)),
            Slot::Away(_) | Slot::Loading(_) | Slot::Failed(_) => None,
        }
    }

    /// The value wherever it still is: also where it was unloaded and work still holds it.
    pub(crate) fn living(&self) -> Option<Arc<T>> {
        match &self.shared.state().slot {
            Slot::Ready(value) => Some(Arc::clone(value)),
            Slot::Away(left) => left.upgrade(),
            Slot::Loading(_) | Slot::Failed(_) => None,
        }
    }

    /// Lets go of the value: its memory is free when this returns, or as soon as the work that uses it ends. A load for
    /// which nobody waits is stopped.
    pub(crate) fn unload(&self) {
        let mut state = self.shared.state();
        match std::mem::replace(&mut state.slot, Slot::Away(Weak::new())) {
            Slot::Ready(value) => {
                state.slot = Slot::Away(Arc::downgrade(&value));
                // With the lock held, so that the next load begins after its memory is free.
                drop(value);
            }
            Slot::Loading(cancel) => {
                if state.waiting == 0 {
                    cancel.cancel();
                }
                state.slot = Slot::Loading(cancel);
            }
            away @ Slot::Away(_) => state.slot = away,
            Slot::Failed(_) => {}
        }
    }

    /// Stops a load and waits for its end; a value that is there stays.
    pub(crate) fn interrupt(&self) {
        self.shared.interrupt();
    }

    /// Makes sure that the value is there, which it gives back, or being loaded.
    fn begin(&self, state: &mut State<T>) -> Result<Option<Arc<T>>> {
        let Slot::Away(left) = &state.slot else { return Ok(None) };
        if let Some(value) = left.upgrade() {
            state.slot = Slot::Ready(Arc::clone(&value));
            return Ok(Some(value));
        }
        let (shared, cancel) = (Arc::clone(&self.shared), CancelToken::new());
        let token = cancel.clone();
        let thread = thread::Builder::new().name("crane-load".into()).spawn(move || shared.run(&token));
        let no_thread = |e| Error::new(ErrorKind::OutOfMemory, "no thread is left to load a model").with_source(e);
        state.thread = Some(thread.map_err(no_thread)?);
        state.slot = Slot::Loading(cancel);
        Ok(None)
    }
}

impl<T> Shared<T> {
    /// Loads, on the thread that was begun for it.
    fn run(&self, cancel: &CancelToken) {
        let loaded = catch_unwind(AssertUnwindSafe(|| (self.load)(cancel))).unwrap_or_else(|_| Err(panicked()));
        let mut state = self.state();
        state.slot = match loaded {
            // With the lock held, as in `unload`.
            unwanted if cancel.is_cancelled() => {
                drop(unwanted);
                Slot::Away(Weak::new())
            }
            Ok(value) => Slot::Ready(Arc::new(value)),
            Err(error) => Slot::Failed(error),
        };
        self.ended.notify_all();
    }

    fn interrupt(&self) {
        let mut state = self.state();
        if let Slot::Loading(cancel) = &state.slot {
            cancel.cancel();
        }
        let thread = state.thread.take();
        while matches!(&state.slot, Slot::Loading(cancel) if cancel.is_cancelled()) {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        if let Some(thread) = thread {
            // What came of it is in the slot.
            drop(thread.join());
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A value that panics when it is dropped has left the slot empty, which is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        state.waiting += 1;
        let (mut state, _) = self.ended.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }
}

impl<T> State<T> {
    fn take_failure(&mut self) -> Error {
        match std::mem::replace(&mut self.slot, Slot::Away(Weak::new())) {
            Slot::Failed(error) => error,
            Slot::Away(_) | Slot::Loading(_) | Slot::Ready(_) => panicked(),
        }
    }
}

impl<T> Drop for Lazy<T> {
    fn drop(&mut self) {
        self.shared.interrupt();
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "loading a model failed inside its library; please report this")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn get<T: Send + Sync + 'static>(lazy: &Lazy<T>) -> Result<Arc<T>> {
        lazy.get(&CancelToken::new())
    }

    fn counting() -> (Arc<AtomicUsize>, Lazy<usize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        (count, Lazy::new(move |_| Ok(counted.fetch_add(1, Ordering::SeqCst))))
    }

    /// Loads until it is told to stop, and counts the loads that have ended.
    fn endless() -> (Arc<AtomicUsize>, Lazy<()>) {
        let ended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ended);
        let lazy = Lazy::new(move |cancel| {
            while !cancel.is_cancelled() {
                thread::yield_now();
            }
            count.fetch_add(1, Ordering::SeqCst);
            // Too late to be stopped: the value is thrown away.
            Ok(())
        });
        (ended, lazy)
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
                    scope.spawn(|| assert_eq!(*get(&lazy).unwrap(), 0));
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
        assert_eq!(get(&lazy).unwrap_err().kind(), ErrorKind::ModelMissing);
        lazy.start();
        assert_eq!(get(&lazy).unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(*get(&lazy).unwrap(), 2);
    }

    #[test]
    fn dropping_stops_the_load_and_waits_for_it() {
        let (ended, lazy) = endless();
        lazy.start();
        drop(lazy);
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_is_cancelled_does_not_wait_and_the_load_goes_on() {
        let (ended, lazy) = endless();
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| lazy.get(&cancel).unwrap_err().kind());
            cancel.cancel();
            assert_eq!(waiter.join().unwrap(), ErrorKind::Cancelled);
        });
        assert_eq!(lazy.get(&cancel).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(ended.load(Ordering::SeqCst), 0);
        lazy.start();
        lazy.interrupt();
        assert!(ended.load(Ordering::SeqCst) > 0 && lazy.loaded().is_none());
    }

    #[test]
    fn what_is_unloaded_is_loaded_again_but_never_twice() {
        let (count, lazy) = counting();
        let held = get(&lazy).unwrap();
        lazy.unload();
        assert!(lazy.loaded().is_none());
        assert!(Arc::ptr_eq(&held, &get(&lazy).unwrap()), "work still holds it");
        lazy.unload();
        let gone = Arc::downgrade(&held);
        drop(held);
        assert!(gone.upgrade().is_none());
        assert_eq!((*get(&lazy).unwrap(), count.load(Ordering::SeqCst)), (1, 2));
        lazy.unload();
        lazy.unload();
        assert_eq!(*get(&lazy).unwrap(), 2);
    }

    #[test]
    fn unloading_stops_a_load_that_nobody_waits_for() {
        let (ended, lazy) = endless();
        lazy.start();
        lazy.unload();
        lazy.interrupt();
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert!(lazy.loaded().is_none());
    }
}
