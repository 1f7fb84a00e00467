//! A full disk, and a device that fails, at every single step of a script: the error says so, nothing is half done, and
//! the same open library goes on once there is space again.

use std::path::Path;

use crane_core::{Error, ErrorKind};

use crate::actor::Actor;
use crate::model::{Model, Op};
use crate::script::Script;
use crate::settings::{folder, report, setting};
use crate::shim::{fail, finish, steps, under_shim};
use crate::verify::{verify, verify_folder};

/// MODES of the shim, and what a failure under them must be called.
const MODES: [(&str, &[ErrorKind]); 6] = [
    ("full", &[ErrorKind::StorageFull]),
    // Full for a moment only: when asked why, SQLite's file could be created.
    ("full-once", &[ErrorKind::StorageFull, ErrorKind::StorageFailed]),
    ("full-short", &[ErrorKind::StorageFull]),
    ("io", &[ErrorKind::StorageFailed]),
    ("io-once", &[ErrorKind::StorageFailed]),
    // A page that can't be read is damage, SQLite says.
    ("read-once", &[ErrorKind::StorageFailed, ErrorKind::LibraryCorrupt]),
];

#[test]
fn a_full_or_failing_disk_at_any_step_is_told_and_survived() {
    let root = folder();
    let output = finish(under_shim("storage::failing", root.path(), None));
    let told = String::from_utf8_lossy(&output.stdout);
    let figures = told.lines().filter(|line| line.starts_with("campaign: "));
    assert_eq!(figures.map(|line| println!("\n{line}")).count(), MODES.len(), "{told}");
}

/// The process whose files fail; by itself it does nothing.
#[test]
fn failing() {
    let Ok(root) = std::env::var("CRANE_SHIM_ROOT") else { return };
    let (script, count) = (Script { seed: setting("SEED", 1), bulk: 3 }, setting("STEPS", 20) as usize);
    let (ops, models) = script.states(count);
    let stride = setting("STRIDE", 60);
    let mut failures = Vec::new();
    for (mode, kinds) in MODES {
        let mut run = Run { root: Path::new(&root), ops: &ops, models: &models, mode, kinds, told: 0 };
        let all = run.count();
        let tried = (1 + script.seed % stride..=all).step_by(stride as usize);
        let tried =
            tried.map(|at| run.with_failure(at).unwrap_or_else(|what| failures.push(format!("{mode} {at}: {what}"))));
        let tried = tried.count();
        let figures =
            [("steps", all as usize), ("runs", tried), ("errors told", run.told), ("failures", failures.len())];
        report(&format!("disk {mode}"), &figures);
        assert!(run.told > 0, "{mode} made nothing fail");
    }
    assert!(failures.is_empty(), "seed {}:\n{}", script.seed, failures[..failures.len().min(30)].join("\n"));
}

struct Run<'a> {
    root: &'a Path,
    ops: &'a [Op],
    models: &'a [Model],
    mode: &'static str,
    kinds: &'static [ErrorKind],
    told: usize,
}

impl Run<'_> {
    /// How many steps there are without a failure.
    fn count(&mut self) -> u64 {
        let folder = tempfile::tempdir_in(self.root).unwrap();
        fail(self.mode, u64::MAX >> 1);
        let mut actor = Actor::new(folder.path());
        for (op, model) in self.ops.iter().zip(self.models) {
            actor.run(op, model).unwrap();
        }
        drop(actor);
        let all = steps();
        fail("off", 0);
        all
    }

    /// The script with a failure at a step, and what is wrong then.
    fn with_failure(&mut self, at: u64) -> Result<(), String> {
        fail("off", 0);
        let folder = tempfile::tempdir_in(self.root).unwrap();
        let path = folder.path().join("library");
        let mut actor = Actor::new(&path);
        fail(self.mode, at);
        let mut failed = None;
        for (step, op) in self.ops.iter().enumerate() {
            if let Err(error) = actor.run(op, &self.models[step]) {
                self.note(&error, op)?;
                failed = Some(step);
                break;
            }
        }
        let Some(failed) = failed else {
            // Nothing needed that step, or what failed can be done later, like writing an index file.
            fail("off", 0);
            return self.finished(&path, actor, self.models.last().unwrap());
        };
        // Nothing works, or all works again; nothing may be worse for having tried.
        let _ = actor.run(&Op::Flush, &self.models[failed]);
        fail("off", 0);
        self.go_on(&path, actor, failed)
    }

    fn go_on(&self, path: &Path, mut actor: Actor, failed: usize) -> Result<(), String> {
        let say = |what: &str, error: &Error| format!("{what} after {failed} {:?}: {error}", self.ops[failed]);
        if !actor.is_open() {
            actor.open().map_err(|error| say("opening", &error))?;
        }
        let (before, after) = (&self.models[failed], &self.models[failed + 1]);
        let mut model = match verify(actor.library(), before) {
            Ok(()) => before,
            Err(what) => verify(actor.library(), after).map(|()| after).map_err(|next| {
                format!("neither before ({what}) nor after {failed} {:?} ({next})", self.ops[failed])
            })?,
        };
        // The state after an operation that did nothing is both: then it need not be done again.
        let from = if std::ptr::eq(model, before) { failed } else { failed + 1 };
        actor.learn_names(model).map_err(|error| say("names", &error))?;
        for step in from..self.ops.len() {
            actor
                .run(&self.ops[step], model)
                .map_err(|error| say(&format!("going on with {:?}", self.ops[step]), &error))?;
            model = &self.models[step + 1];
        }
        self.finished(path, actor, model)
    }

    fn finished(&self, path: &Path, mut actor: Actor, model: &Model) -> Result<(), String> {
        verify(actor.library(), model).map_err(|what| format!("at the end: {what}"))?;
        actor.run(&Op::Flush, model).map_err(|error| format!("at the end: {error}"))?;
        actor.run(&Op::Reopen, model).map_err(|error| format!("at the end: {error}"))?;
        verify_folder(path, actor.library(), model).map_err(|what| format!("reopened at the end: {what}"))
    }

    fn note(&mut self, error: &Error, op: &Op) -> Result<(), String> {
        self.told += 1;
        if self.kinds.contains(&error.kind()) {
            return Ok(());
        }
        Err(format!("{op:?} gives {:?}: {error} ({:?})", error.kind(), std::error::Error::source(error)))
    }
}
