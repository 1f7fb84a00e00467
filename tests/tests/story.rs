//! The main job through the command line, on the demo's pictures: ask, correct, ask again, and ask about other things.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use crane_tests::{Bench, Outcome, binary, models};
use serde_json::Value;

/// Everything in `models/tiny` that is committed for people to run.
const MOST_BYTES: u64 = 20 << 20;

struct Story {
    pictures: PathBuf,
    script: toml::Table,
}

impl Story {
    fn read() -> Self {
        let pictures = models().join("demo");
        let script = std::fs::read_to_string(pictures.join("story.toml")).expect("the bundle has a story");
        Self { pictures, script: script.parse().expect("the story is TOML") }
    }

    fn tables(&self, name: &str) -> Vec<toml::Table> {
        let array = self.script[name].as_array().expect("an array of tables");
        array.iter().map(|item| item.as_table().expect("a table").clone()).collect()
    }

    /// Options of one fact or question: its picture, if it has one.
    fn picture(&self, item: &toml::Table) -> Vec<String> {
        let image = item.get("image").map(|image| self.pictures.join(text(image)).display().to_string());
        image.map(|image| vec!["--image".to_owned(), image]).unwrap_or_default()
    }
}

fn text(value: &toml::Value) -> &str {
    value.as_str().expect("a string")
}

fn ask(bench: &Bench, story: &Story, step: &toml::Table) -> Value {
    let mut args = vec!["ask".to_owned(), text(&step["question"]).to_owned()];
    args.extend(story.picture(step));
    bench.crane(&args).ok()
}

fn correct(bench: &Bench, story: &Story, fact: &toml::Table) -> String {
    // The story's emblems share a subject, "this emblem", and not a target.
    let mut args = ["fact", "add", "--on-conflict", "keep-both"].map(str::to_owned).to_vec();
    for name in ["statement", "subject", "target"] {
        args.extend(fact.get(name).map(|value| [format!("--{name}"), text(value).to_owned()]).into_iter().flatten());
    }
    args.extend(story.picture(fact));
    bench.crane(&args).ok()["id"].as_str().expect("a fact has an id").to_owned()
}

#[test]
fn the_story_goes_as_told() {
    let (bench, story) = (Bench::new(), Story::read());
    let facts: HashMap<String, toml::Table> =
        story.tables("fact").into_iter().map(|fact| (text(&fact["id"]).to_owned(), fact)).collect();
    let mut told = HashMap::new();
    let mut wrong = Vec::new();
    for step in story.tables("step") {
        if text(&step["kind"]) == "correct" {
            let name = text(&step["fact"]);
            told.insert(correct(&bench, &story, &facts[name]), name.to_owned());
            continue;
        }
        let answer = ask(&bench, &story, &step);
        check_shape(&answer);
        let scenario = text(&step["scenario"]);
        let fired = answer["fact"]["id"].as_str().map(|id| told[id].as_str());
        let (said, expected) = (answer["text"].as_str().unwrap_or_default(), text(&step["expect"]));
        if !said.eq_ignore_ascii_case(expected) {
            wrong.push(format!("{scenario}: {expected:?} expected, {said:?} said, fired: {fired:?}"));
        }
        // Where a correction was asked for, it fired, and the thought rests on it.
        if !["prior", "locality", "text_locality"].contains(&scenario) {
            assert!(fired.is_some(), "{scenario}: {answer}");
            assert_eq!(answer["trace"]["reply"]["cited"], true, "{scenario}: {answer}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every answer, whatever the model says, has this shape.
fn check_shape(answer: &Value) {
    let trace = &answer["trace"];
    assert_eq!(trace["reply"]["well_formed"], true, "{answer}");
    assert!(answer["thought"].as_str().is_some_and(|thought| !thought.is_empty()), "{answer}");
    assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty() && text.trim() == text), "{answer}");
    let outcome = trace["decision"]["outcome"].as_str();
    assert_eq!(outcome, Some(if answer["fact"].is_null() { "pass" } else { "fire" }), "{answer}");
    assert!(trace["encoder"].is_string() && trace["threshold"].is_number() && trace["times"]["total_us"].is_u64());
}

#[test]
fn a_disabled_fact_stays_silent_and_a_deleted_one_is_gone() {
    let (bench, story) = (Bench::new(), Story::read());
    let fact = &story.tables("fact")[0];
    let id = correct(&bench, &story, fact);
    let fires = || {
        let mut args = vec!["preview".to_owned(), "Whose emblem is this?".to_owned()];
        args.extend(story.picture(fact));
        bench.crane(&args).ok()["decision"]["outcome"] == "fire"
    };
    assert!(fires(), "its own photo finds a fact");
    bench.crane(&["fact", "disable", &id]).ok();
    assert!(!fires());
    assert_eq!(bench.crane(&["fact", "show", &id]).ok()["state"], "disabled");
    bench.crane(&["fact", "enable", &id[..8]]).ok();
    assert!(fires());
    bench.crane(&["fact", "delete", &id]).ok();
    assert!(!fires());
    assert_eq!(bench.facts(), 0);
}

#[test]
fn the_same_question_gets_the_same_answer() {
    let (bench, story) = (Bench::new(), Story::read());
    let facts = story.tables("fact");
    facts.iter().for_each(|fact| drop(correct(&bench, &story, fact)));
    let steps = story.tables("step");
    let step = steps.iter().find(|step| text(&step["kind"]) == "ask").expect("somebody asks something");
    let [first, second] = [ask(&bench, &story, step), ask(&bench, &story, step)];
    for part in ["text", "thought"] {
        assert_eq!(first[part], second[part]);
    }
    assert_eq!(first["trace"]["hits"], second["trace"]["hits"]);
}

#[test]
fn people_see_the_fact_the_thought_and_the_answer() {
    let (bench, story) = (Bench::new(), Story::read());
    let fact = &story.tables("fact")[0];
    correct(&bench, &story, fact);
    let mut command = Command::new(binary());
    command.arg("--models").arg(models()).arg("--library").arg(bench.library());
    let shown = Outcome::of(command.args(["ask", "Whose emblem is this?"]).args(story.picture(fact)));
    assert_eq!(shown.code(), 0, "{}", shown.stderr());
    for part in ["thought", "answer", text(&fact["statement"])] {
        assert!(shown.stdout().contains(part), "{part:?} in:\n{}", shown.stdout());
    }
    assert!(!shown.stdout().contains('\u{1b}'), "no colours where nobody looks");
}

#[test]
fn the_demo_writes_one_page_that_needs_nothing_else() {
    let bench = Bench::new();
    let page = bench.dir().join("page.html");
    let mut command = Command::new(binary());
    command.arg("--models").arg(models()).arg("--library").arg(bench.library()).arg("demo").arg("--html").arg(&page);
    let shown = Outcome::of(command.current_dir(bench.dir()));
    assert_eq!(shown.code(), 0, "{}{}", shown.stdout(), shown.stderr());
    let html = std::fs::read_to_string(page).expect("the demo wrote its page");
    assert!(html.contains("data:image/jpeg;base64,"), "pictures are inside");
    for outside in ["src=\"http", "href=\"http", "<link", "url(http"] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn the_command_line_documents_itself() {
    let run = |args: &[&str]| Outcome::of(Command::new(binary()).args(args));
    let help = run(&["--help"]);
    assert_eq!(help.code(), 0);
    for word in ["fact", "ask", "preview", "bundle", "demo", "Exit codes", "--json", "--library", "--models"] {
        assert!(help.stdout().contains(word), "{word} in the help");
    }
    assert_eq!(run(&["--no-such-option"]).code(), 2);
    assert_eq!(run(&["ask"]).code(), 2, "a question is missing");
}

#[test]
fn the_bundle_is_whole_and_small() {
    let report = Bench::new().crane(&["bundle", "verify"]).ok();
    let files = report["files"].as_array().expect("a list of files");
    assert!(files.len() >= 6, "{report}");
    let bytes: u64 = files.iter().filter_map(|file| file["size"].as_u64()).sum();
    assert!(bytes > 0 && bytes <= MOST_BYTES, "{bytes} bytes");
    let info = Bench::new().crane(&["bundle", "info"]).ok();
    assert_eq!((&info["name"], &info["language"]["architecture"]), (&report["name"], &"qwen2vl".into()), "{info}");
    assert!(info["language"]["parameters"].as_u64() > info["vision"]["parameters"].as_u64(), "{info}");
}
