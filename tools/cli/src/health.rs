//! `crane library check`, `repair` and `salvage`, which need no models, and `reembed`.

use std::io::{self, Write};
use std::path::Path;

use crane_core::bundle::Bundle;
use crane_core::library::{CheckReport, Finding, Library, RepairReport, Repaired, SalvageReport, Severity, Unreadable};
use crane_core::{Error, ErrorKind, Runtime};

use crate::context::{Context, cancelled_by_ctrl_c};
use crate::failure::Failure;
use crate::screen::{self, BAD, BOLD, DIM, GOOD};
use crate::work::watched;

pub(crate) fn check(context: &Context) -> Result<(), Failure> {
    let (cancel, key) = (cancelled_by_ctrl_c()?, context.options()?.key);
    let report = watched("checking", &cancel, |told| Library::check_at_with(&context.library, key.as_ref(), told))?;
    if context.json {
        screen::json(&report)?;
    } else {
        write_check(&mut screen::stdout(), &report)?;
    }
    match report.worst() {
        Some(Severity::Damaged) => Err(damaged().into()),
        Some(Severity::Derived) => {
            let message = "what is derived is wrong, and nothing is lost: `crane library repair` makes it anew";
            Err(Error::new(ErrorKind::LibraryCorrupt, message).into())
        }
        Some(Severity::Untidy) | None => Ok(()),
    }
}

pub(crate) fn repair(context: &Context) -> Result<(), Failure> {
    let (cancel, key) = (cancelled_by_ctrl_c()?, context.options()?.key);
    let report = watched("repairing", &cancel, |told| Library::repair_at_with(&context.library, key.as_ref(), told))?;
    if context.json {
        screen::json(&report)?;
    } else {
        write_repair(&mut screen::stdout(), &report)?;
    }
    if report.after.worst() > Some(Severity::Untidy) { Err(damaged().into()) } else { Ok(()) }
}

pub(crate) fn salvage(context: &Context, into: &Path) -> Result<(), Failure> {
    let (cancel, key) = (cancelled_by_ctrl_c()?, context.options()?.key);
    // Only where the library has lost what it says of its models.
    let fingerprint = Bundle::open(&context.models).ok().map(|bundle| bundle.fingerprint());
    let report = watched("salvaging", &cancel, |told| {
        Library::salvage_with(&context.library, into, fingerprint.as_ref(), key.as_ref(), told)
    })?;
    if context.json {
        return Ok(screen::json(&report)?);
    }
    Ok(write_salvage(&mut screen::stdout(), into, &report)?)
}

pub(crate) fn reembed(context: &Context, erase: bool) -> Result<(), Failure> {
    let (cancel, options) = (cancelled_by_ctrl_c()?, context.options()?);
    let unreadable = if erase { Unreadable::Erase } else { Unreadable::Refuse };
    let report = watched("embedding", &cancel, |told| Runtime::reembed(&options, unreadable, &cancel, told))?;
    if context.json {
        return Ok(screen::json(&report)?);
    }
    let mut out = screen::stdout();
    let (keys, erased, disabled) = (report.keys, report.erased.len(), report.disabled.len());
    writeln!(
        out,
        "{GOOD}embedded{GOOD:#}  {BOLD}{keys} keys{BOLD:#}  {DIM}{} by the head alone{DIM:#}",
        report.projected
    )?;
    if erased > 0 {
        writeln!(out, "{BAD}erased{BAD:#}  {erased} photos' keys; {disabled} facts have none left and are disabled")?;
    }
    Ok(())
}

fn damaged() -> Error {
    let message =
        "what can't be derived is damaged: restore a copy, or save what can be read with `crane library salvage`";
    Error::new(ErrorKind::LibraryCorrupt, message)
}

fn write_check(out: &mut impl Write, report: &CheckReport) -> io::Result<()> {
    let CheckReport { facts, keys, changes, index_rows, findings } = report;
    findings.iter().try_for_each(|finding| write_finding(out, finding))?;
    let verdict = if findings.is_empty() { format!("{GOOD}sound{GOOD:#}  ") } else { String::new() };
    let counts = format!("{facts} facts, {keys} keys, {changes} changes, {index_rows} index rows");
    writeln!(out, "{verdict}{DIM}{counts}{DIM:#}")
}

fn write_finding(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let Finding { part, severity, what, count, facts } = finding;
    let (style, severity) = match severity {
        Severity::Untidy => (DIM, "untidy"),
        Severity::Derived => (BOLD, "derived"),
        Severity::Damaged => (BAD, "damaged"),
    };
    let part = format!("{part:?}");
    writeln!(out, "{style}{severity:8}{style:#}  {part:11}  {what}  {DIM}{count} times{DIM:#}")?;
    facts.iter().try_for_each(|id| writeln!(out, "{}{DIM}{id}{DIM:#}", screen::indent()))
}

fn write_repair(out: &mut impl Write, report: &RepairReport) -> io::Result<()> {
    write_check(out, &report.before)?;
    if report.done.is_empty() {
        return writeln!(out, "{DIM}nothing was changed{DIM:#}");
    }
    for repaired in &report.done {
        let what = match repaired {
            Repaired::Lookup => "the database's own indexes",
            Repaired::FullText => "the full text, from the facts",
            Repaired::Index => "both index files, from the keys",
            Repaired::Folder => "the folder: what was left over is gone",
        };
        writeln!(out, "{GOOD}repaired{GOOD:#}  {what}")?;
    }
    write_check(out, &report.after)
}

fn write_salvage(out: &mut impl Write, into: &Path, report: &SalvageReport) -> io::Result<()> {
    let (facts, keys) = (report.facts, report.keys);
    writeln!(out, "{GOOD}saved{GOOD:#}  {BOLD}{facts} facts{BOLD:#} with {keys} keys into {}", into.display())?;
    for (count, what) in [
        (report.facts_from_history, "facts as their history has them"),
        (report.facts_without_keys, "facts that nothing finds any more: disabled, `crane fact edit` mends them"),
        (report.keys_from_index, "vectors from the index file"),
        (report.receipts, "receipts of forgotten facts"),
    ] {
        if count > 0 {
            writeln!(out, "{}{count} {what}", screen::indent())?;
        }
    }
    for (count, what) in [(report.lost_facts, "facts"), (report.lost_keys, "keys"), (report.lost_pasts, "facts' pasts")]
    {
        if count > 0 {
            writeln!(out, "{BAD}lost{BAD:#}  {count} {what}")?;
        }
    }
    Ok(())
}
