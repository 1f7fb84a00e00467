//! How large the campaigns are, and where they run. `cargo test` runs them small; `cargo xtask campaign` sets these
//! variables.

use std::path::Path;
use std::process::Command;

/// `CRANE_PROOF_NAME` from the environment, or what fits into a test.
pub fn setting(name: &str, small: u64) -> u64 {
    std::env::var(format!("CRANE_PROOF_{name}")).map_or(small, |text| text.parse().expect("a whole number"))
}

/// A line that `cargo xtask campaign` collects into its table.
pub fn report(campaign: &str, figures: &[(&str, usize)]) {
    let figures: Vec<String> = figures.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("\ncampaign: {campaign}: {}", figures.join(", "));
}

/// A folder for libraries under test: in memory where the system has such a place, as syncing is modelled, not needed.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// This test binary again, running one test only.
pub fn process(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}
