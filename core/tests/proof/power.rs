//! Power loss, and a file system that freezes, after every single step of a script: what is on the disk then opens as
//! a library that holds every acknowledged change, and of the one under way all or nothing.

use std::path::Path;

use crate::actor::Actor;
use crate::model::{Model, Op};
use crate::script::{Numbers, Script};
use crate::settings::{folder, report, setting};
use crate::shim::{finish, mark, under_shim};
use crate::trace::{Disk, Loss, Step, read};
use crate::verify::{no_secret_is_left, recovered, verify, verify_folder};

fn script() -> (Script, usize) {
    (Script { seed: setting("SEED", 1), bulk: 4 }, setting("STEPS", 30) as usize)
}

/// The process that is traced; by itself it does nothing.
#[test]
fn traced() {
    let Ok(root) = std::env::var("CRANE_SHIM_ROOT") else { return };
    let (script, count) = script();
    let (ops, models) = script.states(count);
    let mut actor = Actor::new(&Path::new(&root).join("new/library"));
    for (step, op) in ops.iter().enumerate() {
        mark(&format!("begun {step}"));
        actor.run(op, &models[step]).unwrap();
        mark(&format!("done {step}"));
        verify(actor.library(), &models[step + 1]).unwrap_or_else(|what| panic!("after {op:?}: {what}"));
    }
}

#[test]
fn a_power_loss_after_any_step_leaves_all_that_was_acknowledged() {
    let (script, count) = script();
    let (root, beside) = (folder(), folder());
    let trace = beside.path().join("trace");
    finish(under_shim("power::traced", root.path(), Some(&trace)));
    let (ops, models) = script.states(count);
    let case = Case { ops: &ops, models: &models, seed: script.seed };
    let stride = setting("STRIDE", 40) as usize;
    let (mut disk, mut reached, mut states) = (Disk::new(), Reached::default(), 0);
    let mut failures = Vec::new();
    let steps = read(&trace);
    for (at, step) in steps.iter().enumerate() {
        disk.apply(step);
        reached.note(step);
        // Which steps are tried shifts with the seed.
        if (at + script.seed as usize).is_multiple_of(stride) {
            for kind in ["frozen", "lost", "mixed"] {
                states += 1;
                if let Err(what) = case.check(&disk, &reached, kind, at) {
                    failures.push(format!("step {at} of {}, {kind}, {reached:?}: {what}", steps.len()));
                }
            }
        }
    }
    assert!(reached.done == count && states > 50, "the trace is too short: {} steps", steps.len());
    report("power loss", &[("steps traced", steps.len()), ("disks opened", states), ("failures", failures.len())]);
    assert!(failures.is_empty(), "seed {}:\n{}", script.seed, failures[..failures.len().min(20)].join("\n"));
    unchanged(&disk, root.path());
}

/// How far the script was.
#[derive(Debug, Default)]
struct Reached {
    begun: usize,
    done: usize,
}

impl Reached {
    fn note(&mut self, step: &Step) {
        let Step::Mark(text) = step else { return };
        let (what, step) = text.split_once(' ').unwrap();
        *(if what == "begun" { &mut self.begun } else { &mut self.done }) = step.parse::<usize>().unwrap() + 1;
    }
}

struct Case<'a> {
    ops: &'a [Op],
    models: &'a [Model],
    seed: u64,
}

impl Case<'_> {
    /// Opens what is left after a power loss, and goes on from there.
    fn check(&self, disk: &Disk, reached: &Reached, kind: &str, at: usize) -> Result<(), String> {
        let (folder, mut numbers) = (folder(), Numbers(self.seed ^ at as u64));
        let mut loss = match kind {
            "frozen" => Loss::Nothing,
            "lost" => Loss::Everything,
            _ => Loss::Some(numbers.clone()),
        };
        disk.write_to(folder.path(), &mut loss);
        let path = folder.path().join("new/library");
        if numbers.below(2) == 0 && path.exists() {
            // Shared memory is not durable: after a restart it may hold anything.
            let noise: Vec<u8> = (0..32_768).map(|_| numbers.next() as u8).collect();
            std::fs::write(path.join("library.db-shm"), noise).unwrap();
        }
        // Erased is erased, even before the library is opened again.
        no_secret_is_left_if_acknowledged(&path, &self.models[reached.done])?;
        let under_way = reached.begun > reached.done;
        let under_way = under_way.then(|| (&self.ops[reached.done], &self.models[reached.begun]));
        let model = recovered(&path, &self.models[reached.done], under_way)?;
        let mut actor = Actor::resume(&path, model).map_err(|error| error.to_string())?;
        let mut model = model.clone();
        for op in [Op::Add(1), Op::Flush] {
            actor.run(&op, &model).map_err(|error| format!("{op:?} afterwards: {error}"))?;
            model.apply(&op);
        }
        verify_folder(&path, actor.library(), &model).map_err(|what| format!("afterwards: {what}"))
    }
}

fn no_secret_is_left_if_acknowledged(path: &Path, model: &Model) -> Result<(), String> {
    if path.exists() { no_secret_is_left(path, model) } else { Ok(()) }
}

/// The shim has missed nothing: its disk and the real one agree in every byte.
fn unchanged(disk: &Disk, root: &Path) {
    let copy = folder();
    disk.write_to(copy.path(), &mut Loss::Nothing);
    let library = root.join("new/library");
    for entry in std::fs::read_dir(&library).unwrap() {
        let name = entry.unwrap().file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            let both =
                [&library, &copy.path().join("new/library")].map(|folder| std::fs::read(folder.join(&name)).unwrap());
            assert!(both[0] == both[1], "{name:?} differs from its trace");
        }
    }
}
