//! `crane library …`, on the real models.

use std::process::Command;

use crane_tests::{Bench, Outcome, binary, models};

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
    std::fs::write(&file, "cranekey1:5a5a").unwrap();
    let outcome = bench.crane(&["fact", "list", "--key-file", key]);
    outcome.fails("invalid_input");
    assert!(!outcome.stderr().contains("5a5a"), "{}", outcome.stderr());
    assert_eq!(bench.facts(), 1, "untouched");
}
