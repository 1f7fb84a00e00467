//! Runs scripts and compares outcomes: names for ids, and every key that is expected.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::script::{Script, photo};

/// A way to run steps. A step comes with ids in place of names, and goes back with ids.
pub(crate) trait Interface {
    /// What its language can express beyond what every language can.
    const CAN: &[&str];
    /// The step's outcome.
    fn perform(&mut self, step: &Value) -> Value;
    /// The outcomes of the same steps on so many threads at once, thread by thread.
    fn parallel(&mut self, times: usize, steps: &[Value]) -> Vec<Vec<Value>>;
}

/// Keys of steps and outcomes under which ids stand.
const IDS: [&str; 13] = [
    "id",
    "ids",
    "fired",
    "supersedes",
    "fact",
    "facts",
    "new",
    "same",
    "conflicts",
    "added",
    "replaced",
    "superseded",
    "skipped",
];

#[derive(Default)]
struct Names {
    ids: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Names {
    /// Every outcome of a step that gives a name is another fact of that name.
    fn give(&mut self, step: &Value, outcome: &Value) {
        if let (Some(name), Some(id)) = (step["as"].as_str(), outcome["id"].as_str()) {
            self.ids.insert(name.into(), id.into());
            self.names.insert(id.into(), name.into());
        }
    }

    fn to_ids(&self, step: &Value) -> Value {
        let mut step = step.clone();
        let known = |value: &mut Value| {
            if let Some(id) = value.as_str().and_then(|name| self.ids.get(name)) {
                *value = id.as_str().into();
            }
        };
        step.get_mut("id").into_iter().for_each(known);
        step.get_mut("ids").and_then(Value::as_array_mut).into_iter().flatten().for_each(known);
        step
    }

    fn to_names(&self, mut outcome: Value) -> Value {
        for key in IDS {
            match outcome.get_mut(key) {
                Some(Value::String(id)) => *id = self.name(id),
                Some(Value::Array(ids)) => {
                    ids.iter_mut().for_each(|id| *id = self.name(id.as_str().unwrap_or_default()).into());
                }
                _ => {}
            }
        }
        outcome
    }

    fn name(&self, id: &str) -> String {
        self.names.get(id).map_or_else(|| id.to_owned(), Clone::clone)
    }
}

/// Runs one script in a folder of its own.
pub(crate) fn run<I: Interface>(script: &Script, start: impl FnOnce(&Path) -> I) {
    let folder = tempfile::tempdir().unwrap();
    let mut interface = start(folder.path());
    let mut names = Names::default();
    for (at, step) in script.steps.iter().enumerate() {
        let place = format!("{}, step {}: {step}", script.name, at + 1);
        if step["needs"].as_str().is_some_and(|need| !can::<I>(need)) {
            println!("skipped: {place}");
        } else if step["do"] == "put" {
            put(folder.path(), step);
        } else if step["do"] == "parallel" {
            let steps: Vec<Value> = step["steps"].as_array().unwrap().iter().map(|step| names.to_ids(step)).collect();
            let times = usize::try_from(step["times"].as_u64().unwrap()).unwrap();
            for outcomes in interface.parallel(times, &steps) {
                assert_eq!(outcomes.len(), steps.len(), "{place}");
                steps.iter().zip(outcomes).for_each(|(step, outcome)| check(&place, &mut names, step, outcome));
            }
        } else {
            let outcome = interface.perform(&names.to_ids(step));
            check(&place, &mut names, step, outcome);
        }
    }
}

/// Whether a step can be done by this language and this build.
fn can<I: Interface>(need: &str) -> bool {
    match need {
        "encryption" => crane_ffi::has_encryption(),
        "no_encryption" => !crane_ffi::has_encryption(),
        need => I::CAN.contains(&need),
    }
}

/// Writes a file, as other programs and failing disks do.
fn put(folder: &Path, step: &Value) {
    let file = folder.join(step["file"].as_str().unwrap());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, photo(&step["content"])).unwrap();
}

fn check(place: &str, names: &mut Names, step: &Value, outcome: Value) {
    names.give(step, &outcome);
    let outcome = names.to_names(outcome);
    let none = json!({});
    let expect = step.get("expect").unwrap_or(&none).as_object().unwrap();
    assert_eq!(outcome.get("error"), expect.get("error"), "{place}: {outcome}");
    for (key, value) in expect {
        assert_eq!(outcome.get(key), Some(value), "{key} of {place}: {outcome}");
    }
}

/// Whether what was told of progress lies between 0 and 1, and ends with all of it.
pub(crate) fn told_all(shares: &[f32]) -> bool {
    shares.iter().all(|share| (0.0..=1.0).contains(share)) && shares.last() == Some(&1.0)
}

/// What happened during a question, collected and then held against its answer.
#[derive(Default)]
pub(crate) struct Events {
    order: Vec<&'static str>,
    thought: String,
    answer: String,
}

impl Events {
    pub(crate) fn add(&mut self, kind: &'static str, text: &str) {
        self.order.push(kind);
        match kind {
            "think" => self.thought.push_str(text),
            "answer" => self.answer.push_str(text),
            _ => {}
        }
    }

    /// The order is as promised, and the pieces make up the whole.
    pub(crate) fn check(&self, thought: &str, answer: &str) {
        assert_eq!(self.order[..2], ["routed", "decided"]);
        let rest = &self.order[2..];
        let thoughts = rest.iter().take_while(|kind| **kind == "think").count();
        assert!(thoughts < rest.len() && rest[thoughts..].iter().all(|kind| *kind == "answer"));
        assert_eq!((self.thought.as_str(), self.answer.as_str()), (thought, answer));
    }
}
