//! `crane fact …` that changes, takes back, finds and forgets, through the binary, with the library seen afterwards.

use std::fs;

use crane_tests::{Bench, picture};
use serde_json::{Value, json};

fn statement(bench: &Bench, id: &str) -> Value {
    bench.crane(&["fact", "show", id]).ok()["statement"].clone()
}

fn texts(bench: &Bench, id: &str) -> Vec<Value> {
    let shown = bench.crane(&["fact", "show", id]).ok();
    let keys = shown["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["text"].clone()).filter(|text| !text.is_null()).collect()
}

/// What a question finds, without the language model.
fn found(bench: &Bench, question: &str) -> Value {
    bench.crane(&["preview", question]).ok()["hits"][0]["fact"].clone()
}

#[test]
fn edit_changes_what_is_given_and_undo_and_redo_go_back_and_forth() {
    let bench = Bench::new();
    let add = ["fact", "add", "--statement", "The field is azure.", "--subject", "The field", "--note", "Seen."];
    let id = bench.crane(&add).ok()["id"].as_str().expect("an id").to_owned();
    let edit =
        ["fact", "edit", &id, "--statement", "The field is gules.", "--note", "", "--text", "colour of the shield"];
    let edited = bench.crane(&edit).ok();
    assert_eq!((&edited["statement"], &edited["subject"]), (&json!("The field is gules."), &json!("The field")));
    assert_eq!((&edited["note"], &edited["text_keys"]), (&Value::Null, &json!(2)));
    assert_eq!(texts(&bench, &id), ["The field is gules.", "colour of the shield"]);
    assert_eq!(found(&bench, "colour of the shield"), json!(id));

    let undone = bench.crane(&["fact", "undo"]).ok();
    assert_eq!((&undone["op"], &undone["undoes"], &undone["facts"]), (&json!("undo"), &json!(2), &json!([id])));
    assert_eq!(texts(&bench, &id), ["The field is azure."]);
    bench.crane(&["fact", "redo"]).ok();
    assert_eq!(statement(&bench, &id), "The field is gules.");
    assert_eq!(bench.crane(&["fact", "redo"]).ok(), Value::Null, "nothing is left to bring back");

    let history = bench.crane(&["fact", "history", &id[..8]]).ok();
    let ops: Vec<&Value> = history.as_array().expect("entries").iter().map(|entry| &entry["op"]).collect();
    assert_eq!(ops, ["redo", "undo", "edit", "add"]);
    assert_eq!(bench.crane(&["fact", "history", "--limit", "1"]).ok().as_array().map(Vec::len), Some(1));
    bench.crane(&["fact", "restore", &id, "--change", "1"]).ok();
    assert_eq!(statement(&bench, &id), "The field is azure.");
    bench.crane(&["fact", "restore", &id, "--change", "99"]).ok();
    bench.crane(&["fact", "edit", "0000", "--note", "x"]).fails("not_found");
    bench.crane(&["fact", "edit", &id, "--statement", ""]).fails("invalid_input");
}

#[test]
fn what_stands_against_a_new_fact_is_told_before_anything_is_stored() {
    let bench = Bench::new();
    let image = picture("plain.png");
    let image = image.to_str().expect("a path in UTF-8");
    let add = |target: &str, policy: &str, rest: &[&str]| {
        let statement = format!("The college is in {target}.");
        let args = ["fact", "add", "--statement", &statement, "--subject", "The college", "--target", target];
        bench.crane(&[&args[..], &["--on-conflict", policy], rest].concat())
    };
    let first = add("Oxford", "ask", &["--image", image]).ok()["id"].clone();
    for policy in ["ask", "cancel"] {
        let message = add("Bath", policy, &[]).fails("invalid_input");
        assert!(message.contains(first.as_str().expect("an id")), "{message}");
    }
    let same_picture = ["fact", "add", "--statement", "Something else.", "--image", image];
    bench.crane(&same_picture).fails("invalid_input");
    assert_eq!(bench.facts(), 1, "nothing is stored unasked");

    let both = add("Bath", "keep-both", &[]).ok();
    assert_eq!((&both["supersedes"], bench.facts()), (&Value::Null, 2));
    let third = add("Ely", "supersede", &[]).ok();
    let states = |bench: &Bench| -> Vec<Value> {
        let listed = bench.crane(&["fact", "list"]).ok();
        listed.as_array().expect("facts").iter().map(|fact| fact["state"].clone()).collect()
    };
    assert_eq!(states(&bench), ["active", "superseded", "superseded"]);
    assert_eq!(third["supersedes"], first);
    bench.crane(&["fact", "undo"]).ok();
    assert_eq!(states(&bench), ["active", "active"], "one undo brings both back");
}

#[test]
fn supersede_replaces_a_named_fact() {
    let bench = Bench::new();
    let old = bench.add_fact("The charge is a lion.");
    let new = bench.crane(&["fact", "supersede", &old, "--statement", "The charge is an eagle."]).ok();
    assert_eq!(new["supersedes"], json!(old));
    assert_eq!(bench.crane(&["fact", "show", &old]).ok()["state"], "superseded");
    assert_eq!(found(&bench, "The charge is an eagle."), new["id"]);
    bench.crane(&["fact", "supersede", &old, "--statement", "Again."]).fails("invalid_input");
}

#[test]
fn search_finds_facts_by_their_words() {
    let bench = Bench::new();
    assert_eq!(bench.crane(&["fact", "search", "anything"]).ok(), json!([]));
    let lion = bench.add_fact("The charge is a lion rampant.");
    bench.add_fact("The field is azure.");
    let search = |words: &[&str]| bench.crane(&[&["fact", "search"], words].concat()).ok();
    assert_eq!(search(&["LION"])[0]["id"], json!(lion));
    assert_eq!(search(&["charge", "ramp"]).as_array().map(Vec::len), Some(1));
    assert_eq!(search(&["the", "--limit", "1"]).as_array().map(Vec::len), Some(1));
    assert_eq!(search(&["lion OR azure"]), json!([]), "words are words");
    bench.crane(&["fact", "search", " "]).fails("invalid_input");
}

#[test]
fn forget_erases_and_leaves_a_receipt() {
    let bench = Bench::new();
    let id = bench.add_fact("Zqxvkwlion stands on the gate.");
    bench.add_fact("The field is azure.");
    let holds = |word: &str| {
        let files = fs::read_dir(bench.library()).expect("the library").map(|entry| entry.expect("an entry").path());
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("a file")).contains(word);
        files.into_iter().any(read)
    };
    assert!(holds("Zqxvkwlion") || holds("zqxvkwlion"));
    bench.crane(&["fact", "forget", &id]).fails("invalid_input");
    assert_eq!(bench.facts(), 2, "nothing is forgotten unasked");
    let receipt = bench.crane(&["fact", "forget", &id, "--yes"]).ok();
    assert_eq!((&receipt["fact"], receipt["digest"].as_str().map(str::len)), (&json!(id), Some(64)));
    assert!(!holds("Zqxvkwlion") && !holds("zqxvkwlion"));
    assert_eq!(bench.crane(&["fact", "show", &id]).ok()["state"], "forgotten");
    assert_eq!(bench.facts(), 1);
    bench.crane(&["fact", "forget", &id, "--yes"]).fails("not_found");
}
