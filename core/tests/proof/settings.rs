//! How large the campaigns are. `cargo test` runs them small; `cargo xtask campaign` sets these variables.

/// `CRANE_PROOF_NAME` from the environment, or what fits into a test.
pub fn setting(name: &str, small: u64) -> u64 {
    std::env::var(format!("CRANE_PROOF_{name}")).map_or(small, |text| text.parse().expect("a whole number"))
}

/// A line that `cargo xtask campaign` collects into its table.
pub fn report(campaign: &str, figures: &[(&str, usize)]) {
    let figures: Vec<String> = figures.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("\ncampaign: {campaign}: {}", figures.join(", "));
}
