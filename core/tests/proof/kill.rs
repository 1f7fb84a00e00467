//! `kill -9` at random moments of a random script: every acknowledged change is there, and of the one under way all or
//! nothing; the next process goes on from there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::actor::Actor;
use crate::model::Model;
use crate::script::{Numbers, Script};
use crate::settings::{folder, process, report, setting};
use crate::verify::recovered;

/// So many processes are killed over one library, then a new one begins.
const ROUNDS_PER_LIBRARY: u64 = 20;

fn script(seed: u64) -> Script {
    Script { seed, bulk: 40 }
}

/// The process that gets killed; by itself it does nothing.
#[test]
fn victim() {
    let Ok(path) = std::env::var("CRANE_PROOF_VICTIM") else { return };
    let (script, from) = (script(setting("SEED", 0)), setting("FROM", 0) as usize);
    let mut model = script.states(from).1.pop().unwrap();
    say("start", from);
    let mut actor = Actor::new(Path::new(&path));
    if from > 0 {
        actor = Actor::resume(Path::new(&path), &model).unwrap();
    }
    for step in from.. {
        let op = script.op(step, &model);
        say("begun", step);
        actor.run(&op, &model).unwrap();
        say("done", step);
        model.apply(&op);
    }
}

fn say(what: &str, step: usize) {
    println!("\n{what} {step}");
    std::io::stdout().flush().unwrap();
}

#[test]
fn every_acknowledged_change_survives_kill_9() {
    let (rounds, seed) = (setting("ROUNDS", 8), setting("SEED", 1));
    let mut numbers = Numbers(seed);
    let (mut left, mut libraries, mut operations, mut amid) = (rounds, 0, 0, 0);
    while left > 0 {
        // Syncing takes its time on a disk, and none in memory: the kills fall on other places.
        let folder = if libraries % 2 == 0 { tempfile::tempdir().unwrap() } else { folder() };
        let script = script(numbers.next() >> 1);
        let (mut step, mut model) = (0, Model::default());
        for _ in 0..left.min(ROUNDS_PER_LIBRARY) {
            let killed =
                kill(&folder.path().join("library"), script, step, Duration::from_millis(numbers.next() % 300));
            for done in step..killed.done {
                model.apply(&script.op(done, &model));
            }
            let op = script.op(killed.done, &model);
            let mut next = model.clone();
            next.apply(&op);
            let under_way = (killed.begun > killed.done).then_some((&op, &next));
            let found = recovered(&folder.path().join("library"), &model, under_way)
                .unwrap_or_else(|what| panic!("seed {seed}, script {}, step {}: {what}", script.seed, killed.done));
            operations += killed.begun - step;
            amid += usize::from(under_way.is_some());
            let went_on = usize::from(std::ptr::eq(found, &next));
            (step, model) = (killed.done + went_on, found.clone());
            left -= 1;
        }
        libraries += 1;
    }
    let figures =
        [("rounds", rounds as usize), ("libraries", libraries), ("operations", operations), ("killed amid one", amid)];
    report("kill -9", &figures);
    assert!(operations > rounds as usize, "too little was done before the kills");
}

/// How far a killed process said it was.
struct Killed {
    begun: usize,
    done: usize,
}

/// Runs the victim from a step on, and kills it that long after it has started.
fn kill(path: &Path, script: Script, from: usize, after: Duration) -> Killed {
    let mut child = process("kill::victim")
        .env("CRANE_PROOF_VICTIM", path)
        .env("CRANE_PROOF_SEED", script.seed.to_string())
        .env("CRANE_PROOF_FROM", from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == format!("start {from}")), "the victim did not start");
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut killed = Killed { begun: from, done: from };
    for line in lines {
        // The last line may be cut short: then it was not said.
        let Some((what, step)) = line.split_once(' ') else { continue };
        match (what, step.parse::<usize>()) {
            ("begun", Ok(step)) if step == killed.begun => killed.begun += 1,
            ("done", Ok(step)) if step == killed.done => killed.done += 1,
            _ => {}
        }
    }
    killed
}
