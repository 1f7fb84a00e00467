//! What an evaluation found, per scenario and per index.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crane_core::{Backends, Route};
use serde::Serialize;

use super::judge::{Scenario, Verdict};
use super::stat::{Share, Spread};
use crate::screen::{BOLD, DIM};

/// One case, asked and judged.
#[derive(Serialize)]
pub(crate) struct Judged {
    pub(crate) scenario: Scenario,
    pub(crate) question: String,
    pub(crate) gold: String,
    pub(crate) answer: String,
    pub(crate) thought: String,
    /// The fact that should have fired, by its id in the facts file.
    pub(crate) fact: Option<String>,
    /// The one that did.
    pub(crate) fired: Option<String>,
    /// Whether the nearest fact is the expected one, whatever the threshold says; none where none is expected.
    pub(crate) hit: Option<bool>,
    pub(crate) route: Route,
    pub(crate) score: Option<f32>,
    pub(crate) total_us: u64,
    pub(crate) verdict: Verdict,
}

/// The figures of all cases.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) bundle: String,
    pub(crate) backends: Backends,
    pub(crate) scenarios: BTreeMap<&'static str, Figures>,
    /// Scores of the nearest fact, per index, for calibration.
    pub(crate) scores: BTreeMap<&'static str, Scores>,
}

/// One scenario's shares; none where a question doesn't arise.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) cases: usize,
    /// What the share below is a share of.
    pub(crate) success_is: &'static str,
    pub(crate) success: Option<Share>,
    pub(crate) exact: Option<Share>,
    pub(crate) grounded: Option<Share>,
    pub(crate) entity_used: Option<Share>,
    pub(crate) independent: Option<Share>,
    pub(crate) well_formed: Option<Share>,
    /// The nearest fact is the expected one.
    pub(crate) hit_at_1: Option<Share>,
    /// Some fact fired.
    pub(crate) fired: Option<Share>,
    pub(crate) median_ms: f64,
}

/// How the nearest fact scores.
#[derive(Serialize)]
pub(crate) struct Scores {
    /// The expected fact.
    pub(crate) expected: Option<Spread>,
    /// Another one, although a fact is expected.
    pub(crate) mistaken: Option<Spread>,
    /// Any, where none is expected.
    pub(crate) foreign: Option<Spread>,
}

impl Report {
    pub(crate) fn new(bundle: String, backends: Backends, all: &[Judged]) -> Self {
        let of = |scenario| all.iter().filter(move |judged| judged.scenario == scenario).collect::<Vec<_>>();
        let present =
            Scenario::ALL.into_iter().map(|scenario| (scenario, of(scenario))).filter(|(_, cases)| !cases.is_empty());
        let scenarios = present.map(|(scenario, cases)| (scenario.name(), Figures::new(scenario, &cases))).collect();
        let routes = [("image", Route::Image), ("text", Route::Text)];
        let scores = routes.map(|(name, route)| (name, Scores::new(all, route))).into();
        Self { bundle, backends, scenarios, scores }
    }

    /// The table that a person reads.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{BOLD}{:14} {:>5}  {:25} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}{BOLD:#}",
            "scenario", "cases", "success, 95 %", "exact", "indep.", "format", "hit@1", "fired", "ms", ""
        )?;
        for scenario in Scenario::ALL {
            if let Some(figures) = self.scenarios.get(scenario.name()) {
                figures.write(out, scenario.name())?;
            }
        }
        for (route, scores) in &self.scores {
            let spreads = [("expected", scores.expected), ("mistaken", scores.mistaken), ("foreign", scores.foreign)];
            for (name, spread) in spreads {
                if let Some(Spread { count, mean, p05, median, p95 }) = spread {
                    let label = format!("{route} {name}");
                    writeln!(
                        out,
                        "{DIM}scores, {label:14} n {count:5}  mean {mean:.3}  5 % {p05:.3}  median {median:.3}  95 % {p95:.3}{DIM:#}"
                    )?;
                }
            }
        }
        Ok(())
    }
}

impl Figures {
    fn new(scenario: Scenario, cases: &[&Judged]) -> Self {
        let verdicts = || cases.iter().map(|judged| judged.verdict);
        let times = cases.iter().map(|judged| judged.total_us as f64 / 1e3);
        Self {
            cases: cases.len(),
            success_is: scenario.success(),
            success: Share::of(verdicts().map(|v| v.success)),
            exact: Share::of(verdicts().map(|v| v.exact)),
            grounded: Share::of(verdicts().filter_map(|v| v.grounded)),
            entity_used: Share::of(verdicts().filter_map(|v| v.entity_used)),
            independent: Share::of(verdicts().filter_map(|v| v.independent)),
            well_formed: Share::of(verdicts().map(|v| v.well_formed)),
            hit_at_1: Share::of(cases.iter().filter_map(|judged| judged.hit)),
            fired: Share::of(cases.iter().map(|judged| judged.fired.is_some())),
            median_ms: Spread::of(times).map_or(0.0, |spread| spread.median),
        }
    }

    fn write(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        let short = |share: Option<Share>| share.map_or_else(String::new, |s| format!("{:.1}", s.share * 100.0));
        let success = self.success.map_or_else(String::new, |s| {
            format!("{:5.1}  [{:.1}, {:.1}]", s.share * 100.0, s.low * 100.0, s.high * 100.0)
        });
        writeln!(
            out,
            "{name:14} {:5}  {BOLD}{success:25}{BOLD:#} {:>7} {:>7} {:>7} {:>7} {:>7} {:7.0}  {DIM}{}{DIM:#}",
            self.cases,
            short(self.exact),
            short(self.independent),
            short(self.well_formed),
            short(self.hit_at_1),
            short(self.fired),
            self.median_ms,
            self.success_is
        )
    }
}

impl Scores {
    fn new(all: &[Judged], route: Route) -> Self {
        let spread = |hit: Option<bool>| {
            let those = all.iter().filter(move |judged| judged.route == route && judged.hit == hit);
            Spread::of(those.filter_map(|judged| judged.score).map(f64::from))
        };
        Self { expected: spread(Some(true)), mistaken: spread(Some(false)), foreign: spread(None) }
    }
}
