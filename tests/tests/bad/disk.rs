//! A disk that is full.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crane_tests::{Bench, Outcome, binary, models};

/// Runs inside a mount namespace of its own: `$1` is a folder that becomes a disk of one megabyte, `$2` the program,
/// `$3` the models, `$4` a folder outside for what the runs answer.
const SCRIPT: &str = r#"
set -eu
disk=$1; crane=$2; models=$3; out=$4
mount -t tmpfs -o size=1m,mode=0700 tmpfs "$disk"
run() { name=$1; shift; code=0
  "$crane" --models "$models" --library "$disk/library" --json "$@" >"$out/$name" 2>"$out/$name.err" </dev/null || code=$?
  echo $code >"$out/$name.code"; }
run before fact add --statement "The charge is a lion."
dd if=/dev/zero of="$disk/filler" bs=4096 >/dev/null 2>&1 || true
run full fact add --statement "The field is azure."
run full-list fact list
run full-preview preview "The charge is a lion."
rm "$disk/filler"
run list fact list
run after fact add --statement "The field is azure."
"#;

/// A shell that may mount, where this system lets us have one.
fn mounting_shell() -> Option<Command> {
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    ways.into_iter().find_map(|way| {
        let mut probe = Command::new("unshare");
        probe.args(way).args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success()).then(|| {
            let mut shell = Command::new("unshare");
            shell.args(way).args(["sh", "-c", SCRIPT, "disk"]);
            shell
        })
    })
}

struct Answers(PathBuf);

impl Answers {
    fn read(&self, name: &str) -> Outcome {
        Outcome::of(
            Command::new("sh").args(["-c", "cat $0; cat $0.err >&2; exit $(cat $0.code)"]).arg(self.0.join(name)),
        )
    }
}

fn on_a_full_disk(bench: &Bench) -> Option<Answers> {
    let mut shell = mounting_shell()?;
    let (disk, out) = (bench.dir().join("disk"), bench.dir().join("out"));
    for folder in [&disk, &out] {
        std::fs::create_dir(folder).expect("the temporary folder is writable");
    }
    let status = shell.args([disk.as_path(), binary(), &models(), &out]).status().expect("the shell starts");
    assert!(status.success(), "the script itself failed");
    Some(Answers(out))
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that could not run says so")]
fn a_full_disk_is_reported_and_harms_nothing() {
    let bench = Bench::new();
    let Some(answers) = on_a_full_disk(&bench) else {
        eprintln!("SKIPPED: this system lets nobody mount a small disk (needs unshare and tmpfs)");
        return;
    };
    answers.read("before").ok();
    let message = answers.read("full").fails("storage_full");
    assert!(message.contains("space") || message.contains("full"), "{message}");
    for reading in ["full-list", "list"] {
        assert_eq!(answers.read(reading).ok().as_array().map(Vec::len), Some(1), "{reading}");
    }
    answers.read("full-preview").ok();
    answers.read("after").ok();
}

/// A limit on file sizes fails writes in another way, on every Unix and without rights.
#[test]
fn a_file_size_limit_is_reported_and_harms_nothing() {
    let bench = Bench::new();
    bench.add_fact("The charge is a lion.");
    let limited = |library: &Path| {
        let mut shell = Command::new("sh");
        // Ignored, the signal of the limit becomes an error of the write.
        shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]).arg(binary());
        shell.arg("--models").arg(models()).arg("--library").arg(library).arg("--json");
        shell.args(["fact", "add", "--statement", "The field is azure."]).stdin(Stdio::null());
        Outcome::of(&mut shell)
    };
    let outcome = limited(bench.library());
    assert_ne!(outcome.code(), 0, "a write past the limit cannot succeed");
    let kind = outcome.error_kind();
    assert!(["storage_full", "storage_failed"].contains(&kind.as_str()), "{kind}");
    assert_eq!(bench.facts(), 1);
    bench.crane(&["fact", "add", "--statement", "The field is azure."]).ok();
    assert_eq!(bench.facts(), 2);
}
