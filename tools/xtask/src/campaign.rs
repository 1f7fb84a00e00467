//! The campaigns behind core/docs/PROOF.md, large: what `cargo xtask test` runs small.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::{Result, cargo, place, shell};

/// A campaign: its tests, and what makes them large. The rounds go to the first variable.
struct Campaign {
    name: &'static str,
    tests: &'static [&'static str],
    rounds: (&'static str, u64),
    fixed: &'static [(&'static str, &'static str)],
}

const CAMPAIGNS: [Campaign; 4] = [
    Campaign { name: "kill", tests: &["kill::every"], rounds: ("ROUNDS", 1_000), fixed: &[] },
    Campaign { name: "power", tests: &["power::a_power"], rounds: ("STEPS", 30), fixed: &[("STRIDE", "1")] },
    Campaign { name: "storage", tests: &["storage::a_full"], rounds: ("STEPS", 20), fixed: &[("STRIDE", "1")] },
    Campaign { name: "damage", tests: &["damage::a_damaged"], rounds: ("ROUNDS", 1_000), fixed: &[("BITS", "8")] },
];

/// Targets of core/fuzz.
const FUZZED: [&str; 3] = ["index_open", "pack_import", "statement"];
/// Seconds for each of them.
const FUZZ_SECONDS: u64 = 300;

/// `campaign [NAME] [--rounds N] [--seed N]`: one campaign, or all; the figures are printed as they come.
pub(crate) fn run(args: &[String]) -> Result {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse::<u64>().ok()).ok_or(format!("{arg} needs a number"));
        match arg.as_str() {
            "--rounds" => options.rounds = Some(number()?),
            "--seed" => options.seed = Some(number()?),
            name if options.only.is_none() && (name == "fuzz" || CAMPAIGNS.iter().any(|c| c.name == name)) => {
                options.only = Some(name.to_owned());
            }
            other => return Err(format!("no campaign `{other}`: there are kill, power, storage, damage and fuzz")),
        }
    }
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    for campaign in CAMPAIGNS.iter().filter(|campaign| wanted(campaign.name)) {
        one(campaign, &options)?;
    }
    if wanted("fuzz") { fuzz(options.rounds.unwrap_or(FUZZ_SECONDS)) } else { Ok(()) }
}

#[derive(Default)]
struct Options {
    only: Option<String>,
    rounds: Option<u64>,
    seed: Option<u64>,
}

fn one(campaign: &Campaign, options: &Options) -> Result {
    println!("==> {}", campaign.name);
    let mut command = cargo::command();
    // The campaigns need no models: without them it builds in minutes less.
    command.args(["test", "--quiet", "-p", "crane-core", "--no-default-features", "--test", "proof", "--"]);
    command.args(campaign.tests).arg("--nocapture").stdout(Stdio::piped());
    let (name, rounds) = campaign.rounds;
    command.env(format!("CRANE_PROOF_{name}"), options.rounds.unwrap_or(rounds).to_string());
    command.envs(campaign.fixed.iter().map(|(name, value)| (format!("CRANE_PROOF_{name}"), *value)));
    command.envs(options.seed.map(|seed| ("CRANE_PROOF_SEED", seed.to_string())));
    let failed = |what: &str| format!("campaign {}: {what}", campaign.name);
    let mut child = command.spawn().map_err(|e| failed(&format!("cargo did not start: {e}")))?;
    let mut figures = 0;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
            if let Some(line) = line.strip_prefix("campaign: ") {
                println!("    {line}");
                figures += 1;
            }
        }
    }
    let status = child.wait().map_err(|e| failed(&e.to_string()))?;
    if !status.success() {
        return Err(failed(&format!("it failed ({status}); run it with the seed that it names")));
    }
    if figures == 0 { Err(failed("it printed no figures")) } else { Ok(()) }
}

/// Needs a nightly compiler and cargo-fuzz.
fn fuzz(seconds: u64) -> Result {
    for target in FUZZED {
        println!("==> fuzz {target}, {seconds} s");
        // What is found goes to the first folder, for the next run to go on from; the second is committed.
        let found = place::target().join("fuzz").join(target);
        std::fs::create_dir_all(&found).map_err(|e| format!("{}: {e}", found.display()))?;
        // Through rustup: the cargo on this path is one of a fixed toolchain.
        let mut command = shell::command("rustup");
        command.args(["run", "nightly", "cargo", "fuzz", "run", target]).arg(found);
        command.arg(format!("fuzz/corpus/{target}")).arg("--");
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        command.current_dir(place::root().join("core"));
        shell::run("cargo fuzz (`cargo install cargo-fuzz`, and a nightly toolchain)", &mut command)?;
    }
    Ok(())
}
