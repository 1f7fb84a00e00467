//! Threads that do anything at any time: whatever the order, every call ends, nothing acknowledged is lost, and nothing
//! stays behind.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::super::*;
use super::fakes::{Bench, FACT, question};
use super::silent;

const THREADS: u64 = 4;
const STEPS: usize = 20;
/// 10,000 steps.
const ROUNDS: u64 = 125;
/// Far longer than it takes on the slowest machine.
const TOO_LONG: Duration = Duration::from_secs(1200);

/// xorshift64*: reproducible, which is all that is asked of it.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}

/// Fails where the work hangs.
fn within_time(work: impl FnOnce() + Send + 'static) {
    let (send, done) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        let _ = send.send(());
    });
    match done.recv_timeout(TOO_LONG) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => worker.join().expect("it doesn't panic"),
    }
}

#[test]
fn any_order_of_calls_ends_and_loses_nothing() {
    within_time(|| {
        for on_gpu in [false, true] {
            let bench = Bench::new(on_gpu);
            let mut stored = BTreeSet::new();
            for round in 0..ROUNDS / 2 + 1 {
                stored.extend(run_round(&bench, round * 2 + u64::from(on_gpu)));
                assert_eq!((bench.live(), bench.models.generating()), (0, 0), "round {round}");
            }
            let runtime = bench.open();
            let listed = runtime.facts(&FactFilter::default()).unwrap().iter().map(|fact| fact.id).collect();
            assert_eq!(stored, listed);
        }
    });
}

/// Some threads and one runtime; the facts that are there for good.
fn run_round(bench: &Bench, seed: u64) -> Vec<FactId> {
    let mut random = Random::new(seed);
    let idle = (random.below(3) == 0).then_some(Duration::from_micros(100));
    let runtime = bench.open_with(|options| options.idle_unload = idle);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let runtime = &runtime;
                    move || run_thread(runtime, seed * THREADS + number)
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no step panics")).collect()
    })
}

fn run_thread(runtime: &Runtime, seed: u64) -> Vec<FactId> {
    let mut random = Random::new(seed + 1_000_003);
    let mut mine = Vec::new();
    for _ in 0..STEPS {
        match random.below(20) {
            0..8 => ask(runtime, &mut random),
            8..11 => expect(runtime.preview(&question(random.below(2) == 0)), &[ErrorKind::Closed]),
            11..13 => match runtime.add_fact(FACT()) {
                Ok(fact) => mine.push(fact.id),
                refused => expect(refused, &[ErrorKind::Closed, ErrorKind::Backgrounded]),
            },
            13 => forget(runtime, &mut mine),
            other => disturb(runtime, &mut random, other),
        }
    }
    mine
}

/// Asks, and does something else in the middle of it.
fn ask(runtime: &Runtime, random: &mut Random) {
    let (cancel, mut events) = (CancelToken::new(), 0);
    let (cancel_at, disturb_at) = (random.below(12), random.below(24));
    let (stop, question) = (cancel.clone(), question(random.below(2) == 0));
    let answer = runtime.ask(&question, &cancel, &mut |_| {
        if events == cancel_at {
            stop.cancel();
        }
        if events == disturb_at {
            disturb(runtime, random, 14 + events % 6);
        }
        events += 1;
    });
    match answer {
        Ok(answer) => assert_eq!((answer.text.as_str(), answer.thought.as_str()), ("Pisa", "it says so")),
        refused => expect(refused, &[ErrorKind::Cancelled, ErrorKind::Backgrounded, ErrorKind::Closed]),
    }
}

fn forget(runtime: &Runtime, mine: &mut Vec<FactId>) {
    let (Some(id), Some(library)) = (mine.pop(), runtime.library()) else { return };
    if let Err(error) = library.forget(id) {
        mine.push(id);
        expect::<()>(Err(error), &[ErrorKind::Closed, ErrorKind::Backgrounded]);
    }
}

fn disturb(runtime: &Runtime, random: &mut Random, what: usize) {
    let closed = &[ErrorKind::Closed];
    match what {
        14 => runtime.trim_memory(TrimLevel::Photo),
        15 => runtime.trim_memory(TrimLevel::Models),
        16 => expect(runtime.on_background(), closed),
        17 | 18 => expect(runtime.on_foreground(), closed),
        _ if random.below(16) == 0 => runtime.close().unwrap(),
        _ => runtime.ask(&question(false), &CancelToken::new(), &mut silent).map_or((), drop),
    }
}

fn expect<T>(result: Result<T>, allowed: &[ErrorKind]) {
    if let Err(error) = result {
        assert!(allowed.contains(&error.kind()), "{error:?}");
    }
}
