//! Steps about packs, models and libraries that nobody has open, through the objects.

use std::path::Path;
use std::sync::{Arc, Mutex};

use crane_ffi::{
    CheckReport, Crane, DeviceKind, ExportOptions, FactLibrary, ImportOptions, LibraryPart, ListenerError, OnConflict,
    ProgressListener, Repaired, Severity, pack_facts, public_key,
};
use serde_json::{Value, json};

use crate::check::told_all;
use crate::objects::{Outcome, facts, optional, words};
use crate::script::root;

/// Steps that need no open library. None: this is not one.
pub(crate) fn apart(folder: &Path, step: &Value) -> Option<Outcome> {
    let apart = ["check", "repair", "salvage", "reembed", "is_encrypted", "set_key", "pack_facts", "public_key"];
    step["do"].as_str().filter(|name| apart.contains(name)).map(|name| match name {
        "pack_facts" => pack_facts(file(folder, step), ids(step).unwrap_or_default()).map(|found| facts(&found)),
        "public_key" => public_key(words(&step["signing_key"])).map(|key| json!({ "public_key": key })),
        name => on_library(folder, name, step),
    })
}

fn on_library(folder: &Path, name: &str, step: &Value) -> Outcome {
    let library = FactLibrary::new(library(folder, step), optional(&step["key"]))?;
    match name {
        "is_encrypted" => Ok(json!({ "encrypted": library.is_encrypted()? })),
        "set_key" => library.set_key(optional(&step["new_key"])).map(|()| json!({})),
        name => watched(step, |progress| {
            Ok(match name {
                "check" => checked(&library.check(progress)?),
                "repair" => {
                    let report = library.repair(progress)?;
                    let mut outcome = checked(&report.after);
                    outcome["done"] = report.done.into_iter().map(repaired).collect();
                    outcome
                }
                "salvage" => {
                    let into = folder.join(step["into"].as_str().unwrap()).to_string_lossy().into_owned();
                    let report = library.salvage(into, Some(models(step)), progress)?;
                    json!({ "saved": report.facts, "lost": report.lost_facts })
                }
                _ => {
                    let report = library.reembed(models(step), false, progress)?;
                    json!({ "keys": report.keys, "projected": report.projected })
                }
            })
        }),
    }
}

pub(crate) fn with_packs_and_models(folder: &Path, crane: &Crane, step: &Value) -> Outcome {
    match step["do"].as_str().unwrap() {
        "export" => watched(step, |progress| {
            let signing_key = optional(&step["signing_key"]);
            let options = ExportOptions { facts: ids(step), thumbnails: true, history: true, signing_key };
            let report = crane.export_pack(file(folder, step), options, progress)?;
            Ok(json!({ "exported": report.facts, "keys": report.keys, "receipts": report.receipts }))
        }),
        "preview_pack" => watched(step, |progress| {
            let preview = crane.preview_pack(file(folder, step), import_options(step), progress)?;
            let conflicts: Vec<_> = preview.conflicts.into_iter().map(|conflict| conflict.fact).collect();
            Ok(json!({
                "new": preview.new, "same": preview.same, "conflicts": conflicts,
                "signer": preview.origin.signer, "trusted": preview.origin.trusted,
            }))
        }),
        "import" => watched(step, |progress| {
            let report = crane.import_pack(file(folder, step), import_options(step), progress)?;
            Ok(json!({
                "added": report.added, "replaced": report.replaced, "superseded": report.superseded,
                "skipped": report.skipped,
            }))
        }),
        "model_info" => {
            let info = crane.model_info()?;
            let (language, vision) = (info.language.architecture, info.vision.architecture);
            Ok(json!({ "name": info.name, "language": language, "vision": vision, "context": info.context }))
        }
        "devices" => {
            let is_cpu = |kind: DeviceKind| matches!(kind, DeviceKind::Cpu);
            Ok(json!({ "cpu": crane.devices()?.into_iter().any(|device| is_cpu(device.kind)) }))
        }
        other => panic!("no step does `{other}`"),
    }
}

/// Runs work with the listener that a step wants, and says whether what it was told makes sense.
pub(crate) fn watched(step: &Value, work: impl FnOnce(Option<Arc<dyn ProgressListener>>) -> Outcome) -> Outcome {
    let Some(wanted) = step["progress"].as_str() else { return work(None) };
    let watcher = Arc::new(Watcher { throws: wanted == "throw", shares: Mutex::default() });
    let mut outcome = work(Some(Arc::clone(&watcher) as Arc<dyn ProgressListener>))?;
    outcome["progress"] = told_all(&watcher.shares.lock().unwrap()).into();
    Ok(outcome)
}

struct Watcher {
    throws: bool,
    shares: Mutex<Vec<f32>>,
}

impl ProgressListener for Watcher {
    fn on_progress(&self, share: f32) -> Result<(), ListenerError> {
        self.shares.lock().unwrap().push(share);
        if self.throws { Err(ListenerError::Failed) } else { Ok(()) }
    }
}

fn checked(report: &CheckReport) -> Value {
    let worst = report.findings.first().map(|finding| match finding.severity {
        Severity::Untidy => "untidy",
        Severity::Derived => "derived",
        Severity::Damaged => "damaged",
    });
    let found: Vec<_> = report.findings.iter().map(|finding| part(finding.part)).collect();
    json!({ "checked": report.facts, "worst": worst, "found": found })
}

fn part(part: LibraryPart) -> &'static str {
    match part {
        LibraryPart::Database => "database",
        LibraryPart::Lookup => "lookup",
        LibraryPart::Facts => "facts",
        LibraryPart::Keys => "keys",
        LibraryPart::History => "history",
        LibraryPart::FullText => "full_text",
        LibraryPart::ImageIndex => "image_index",
        LibraryPart::TextIndex => "text_index",
        LibraryPart::Folder => "folder",
    }
}

fn repaired(repaired: Repaired) -> &'static str {
    match repaired {
        Repaired::Lookup => "lookup",
        Repaired::FullText => "full_text",
        Repaired::Index => "index",
        Repaired::Folder => "folder",
    }
}

fn import_options(step: &Value) -> ImportOptions {
    let trusted = step["trusted"].as_array().map(|keys| keys.iter().map(words).collect());
    let on_conflict = step["on_conflict"].as_str().map(|choice| match choice {
        "skip" => OnConflict::Skip,
        "keep_both" => OnConflict::KeepBoth,
        _ => OnConflict::Supersede,
    });
    ImportOptions { trusted: trusted.unwrap_or_default(), similarity: 0.95, on_conflict }
}

pub(crate) fn ids(step: &Value) -> Option<Vec<String>> {
    step["ids"].as_array().map(|ids| ids.iter().map(words).collect())
}

fn file(folder: &Path, step: &Value) -> String {
    folder.join(step["file"].as_str().unwrap()).to_string_lossy().into_owned()
}

pub(crate) fn library(folder: &Path, step: &Value) -> String {
    folder.join(step["library"].as_str().unwrap_or("library")).to_string_lossy().into_owned()
}

pub(crate) fn models(step: &Value) -> String {
    root().join(step["models"].as_str().unwrap_or("models/tiny")).to_string_lossy().into_owned()
}
