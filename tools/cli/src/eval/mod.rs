//! `crane eval`: asks every case of an evaluation set through the runtime, and judges the replies by rule.

mod cases;
mod judge;
mod report;
mod stat;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crane_core::{CancelToken, Error, ErrorKind, FactId, OpenOptions, Question, Result, Runtime};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::EvalArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::{photo, screen};
use cases::{Case, CaseFact};
pub(crate) use judge::same;
use judge::{Expected, FactWords, Given, Scenario};
use report::{Judged, Report};

/// One library of an evaluation set, built and open.
struct Bench {
    runtime: Runtime,
    facts: HashMap<FactId, CaseFact>,
    /// The library lives as long as this.
    _folder: tempfile::TempDir,
}

pub(crate) fn run(context: &Context, args: &EvalArgs) -> std::result::Result<(), Failure> {
    let folder = args.cases.parent().unwrap_or(Path::new(""));
    let cases = chosen(cases::read_lines(&args.cases)?, args);
    let mut by_library: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        by_library.entry(&case.library).or_default().push(case);
    }
    let mut judged = Vec::with_capacity(cases.len());
    let mut versions = (String::new(), crane_core::Backends::default());
    for (library, cases) in by_library {
        let bench = build(context, folder, library)?;
        let bar = progress(cases.len(), &format!("asking {library}"));
        for case in cases {
            judged.push(ask(&bench, folder, case)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let bundle = bench.runtime.bundle();
        versions = (format!("{} {}", bundle.name(), bundle.version()), bench.runtime.backends());
    }
    let report = Report::new(versions.0, versions.1, &judged);
    if let Some(path) = &args.replies {
        write_lines(path, &judged)?;
    }
    if let Some(path) = &args.report {
        write_lines(path, [&report])?;
    }
    if context.json { Ok(screen::json(&report)?) } else { Ok(report.write(&mut screen::stdout())?) }
}

/// The cases that the arguments leave.
fn chosen(cases: Vec<Case>, args: &EvalArgs) -> Vec<Case> {
    let mut seen: BTreeMap<Scenario, usize> = BTreeMap::new();
    let wanted = |case: &Case| args.only.is_empty() || args.only.iter().any(|name| name == case.scenario.name());
    let mut within_limit = |case: &Case| {
        let count = seen.entry(case.scenario).or_default();
        *count += 1;
        args.limit.is_none_or(|limit| *count <= limit)
    };
    cases.into_iter().filter(|case| wanted(case) && within_limit(case)).collect()
}

/// A temporary library with all facts of one file.
fn build(context: &Context, folder: &Path, library: &str) -> Result<Bench> {
    let temporary = tempfile::tempdir()
        .map_err(|error| Error::new(ErrorKind::StorageFailed, "no temporary folder can be made").with_source(error))?;
    let runtime = Runtime::open(OpenOptions { library: temporary.path().join("library"), ..context.options()? })?;
    let all = cases::facts(folder, library)?;
    let bar = progress(all.len(), &format!("telling {library}"));
    let mut facts = HashMap::new();
    for fact in all {
        let id = runtime.add_fact(fact.load(folder)?)?.id;
        facts.insert(id, fact);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Bench { runtime, facts, _folder: temporary })
}

fn ask(bench: &Bench, folder: &Path, case: &Case) -> Result<Judged> {
    let image = case.image.as_ref().map(|image| photo::read(&folder.join(image))).transpose()?;
    let question = Question { text: case.question.clone(), image, ..Question::default() };
    let answer = bench.runtime.ask(&question, &CancelToken::new(), &mut |_| ())?;
    let trace = &answer.trace;
    let name = |id: FactId| bench.facts.get(&id).map(|fact| fact.id.clone());
    let nearest = trace.hits.first().and_then(|hit| name(hit.fact));
    let fired = answer.fact.as_ref().and_then(|fact| name(fact.id));
    let words = answer.fact.as_ref().map(|f| FactWords { statement: &f.statement, target: f.target.as_deref() });
    let expected = Expected {
        scenario: case.scenario,
        gold: &case.gold,
        wants_fact: case.fact.is_some(),
        intermediate: case.intermediate.as_deref(),
    };
    let given = Given {
        thought: &answer.thought,
        answer: &answer.text,
        well_formed: trace.reply.as_ref().is_some_and(|reply| reply.well_formed),
        fired: words,
        as_expected: fired.is_some() && fired == case.fact,
    };
    let verdict = judge::judge(&expected, &given);
    Ok(Judged {
        scenario: case.scenario,
        question: case.question.clone(),
        gold: case.gold.clone(),
        hit: case.fact.is_some().then(|| nearest == case.fact),
        fact: case.fact.clone(),
        fired,
        route: trace.route,
        score: trace.decision.best_score(),
        total_us: trace.times.total_us,
        verdict,
        answer: answer.text,
        thought: answer.thought,
    })
}

fn progress(length: usize, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len}  {eta} left");
    let bar = ProgressBar::new(length as u64).with_message(message.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn write_lines<T: Serialize>(path: &Path, values: impl IntoIterator<Item = T>) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for value in values {
            serde_json::to_writer(&mut file, &value)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(|error| {
        Error::new(ErrorKind::StorageFailed, format!("{} can't be written", path.display())).with_source(error)
    })
}
