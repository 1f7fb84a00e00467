//! `kill -9` while facts are added: every acknowledged one is there, whole, and searchable.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crane_core::library::FactFilter;
use crane_core::{FactId, FactState, Modality};

use crate::support::{open, record, unit};

/// The process that gets killed; by itself it does nothing.
#[test]
fn victim() {
    let Ok(path) = std::env::var("CRANE_TEST_VICTIM") else { return };
    let library = open(Path::new(&path));
    let first = library.list(&FactFilter::default()).unwrap().len() as u64;
    for seed in first.. {
        let id = library.add(record("Acknowledged.", seed)).unwrap().id;
        println!("\n+ {id} {seed}");
        if seed % 3 == 0 {
            library.disable(id).unwrap();
            println!("\n- {id} {seed}");
        }
        if seed % 7 == 0 {
            library.flush().unwrap();
        }
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn every_acknowledged_change_survives_kill_9() {
    let rounds = std::env::var("CRANE_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(FactId, u64, FactState)> = Vec::new();
    for round in 0..rounds {
        for line in killed_after(folder.path(), Duration::from_millis(40 + round * 37 % 160)) {
            let words: Vec<_> = line.split(' ').collect();
            let [sign, id, seed] = words[..] else { continue };
            let id = FactId(id.parse().unwrap());
            match sign {
                "+" => acknowledged.push((id, seed.parse().unwrap(), FactState::Active)),
                _ => acknowledged.last_mut().unwrap().2 = FactState::Disabled,
            }
        }
        check(folder.path(), &acknowledged);
    }
    assert!(!acknowledged.is_empty(), "nothing was tested");
}

/// Lines that the victim printed in full before it was killed.
fn killed_after(folder: &Path, time: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--nocapture"])
        .env("CRANE_TEST_VICTIM", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut line = String::new();
    // The clock starts with the first acknowledgement: how long start-up takes is not the point.
    while out.read_line(&mut line).unwrap() > 0 {
        let acknowledged = line.starts_with("+ ");
        lines.push(std::mem::take(&mut line));
        if acknowledged {
            break;
        }
    }
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.extend(out.lines().map(|line| line.unwrap() + "\n"));
    lines.retain(|line| line.ends_with('\n') && (line.starts_with("+ ") || line.starts_with("- ")));
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn check(folder: &Path, acknowledged: &[(FactId, u64, FactState)]) {
    let library = open(folder);
    for (at, (id, seed, state)) in acknowledged.iter().enumerate() {
        let fact = library.get(*id).unwrap();
        // The last line may have been cut off after its change was made.
        let last = at + 1 == acknowledged.len();
        assert!(fact.state == *state || last || seed % 3 == 0, "fact {seed} lost its state");
        assert_eq!((fact.image_keys, fact.text_keys), (1, 1));
        let hits = library.search(Modality::Image, &unit(*seed), 1).unwrap();
        let found = hits.first().is_some_and(|hit| hit.fact == *id);
        assert_eq!(found, fact.state == FactState::Active, "fact {seed} and the index disagree");
    }
    let stored = library.list(&FactFilter::default()).unwrap().len();
    assert!(stored >= acknowledged.len());
}
