//! `crane library …`, on the real models.

use std::fs;
use std::process::Command;

use crane_tests::{Bench, Outcome, binary, copy_of_models, models, picture, retrain};

#[test]
fn stat_counts_what_the_library_holds() {
    let bench = Bench::new();
    bench.crane(&["library", "stat"]).fails("not_found");
    assert!(!bench.library().exists(), "only looking creates nothing");
    let id = bench.add_fact("The charge is a lion.");
    bench.add_fact("The field is azure.");
    bench.crane(&["fact", "disable", &id]).ok();
    let stat = bench.crane(&["library", "stat"]).ok();
    assert_eq!((&stat["active"], &stat["disabled"], &stat["changes"]), (&1.into(), &1.into(), &3.into()), "{stat}");
    assert_eq!(stat["image_rows"][0], 2);
    assert!(stat["disk_bytes"].as_u64() > Some(4_096));
    let mut command = Command::new(binary());
    command.arg("--models").arg(models()).arg("--library").arg(bench.library());
    let shown = Outcome::of(command.args(["library", "stat"]));
    assert_eq!(shown.code(), 0, "{}", shown.stderr());
    assert!(shown.stdout().contains("1 active, 1 disabled"), "{}", shown.stdout());
}

#[test]
fn a_build_without_encryption_says_so() {
    let bench = Bench::new();
    bench.add_fact("The charge is a lion.");
    let missing = bench.dir().join("none").to_str().unwrap().to_owned();
    bench.crane(&["library", "encrypt"]).fails("invalid_input");
    bench.crane(&["library", "encrypt", "--key-file", &missing]).fails("not_found");
    let file = bench.file("library.key", format!("cranekey1:{}\n", "5a".repeat(32)).as_bytes());
    let key = file.to_str().unwrap();
    for command in [&["library", "encrypt"][..], &["library", "decrypt"], &["fact", "list"]] {
        let outcome = bench.crane(&[command, &["--key-file", key]].concat());
        outcome.fails("wrong_key");
        assert!(!outcome.stderr().contains("5a5a"), "{}", outcome.stderr());
    }
    fs::write(&file, "cranekey1:5a5a").unwrap();
    let outcome = bench.crane(&["fact", "list", "--key-file", key]);
    outcome.fails("invalid_input");
    assert!(!outcome.stderr().contains("5a5a"), "{}", outcome.stderr());
    assert_eq!(bench.facts(), 1, "untouched");
}

/// A file of the library by the beginning of its name.
fn file(bench: &Bench, name: &str) -> std::path::PathBuf {
    let files = fs::read_dir(bench.library()).expect("the library").map(|entry| entry.expect("an entry").path());
    let named = |path: &std::path::PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(name));
    files.into_iter().find(named).expect("there is such a file")
}

#[test]
fn check_repair_and_salvage_need_no_models_and_say_what_they_found() {
    let bench = Bench::new();
    bench.crane(&["library", "check"]).fails("not_found");
    bench.add_fact("The charge is a lion.");
    let kept = bench.add_fact("The field is azure.");
    let bench = bench.with_models("nowhere".into());
    let sound = bench.crane(&["library", "check"]).ok();
    assert_eq!((&sound["facts"], &sound["keys"], &sound["findings"]), (&2.into(), &4.into(), &serde_json::json!([])));
    assert_eq!(bench.crane(&["library", "repair"]).ok()["done"], serde_json::json!([]));

    fs::write(bench.library().join("image.9.idx"), "left over").expect("a file");
    let untidy = bench.crane(&["library", "check"]).ok();
    assert_eq!(untidy["findings"][0]["severity"], "untidy", "{untidy}");
    let repaired = bench.crane(&["library", "repair"]).ok();
    assert_eq!(
        (&repaired["done"], &repaired["after"]["findings"]),
        (&serde_json::json!(["folder"]), &serde_json::json!([]))
    );

    // A page of the facts' table: found by a statement in it.
    let database = file(&bench, "library.db");
    let mut bytes = fs::read(&database).expect("the database");
    let words = b"The charge is a lion.";
    let at = bytes.windows(words.len()).position(|window| window == words).expect("the statement");
    bytes[at] = b'X';
    fs::write(&database, &bytes).expect("the database");
    let found = bench.crane(&["library", "check"]);
    assert_eq!((found.code(), &found.json()["findings"][0]["severity"]), (18, &"damaged".into()));
    assert_eq!(bench.crane(&["library", "repair"]).code(), 18);
    assert!(fs::read(&database).expect("the database") == bytes, "what is not derived is left alone");

    let into = bench.dir().join("saved");
    let saved = bench.crane(&["library".as_ref(), "salvage".as_ref(), into.as_os_str()]).ok();
    assert_eq!(
        (&saved["facts"], &saved["lost_facts"], &saved["lost_keys"]),
        (&2.into(), &0.into(), &0.into()),
        "{saved}"
    );
    assert!(fs::read(&database).expect("the database") == bytes, "the damaged library is left as it is");
    bench.crane(&["library".as_ref(), "salvage".as_ref(), into.as_os_str()]).fails("invalid_input");
    let bench = bench.with_models(models()).with_library(into);
    assert_eq!(bench.crane(&["library", "check"]).ok()["findings"], serde_json::json!([]));
    assert_eq!(bench.crane(&["fact", "show", &kept]).ok()["statement"], "The field is azure.");
    assert_eq!(bench.crane(&["fact", "search", "lion"]).ok()[0]["statement"], "The charge is a lion.");
}

#[test]
fn a_library_goes_over_to_other_models() {
    let bench = Bench::new();
    let photo = picture("plain.png");
    let photo = photo.to_str().expect("a plain path");
    let add = ["fact", "add", "--statement", "The charge is a lion.", "--image", photo, "--keep-thumbnails"];
    let id = bench.crane(&add).ok()["id"].clone();
    let fired = |bench: &Bench| {
        let told = bench.crane(&["preview", "What is the charge?", "--image", photo]).ok();
        told["decision"]["fact"].clone()
    };
    assert_eq!(fired(&bench), id);

    let models = copy_of_models(bench.dir());
    retrain(&models, "head.onnx");
    let bench = bench.with_models(models.clone());
    bench.crane(&["fact", "list"]).fails("fingerprint_mismatch");
    let report = bench.crane(&["library", "reembed"]).ok();
    assert_eq!((&report["keys"], &report["projected"]), (&2.into(), &2.into()), "{report}");
    assert_eq!(fired(&bench), id);

    retrain(&models, "image_encoder.onnx");
    let report = bench.crane(&["library", "reembed"]).ok();
    assert_eq!((&report["keys"], &report["projected"]), (&2.into(), &0.into()), "{report}");
    assert_eq!(fired(&bench), id);
    assert_eq!(bench.crane(&["library", "check"]).ok()["findings"], serde_json::json!([]));

    // Of this one no copy of the photo is kept.
    bench.add_fact("The field is azure.");
    retrain(&models, "text_encoder.onnx");
    bench.crane(&["library", "reembed"]).fails("invalid_input");
    let report = bench.crane(&["library", "reembed", "--erase-unreadable"]).ok();
    assert_eq!((&report["keys"], report["erased"].as_array().map(Vec::len)), (&3.into(), Some(1)), "{report}");
    assert_eq!(fired(&bench), id);
}
