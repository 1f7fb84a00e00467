//! Which work is going on, and whether more may begin: in the foreground, in the background, or closed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::cancel::{Stop, StopReason};
use crate::error::{Error, Result};

/// The phases of a runtime's life, and the work that is under way in it.
pub(crate) struct Lifecycle {
    state: Mutex<State>,
    /// Work has begun or ended, or the phase is another.
    changed: Condvar,
}

struct State {
    phase: Phase,
    running: Vec<Entry>,
    next: u64,
    /// Ends plain work.
    stop: Stop,
    /// Ends the work on a GPU that begins during this stay in the foreground.
    stop_gpu: Stop,
    /// When the last work ended.
    idle_since: Instant,
    /// There was work since models were last unloaded for want of it.
    used: bool,
}

/// Where the app is, as it said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Foreground,
    Background,
    Closed,
}

/// What a piece of work needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The processor and the library.
    Plain,
    /// A GPU, which an app in the background may not use.
    Gpu,
}

struct Entry {
    number: u64,
    work: Work,
    /// None: work that its asker no longer waits for.
    thread: Option<ThreadId>,
}

/// A piece of work under way; dropping it says that it has ended.
pub(crate) struct Running {
    lifecycle: Arc<Lifecycle>,
    number: u64,
    /// Set when the work has to end.
    pub(crate) stop: Stop,
}

impl Lifecycle {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            phase: Phase::Foreground,
            running: Vec::new(),
            next: 0,
            stop: Stop::default(),
            stop_gpu: Stop::default(),
            idle_since: Instant::now(),
            used: false,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Lets work begin on this thread.
    ///
    /// # Errors
    /// `Closed`; `Backgrounded` for work that needs a GPU.
    pub(crate) fn begin(self: &Arc<Self>, work: Work) -> Result<Running> {
        self.enter(work, Some(thread::current().id()))
    }

    /// Lets work begin on another thread, for which nobody waits but who closes.
    pub(crate) fn begin_elsewhere(self: &Arc<Self>) -> Result<Running> {
        self.enter(Work::Plain, None)
    }

    fn enter(self: &Arc<Self>, work: Work, thread: Option<ThreadId>) -> Result<Running> {
        let mut state = self.state();
        match state.phase {
            Phase::Closed => return Err(Error::closed()),
            Phase::Background if work == Work::Gpu => return Err(Error::backgrounded()),
            Phase::Foreground | Phase::Background => {}
        }
        let number = state.next;
        state.next += 1;
        state.running.push(Entry { number, work, thread });
        if !state.used {
            state.used = true;
            self.changed.notify_all();
        }
        let stop = match work {
            Work::Plain => state.stop.clone(),
            Work::Gpu => state.stop_gpu.clone(),
        };
        Ok(Running { lifecycle: Arc::clone(self), number, stop })
    }

    /// `Closed` once it is closed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.phase() == Phase::Closed { Err(Error::closed()) } else { Ok(()) }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Closed, and nothing runs any more.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Closed && state.running.is_empty()
    }

    /// Whether the asker's is the only work that somebody waits for.
    pub(crate) fn is_alone(&self) -> bool {
        self.state().running.iter().filter(|entry| entry.thread.is_some()).count() == 1
    }

    /// Ends the work that uses a GPU and lets none begin. Returns once all of it has ended, except what this thread
    /// itself is in the middle of.
    pub(crate) fn to_background(&self) -> Result<()> {
        let mut state = self.state();
        if state.phase == Phase::Closed {
            return Err(Error::closed());
        }
        state.phase = Phase::Background;
        if !state.gpu_runs() {
            return Ok(());
        }
        state.stop_gpu.set(StopReason::Backgrounded);
        if state.runs_here(|work| work == Work::Gpu) {
            return Ok(());
        }
        while state.gpu_runs() && state.phase == Phase::Background {
            state = self.wait(state);
        }
        Ok(())
    }

    /// Lets everything begin again.
    pub(crate) fn to_foreground(&self) -> Result<()> {
        let mut state = self.state();
        if state.phase == Phase::Closed {
            return Err(Error::closed());
        }
        if state.phase == Phase::Background {
            state.phase = Phase::Foreground;
            // What was stopped stays stopped.
            state.stop_gpu = Stop::default();
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Ends all work and lets none begin. True once nothing runs; false at once when this thread itself is in the middle
    /// of some: nobody can wait for that.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state();
        state.phase = Phase::Closed;
        state.stop.set(StopReason::Closed);
        state.stop_gpu.set(StopReason::Closed);
        self.changed.notify_all();
        if state.runs_here(|_| true) {
            return false;
        }
        while !state.running.is_empty() {
            state = self.wait(state);
        }
        true
    }

    /// Waits until there was no work for so long after there was some, without a busy thread. False: it was closed.
    pub(crate) fn wait_idle(&self, time: Duration) -> bool {
        let mut state = self.state();
        loop {
            if state.phase == Phase::Closed {
                return false;
            }
            if !state.used || !state.running.is_empty() {
                state = self.wait(state);
                continue;
            }
            let left = time.saturating_sub(state.idle_since.elapsed());
            if left.is_zero() {
                state.used = false;
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn gpu_runs(&self) -> bool {
        self.running.iter().any(|entry| entry.work == Work::Gpu)
    }

    fn runs_here(&self, which: impl Fn(Work) -> bool) -> bool {
        let here = thread::current().id();
        self.running.iter().any(|entry| entry.thread == Some(here) && which(entry.work))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.lifecycle.state();
        state.running.retain(|entry| entry.number != self.number);
        state.idle_since = Instant::now();
        self.lifecycle.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelToken;
    use crate::error::ErrorKind;

    fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn the_background_ends_and_refuses_gpu_work_only() {
        let life = Lifecycle::new();
        let plain = life.begin(Work::Plain).unwrap();
        let plain = CancelToken::new().within(&plain.stop);
        life.to_background().unwrap();
        assert_eq!(kind(life.begin(Work::Gpu)), Some(ErrorKind::Backgrounded));
        assert_eq!(kind(life.begin(Work::Plain)), None);

        life.to_foreground().unwrap();
        let (begun, has_begun) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let work = life.begin(Work::Gpu).unwrap();
                begun.send(()).unwrap();
                let token = CancelToken::new().within(&work.stop);
                while !token.is_cancelled() {
                    thread::yield_now();
                }
                kind(token.check())
            });
            has_begun.recv().unwrap();
            life.to_background().unwrap();
            assert!(!life.state().gpu_runs(), "it has waited for the end");
            assert_eq!(worker.join().unwrap(), Some(ErrorKind::Backgrounded));
            assert!(plain.check().is_ok());
        });
        life.to_foreground().unwrap();
        let next = life.begin(Work::Gpu).unwrap();
        assert!(CancelToken::new().within(&next.stop).check().is_ok(), "what begins now is not stopped");
    }

    #[test]
    fn closing_waits_for_others_and_never_for_itself() {
        let life = Lifecycle::new();
        let elsewhere = life.begin_elsewhere().unwrap();
        let here = life.begin(Work::Gpu).unwrap();
        assert!(life.is_alone());
        drop(life.begin(Work::Plain).inspect(|_| assert!(!life.is_alone())));
        assert!(!life.close() && !life.is_over());
        assert_eq!(kind(life.begin(Work::Plain)), Some(ErrorKind::Closed));
        assert_eq!(kind(life.to_background()), Some(ErrorKind::Closed));
        assert_eq!(kind(life.to_foreground()), Some(ErrorKind::Closed));
        drop(here);
        thread::scope(|scope| {
            let closer = scope.spawn(|| life.close());
            drop(elsewhere);
            assert!(closer.join().unwrap());
        });
        assert!(life.is_over() && life.close() && !life.wait_idle(Duration::ZERO));
    }

    #[test]
    fn idleness_counts_from_the_end_of_the_last_work_and_once() {
        let life = Lifecycle::new();
        let work = life.begin(Work::Plain).unwrap();
        let (idle, has_idled) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                while life.wait_idle(Duration::from_millis(1)) {
                    idle.send(()).unwrap();
                }
            });
            assert!(has_idled.recv_timeout(Duration::from_millis(30)).is_err(), "work is under way");
            drop(work);
            has_idled.recv().unwrap();
            assert!(has_idled.recv_timeout(Duration::from_millis(30)).is_err(), "nothing has begun since");
            drop(life.begin(Work::Gpu).unwrap());
            has_idled.recv().unwrap();
            life.close();
        });
    }
}
