//! Changing a library's key is cut short: by a power loss after every step, by a full or failing disk at every step,
//! and by `kill -9`. Afterwards the old key opens the library or the new one does, with everything in it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crane_core::library::Library;
use crane_core::{ErrorKind, LibraryKey};

use crate::actor::Actor;
use crate::model::Model;
use crate::script::{Numbers, Script};
use crate::settings::{folder, process, report, setting};
use crate::shim::{fail, finish, mark, steps, under_shim};
use crate::support::{PRINT, key};
use crate::trace::{Disk, Loss, Step, read};
use crate::verify::{no_secret_is_left, verify};

/// The keys that a library goes through: that of the suites, another one, none, and again the first.
fn keys() -> [Option<LibraryKey>; 4] {
    [key(), Some(LibraryKey::from_bytes([0x3B; 32])), None, key()]
}

fn change(path: &Path, [old, new]: [&Option<LibraryKey>; 2]) -> crane_core::Result<()> {
    match (old, new) {
        (Some(old), Some(new)) => Library::rekey(path, old, new),
        (Some(old), None) => Library::decrypt(path, old),
        (None, Some(new)) => Library::encrypt(path, new),
        (None, None) => Ok(()),
    }
}

/// The library that has its keys changed, and what it holds.
fn model() -> Model {
    Script { seed: setting("SEED", 1), bulk: 4 }.states(20).1.pop().unwrap()
}

fn fill(path: &Path) {
    let script = Script { seed: setting("SEED", 1), bulk: 4 };
    let (ops, models) = script.states(20);
    let mut actor = Actor::new(path);
    ops.iter().zip(&models).for_each(|(op, model)| actor.run(op, model).unwrap());
}

/// Which of these keys opens the library; it must be exactly one, and the library be as it was.
fn opened(path: &Path, either: [&Option<LibraryKey>; 2], model: &Model) -> Result<usize, String> {
    let mut fits = Vec::new();
    for (at, key) in either.into_iter().enumerate() {
        match Library::open_with(path, &PRINT, key.as_ref()) {
            Ok(library) => {
                verify(&library, model)?;
                fits.push(at);
            }
            Err(error) if error.kind() == ErrorKind::WrongKey => {}
            Err(error) => return Err(format!("{error} ({:?})", std::error::Error::source(&error))),
        }
    }
    no_secret_is_left(path, model)?;
    let left = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    if let Some(left) = left.into_iter().find(|name| name.contains("copy")) {
        return Err(format!("{left} is left over"));
    }
    if let [one] = fits[..] { Ok(one) } else { Err(format!("{} keys open it", fits.len())) }
}

/// The process that is traced; by itself it does nothing.
#[test]
fn traced() {
    let Ok(root) = std::env::var("CRANE_SHIM_ROOT") else { return };
    let path = Path::new(&root).join("library");
    fill(&path);
    for (at, pair) in keys().windows(2).enumerate() {
        mark(&format!("begun {at}"));
        change(&path, [&pair[0], &pair[1]]).unwrap();
        mark(&format!("done {at}"));
    }
}

#[test]
fn a_power_loss_while_the_key_changes_leaves_the_old_one_or_the_new_one() {
    let (root, beside, model) = (folder(), folder(), model());
    let trace = beside.path().join("trace");
    finish(under_shim("rekey::traced", root.path(), Some(&trace)));
    let (stride, seed, keys) = (setting("STRIDE", 12) as usize, setting("SEED", 1) as usize, keys());
    let (mut disk, mut under_way, mut done, mut states) = (Disk::new(), false, 0, 0);
    let mut failures = Vec::new();
    for (at, step) in read(&trace).iter().enumerate() {
        disk.apply(step);
        if let Step::Mark(text) = step {
            under_way = text.starts_with("begun");
            done += usize::from(!under_way);
        }
        if !under_way || !(at + seed).is_multiple_of(stride) {
            continue;
        }
        let losses = [Loss::Nothing, Loss::Everything, Loss::Some(Numbers((at + seed) as u64))];
        for (kind, mut loss) in ["frozen", "lost", "mixed"].into_iter().zip(losses) {
            states += 1;
            let folder = folder();
            disk.write_to(folder.path(), &mut loss);
            if let Err(what) = opened(&folder.path().join("library"), [&keys[done], &keys[done + 1]], &model) {
                failures.push(format!("step {at}, {kind}, change {done}: {what}"));
            }
        }
    }
    assert!(done == 3 && states > 20, "the trace is too short");
    report("power loss while the key changes", &[("disks opened", states), ("failures", failures.len())]);
    assert!(failures.is_empty(), "{}", failures[..failures.len().min(20)].join("\n"));
}

/// The process whose files fail; by itself it does nothing.
#[test]
fn failing() {
    let Ok(root) = std::env::var("CRANE_SHIM_ROOT") else { return };
    let (path, model, keys) = (Path::new(&root).join("library"), model(), keys());
    fill(&path);
    let (mut now, mut tried, mut told) = (0, 0, 0);
    for mode in ["full", "full-short", "io", "io-once", "read-once"] {
        let stride = setting("STRIDE", 24);
        for at in (1 + setting("SEED", 1) % stride..).step_by(stride as usize) {
            let pair = [&keys[now], &keys[(now + 1) % 3]];
            fail(mode, at);
            let result = change(&path, pair);
            let reached = steps() >= at;
            fail("off", 0);
            let which = opened(&path, pair, &model).unwrap_or_else(|what| panic!("{mode} {at}: {what}"));
            assert!(result.is_ok() == (which == 1) || which == 1, "{mode} {at}: done, it said, and was not");
            now = (now + which) % 3;
            tried += 1;
            told += usize::from(result.is_err());
            if !reached {
                break;
            }
        }
    }
    report("disk fails while the key changes", &[("runs", tried), ("errors told", told)]);
    assert!(told > 5, "nothing failed");
}

#[test]
fn a_full_or_failing_disk_while_the_key_changes_leaves_the_old_one_or_the_new_one() {
    let output = finish(under_shim("rekey::failing", folder().path(), None));
    let told = String::from_utf8_lossy(&output.stdout);
    println!("\n{}", told.lines().find(|line| line.starts_with("campaign: ")).expect("the campaign reports"));
}

/// The process that gets killed; by itself it does nothing.
#[test]
fn victim() {
    let Ok(path) = std::env::var("CRANE_PROOF_REKEY") else { return };
    let (path, keys) = (Path::new(&path), keys());
    let now = opened_now(path);
    println!("\nstart");
    for at in now.. {
        change(path, [&keys[at % 3], &keys[(at + 1) % 3]]).unwrap();
    }
}

/// Which of the keys it is encrypted with.
fn opened_now(path: &Path) -> usize {
    let fits = |key: &Option<LibraryKey>| Library::open_with(path, &PRINT, key.as_ref()).is_ok();
    keys().iter().position(fits).expect("one of its keys opens it")
}

#[test]
fn a_kill_while_the_key_changes_leaves_the_old_one_or_the_new_one() {
    let folder = folder();
    let (path, model, mut numbers) = (folder.path().join("library"), model(), Numbers(setting("SEED", 1)));
    fill(&path);
    let rounds = setting("ROUNDS", 8);
    for round in 0..rounds {
        let mut child =
            process("rekey::victim").env("CRANE_PROOF_REKEY", &path).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "start"), "the victim did not start");
        std::thread::sleep(Duration::from_millis(numbers.next() % 250));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = opened_now(&path);
        let library = Library::open_with(&path, &PRINT, keys()[now].as_ref()).unwrap();
        verify(&library, &model).unwrap_or_else(|what| panic!("round {round}: {what}"));
    }
    report("kill -9 while the key changes", &[("rounds", rounds as usize)]);
}
