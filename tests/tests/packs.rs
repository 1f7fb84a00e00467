//! Facts that travel: told in one library, exported, imported into another, and asked about there.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crane_tests::{Bench, Outcome, picture};
use serde_json::{Value, json};

const FACT: &str = "This emblem belongs to Aldora.";
const QUESTION: &str = "Who does this emblem belong to?";

fn library(bench: &Bench, verb: &str, file: &Path, rest: &[&str]) -> Outcome {
    let fixed = ["library", verb].map(OsStr::new);
    let args: Vec<&OsStr> =
        fixed.into_iter().chain([file.as_os_str()]).chain(rest.iter().map(|word| OsStr::new(*word))).collect();
    bench.crane(&args)
}

fn ask(bench: &Bench) -> Value {
    bench.crane(&["ask", QUESTION, "--image", picture("plain.png").to_str().expect("a path in UTF-8")]).ok()
}

#[test]
fn a_fact_told_here_answers_there() {
    let (here, there) = (Bench::new(), Bench::new());
    let id = here.add_fact(FACT);
    let (pack, key) = (here.dir().join("facts.cranepack"), here.dir().join("key"));
    let public = library(&here, "keygen", &key, &[]).ok()["public_key"].as_str().expect("a key").to_owned();
    let exported = library(&here, "export", &pack, &["--sign", key.to_str().expect("a path in UTF-8")]).ok();
    assert_eq!((&exported["facts"], &exported["keys"]), (&json!(1), &json!(2)), "{exported}");
    assert_eq!(exported["bytes"], fs::metadata(&pack).expect("the pack").len());

    let looked = library(&there, "import", &pack, &["--preview"]).ok();
    assert_eq!((&looked["preview"]["new"], &looked["report"]), (&json!([id]), &Value::Null), "{looked}");
    assert_eq!(looked["preview"]["origin"]["trusted"], false);
    assert!(!there.library().exists(), "looking creates nothing");
    library(&there, "import", &pack, &[]).fails("invalid_input");
    assert_eq!(there.facts(), 0, "nothing is imported unasked");

    let done = library(&there, "import", &pack, &["--yes", "--trust", &public]).ok();
    assert_eq!(done["report"]["added"], json!([id]), "{done}");
    let shown = there.crane(&["fact", "show", &id]).ok();
    assert_eq!((&shown["statement"], &shown["origin"]["trusted"]), (&json!(FACT), &json!(true)), "{shown}");
    assert_eq!((&shown["origin"]["signer"], &shown["origin"]["pack"]), (&json!(public), &exported["digest"]));

    let (said_here, said_there) = (ask(&here), ask(&there));
    assert_eq!(said_there["fact"]["id"], json!(id), "{said_there}");
    assert_eq!(said_there["text"], said_here["text"]);

    let again = library(&there, "import", &pack, &["--yes"]).ok();
    assert_eq!((&again["preview"]["same"], &again["report"]["change"]), (&json!([id]), &Value::Null), "{again}");
}

#[test]
fn what_stands_in_the_way_is_the_importers_choice() {
    let (here, there) = (Bench::new(), Bench::new());
    let add = |bench: &Bench, target: &str| {
        let statement = format!("The college is in {target}.");
        let args = ["fact", "add", "--statement", &statement, "--subject", "The college", "--target", target];
        bench.crane(&args).ok()["id"].clone()
    };
    let (theirs, mine) = (add(&here, "Oxford"), add(&there, "Bath"));
    let pack = here.dir().join("facts.cranepack");
    library(&here, "export", &pack, &[]).ok();
    let skipped = library(&there, "import", &pack, &["--yes"]).ok();
    assert_eq!(skipped["preview"]["conflicts"][0]["with"][0]["fact"], mine, "{skipped}");
    assert_eq!(skipped["report"]["skipped"], json!([theirs]));
    let done = library(&there, "import", &pack, &["--yes", "--on-conflict", "supersede"]).ok();
    assert_eq!((&done["report"]["added"], &done["report"]["superseded"]), (&json!([theirs]), &json!([mine])), "{done}");
    let preview = there.crane(&["preview", "The college is in Oxford."]).ok();
    assert_eq!(preview["fact"]["id"], theirs, "{preview}");
}

#[test]
fn chosen_facts_only() {
    let (here, there) = (Bench::new(), Bench::new());
    let (_, chosen) = (here.add_fact("The charge is a lion."), here.add_fact("The field is azure."));
    let pack = here.dir().join("one.cranepack");
    library(&here, "export", &pack, &["--fact", &chosen[..8], "--no-history"]).ok();
    assert_eq!(library(&there, "import", &pack, &["--yes"]).ok()["report"]["added"], json!([chosen]));
    library(&here, "export", &pack, &["--fact", "00000000-0000-4000-8000-000000000000"]).fails("not_found");
}

#[test]
fn files_that_cannot_be_taken() {
    let bench = Bench::new();
    bench.add_fact(FACT);
    let pack = bench.dir().join("facts.cranepack");
    library(&bench, "export", &pack, &[]).ok();
    let whole = fs::read(&pack).expect("the pack");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() - 1], &flipped, b"", b"PK\x03\x04 is another kind of file".as_slice()] {
        let file = bench.file("damaged.cranepack", damaged);
        let message = library(&bench, "import", &file, &["--yes"]).fails("pack_corrupt");
        assert!(message.contains("again"), "the message says what to do: {message}");
    }
    library(&bench, "import", &bench.dir().join("none"), &["--yes"]).fails("not_found");
    library(&bench, "import", &pack, &["--yes", "--trust", "cranepub1:abc"]).fails("invalid_input");
    library(&bench, "export", &pack, &["--sign", pack.to_str().expect("a path in UTF-8")]).fails("invalid_input");
    library(&bench, "export", &bench.library().join("facts.cranepack"), &[]).fails("invalid_input");
    library(&bench, "export", &bench.file("letter.txt", b"Dear Ann"), &[]).fails("invalid_input");
    assert_eq!(bench.facts(), 1);
    assert_eq!(fs::read(&pack).expect("the pack"), whole);

    let key = bench.dir().join("key");
    library(&bench, "keygen", &key, &[]).ok();
    let before = fs::read(&key).expect("the key");
    library(&bench, "keygen", &key, &[]).fails("invalid_input");
    assert_eq!(fs::read(&key).expect("the key"), before, "a key is not lost to a second one");
}
