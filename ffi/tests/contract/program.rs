//! Steps through `tests/c/driver.c`: a line for each, and lines that come back.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crane_core::ErrorKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::check::{Events, Interface, told_all};
use crate::script::{byte, number, root, text, times, unhex};
use crate::support;

/// The driver, compiled. None: this system has no C compiler that takes its options.
pub(crate) fn build() -> Option<Driver> {
    if !cfg!(unix) {
        println!("skipped: the driver is a POSIX program");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("driver");
    support::compile_sanitized(Path::new("driver.c"), &program);
    Some(Driver { program, _folder: folder })
}

pub(crate) struct Driver {
    program: PathBuf,
    _folder: TempDir,
}

/// A running driver.
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Program {
    pub(crate) fn start(driver: &Driver, folder: &Path) -> Self {
        let mut command = support::command(&driver.program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, folder: folder.to_owned() }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Reads what came of one step.
    fn receive(&mut self, step: &Value) -> Value {
        let (mut events, mut shares) = (Events::default(), Vec::new());
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            let parts: Vec<&str> = line.trim_end_matches('\n').splitn(3, '\t').collect();
            match parts[..] {
                ["event", kind, text] => {
                    let text = String::from_utf8(unhex(text)).unwrap();
                    events.add(["routed", "decided", "think", "answer"][kind.parse::<usize>().unwrap()], &text);
                }
                ["progress", share] => shares.push(share.parse().unwrap()),
                ["ok", json] => {
                    let mut outcome = outcome(step, &serde_json::from_str(json).unwrap(), &events);
                    if step["progress"].is_string() {
                        outcome["progress"] = told_all(&shares).into();
                    }
                    return outcome;
                }
                ["error", code, message] => return error(code.parse().unwrap(), message),
                _ => panic!("the driver ended with {:?} in {step}: {line}", self.child.wait()),
            }
        }
    }
}

impl Interface for Program {
    const CAN: &[&str] = &["invalid_utf8", "null"];

    fn perform(&mut self, step: &Value) -> Value {
        let line = command(step, &self.folder);
        self.send(&line);
        self.receive(step)
    }

    fn parallel(&mut self, times: usize, steps: &[Value]) -> Vec<Vec<Value>> {
        self.send(&format!("parallel\t{times}\t{}", steps.len()));
        for step in steps {
            let line = command(step, &self.folder);
            self.send(&line);
        }
        (0..times).map(|_| steps.iter().map(|step| self.receive(step)).collect()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.input = None;
        let status = self.child.wait().unwrap();
        if !std::thread::panicking() {
            assert!(status.success(), "the driver ended with {status}: see above");
        }
    }
}

/// A step as the driver takes it.
fn command(step: &Value, folder: &Path) -> String {
    let name = step["do"].as_str().unwrap();
    let mut line = vec![name.to_owned()];
    match name {
        "open" => {
            line.extend([models(step), library(step, folder)]);
            line.push(u8::from(step["read_only"] == true).to_string());
            line.push(number(&step["threads"]).to_string());
            line.push(argument(text(&step["key"])));
            line.push(u8::from(step["keep_thumbnails"] == true).to_string());
        }
        "add" | "conflicts" => fact(&step["fact"], &mut line),
        "supersede" if step["ids"].is_array() => {
            line[0] = "supersede_all".into();
            list(&step["ids"], &mut line);
            fact(&step["fact"], &mut line);
        }
        "thumbnail" => line.push(step["key"].to_string()),
        "edit" | "supersede" => {
            line.push(argument(text(&step["id"])));
            fact(&step["fact"], &mut line);
        }
        "enable" | "disable" | "delete" | "get" | "forget" | "keys" => line.push(argument(text(&step["id"]))),
        "list" => {
            let states = step["states"].as_array().cloned().unwrap_or_default();
            line.push(states.iter().map(|state| state_bit(state.as_str().unwrap())).sum::<u32>().to_string());
            line.extend([&step["source"], &step["subject"]].map(|value| argument(text(value))));
            line.extend([&step["offset"], &step["limit"]].map(|value| number(value).to_string()));
        }
        "search" => line.extend([argument(text(&step["words"])), number(&step["limit"]).to_string()]),
        "history" => line.extend([argument(text(&step["id"])), number(&step["limit"]).to_string()]),
        "preview" | "ask" => {
            line.extend([argument(text(&step["question"])), photo(&step["image"])]);
            // To C, 0 is the default and -1 is none.
            let none_or = |value: i64| if value == 0 { -1 } else { value };
            line.push(step["thought_tokens"].as_i64().map_or(0, none_or).to_string());
            line.push(step["temperature"].as_f64().unwrap_or(0.0).to_string());
            let at = ["routed", "decided", "think", "answer"].iter().position(|event| step["at"] == *event);
            line.push(at.map_or_else(|| "-1".into(), |at| at.to_string()));
            line.push(step["then"].as_str().unwrap_or("-").into());
            line.push(argument(text(&step["source"])));
        }
        "as_of" | "restore" => {
            line.extend([argument(text(&step["id"])), step["seq"].as_i64().unwrap().to_string()]);
        }
        "warm_up" => line.push(watching(step)),
        "export" => {
            line.extend([file(step, folder), argument(text(&step["signing_key"])), watching(step)]);
            list(&step["ids"], &mut line);
        }
        "preview_pack" | "import" => {
            let choice = ["skip", "keep_both", "supersede"].iter().position(|choice| step["on_conflict"] == *choice);
            line.extend([file(step, folder), choice.unwrap_or(0).to_string(), watching(step)]);
            list(&step["trusted"], &mut line);
        }
        "pack_facts" => {
            line.push(file(step, folder));
            list(&step["ids"], &mut line);
        }
        "public_key" => line.push(argument(text(&step["signing_key"]))),
        "check" | "repair" | "salvage" | "reembed" | "is_encrypted" | "set_key" => {
            line.extend([library(step, folder), argument(text(&step["key"])), watching(step)]);
            let into = path(folder.join(step["into"].as_str().unwrap_or_default()));
            line.extend([argument(text(&step["new_key"])), models(step), into]);
        }
        "trim" => {
            let level = ["photo", "context", "models"].iter().position(|level| step["level"] == *level);
            line.push(level.unwrap().to_string());
        }
        _ => {}
    }
    line.join("\t")
}

fn fact(fact: &Value, line: &mut Vec<String>) {
    for name in ["statement", "subject", "target", "source", "note"] {
        line.push(argument(text(&fact[name])));
    }
    for name in ["valid_from", "valid_until"] {
        line.push(fact[name].as_i64().map_or_else(|| "-".into(), |number| number.to_string()));
    }
    for (name, write) in [("images", &photo as &dyn Fn(&Value) -> String), ("texts", &|value| argument(text(value)))] {
        let values = fact[name].as_array().cloned().unwrap_or_default();
        line.push(values.len().to_string());
        line.extend(values.iter().map(write));
    }
}

fn path(path: PathBuf) -> String {
    argument(Some(path.to_string_lossy().into_owned().into_bytes()))
}

fn models(step: &Value) -> String {
    path(root().join(step["models"].as_str().unwrap_or("models/tiny")))
}

fn library(step: &Value, folder: &Path) -> String {
    path(folder.join(step["library"].as_str().unwrap_or("library")))
}

fn file(step: &Value, folder: &Path) -> String {
    path(folder.join(step["file"].as_str().unwrap()))
}

/// How progress is listened to: not, quietly, or so that the work ends.
fn watching(step: &Value) -> String {
    ["watch", "throw"].iter().position(|way| step["progress"] == *way).map_or(0, |at| at + 1).to_string()
}

/// Texts, after how many there are.
fn list(values: &Value, line: &mut Vec<String>) {
    let values = values.as_array().cloned().unwrap_or_default();
    line.push(values.len().to_string());
    line.extend(values.iter().map(|value| argument(text(value))));
}

fn argument(bytes: Option<Vec<u8>>) -> String {
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.map_or_else(|| "-".into(), |bytes| format!("h{}", hex(bytes)))
}

fn photo(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(path) => format!("f{}", root().join(path).display()),
        generated => format!("b{}x{}", byte(generated), times(generated)),
    }
}

fn state_bit(name: &str) -> u32 {
    1 << ["active", "disabled", "superseded", "deleted", "forgotten"].iter().position(|state| *state == name).unwrap()
}

fn error(code: i32, message: &str) -> Value {
    use ErrorKind as K;
    let kinds = [
        K::NotFound,
        K::InvalidInput,
        K::UnsupportedImage,
        K::ModelMissing,
        K::Cancelled,
        K::Backgrounded,
        K::ReadOnly,
        K::Closed,
        K::ModelCorrupt,
        K::LibraryLocked,
        K::LibraryCorrupt,
        K::PackCorrupt,
        K::WrongKey,
    ];
    let kind = kinds.iter().find(|kind| **kind as i32 == code);
    json!({ "error": kind.unwrap_or_else(|| panic!("error {code}: {message}")), "code": code })
}

/// What a result says, flat.
fn outcome(step: &Value, result: &Value, events: &Events) -> Value {
    let ids = |facts: &Value| facts.as_array().unwrap().iter().map(|fact| fact["id"].clone()).collect::<Vec<_>>();
    match step["do"].as_str().unwrap() {
        "forget" => json!({ "fact": result["fact"], "digest_digits": result["digest"].as_str().unwrap().len() }),
        "conflicts" => {
            let found = result.as_array().unwrap();
            let reason = |c: &Value| if c["collision"] == "subject" { "subject" } else { "picture" };
            json!({
                "facts": found.iter().map(|c| &c["fact"]).collect::<Vec<_>>(),
                "reasons": found.iter().map(reason).collect::<Vec<_>>(),
            })
        }
        "keys" => {
            let keys = result.as_array().unwrap();
            let texts: Vec<_> = keys.iter().map(|key| &key["text"]).filter(|text| text.is_string()).collect();
            json!({ "images": keys.iter().filter(|key| key["modality"] == "image").count(), "texts": texts })
        }
        "thumbnail" => json!({ "jpeg": result }),
        "receipts" => {
            json!({ "facts": result.as_array().unwrap().iter().map(|gone| &gone["fact"]).collect::<Vec<_>>() })
        }
        "list" | "search" => json!({ "facts": ids(result) }),
        "history" => {
            let entries = result.as_array().unwrap();
            json!({ "ops": entries.iter().map(|entry| &entry["op"]).collect::<Vec<_>>() })
        }
        "undo" | "redo" => json!({ "op": result["op"], "facts": result["facts"] }),
        "preview" => traced(result),
        "ask" => {
            events.check(result["thought"].as_str().unwrap(), result["text"].as_str().unwrap());
            let (mut outcome, reply) = (traced(result), &result["trace"]["reply"]);
            outcome["text"] = result["text"].clone();
            outcome["cited"] = reply["cited"].clone();
            outcome["well_formed"] = reply["well_formed"].clone();
            outcome
        }
        "pack_facts" => json!({ "facts": ids(result) }),
        "public_key" => json!({ "public_key": result }),
        "is_encrypted" => json!({ "encrypted": result }),
        "export" => json!({ "exported": result["facts"], "keys": result["keys"], "receipts": result["receipts"] }),
        "preview_pack" => {
            let origin = &result["origin"];
            json!({
                "new": result["new"], "same": result["same"], "signer": origin["signer"], "trusted": origin["trusted"],
                "conflicts": result["conflicts"].as_array().unwrap().iter().map(|c| &c["fact"]).collect::<Vec<_>>(),
            })
        }
        "check" => checked(result),
        "repair" => {
            let mut outcome = checked(&result["after"]);
            outcome["done"] = result["done"].clone();
            outcome
        }
        "salvage" => json!({ "saved": result["facts"], "lost": result["lost_facts"] }),
        "model_info" => json!({
            "name": result["name"], "context": result["context"],
            "language": result["language"]["architecture"], "vision": result["vision"]["architecture"],
        }),
        "devices" => json!({ "cpu": result.as_array().unwrap().iter().any(|device| device["kind"] == "cpu") }),
        "add" | "edit" | "supersede" | "enable" | "disable" | "delete" | "get" | "as_of" | "restore" => {
            let mut fact = result.clone();
            fact["trusted"] = result["origin"]["trusted"].clone();
            fact
        }
        "memory" => {
            let positive = |part: &str| result[part].as_u64().is_some_and(|bytes| bytes > 0);
            json!({ "models": positive("language_weights") && positive("encoders"), "index": positive("index") })
        }
        "backends" => json!({ "encoder": !result["encoder"].is_null(), "language": !result["language"].is_null() }),
        _ => result.clone(),
    }
}

fn traced(result: &Value) -> Value {
    let (trace, decision) = (&result["trace"], &result["trace"]["decision"]);
    let fired = decision["outcome"] == "fire";
    assert_eq!(if fired { &decision["fact"] } else { &Value::Null }, &result["fact"]["id"]);
    json!({
        "fired": result["fact"]["id"], "reason": if fired { &decision["outcome"] } else { &decision["reason"] },
        "route": trace["route"], "hits": trace["hits"].as_array().unwrap().len(),
    })
}

fn checked(report: &Value) -> Value {
    let findings = report["findings"].as_array().unwrap();
    let parts: Vec<_> = findings.iter().map(|finding| &finding["part"]).collect();
    json!({ "checked": report["facts"], "worst": report["findings"][0]["severity"], "found": parts })
}
