//! `crane fact history`, `undo`, `redo`, `restore` and `forget`.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crane_core::library::{HistoryEntry, Library};
use crane_core::{Error, ErrorKind, FactId};
use indicatif::HumanDuration;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BOLD, DIM, GOOD};
use crate::{fact, work};

/// Most facts of one change that are named.
const NAMED: usize = 4;

/// What `fact forget --json` prints.
#[derive(Serialize)]
struct ReceiptView {
    fact: FactId,
    at: i64,
    change: i64,
    digest: String,
}

pub(crate) fn show(context: &Context, id: Option<&str>, limit: u32) -> Result<(), Failure> {
    let runtime = context.reader()?;
    let library = runtime.library().ok_or_else(|| context.no_library())?;
    let id = id.map(|id| fact::find(&runtime, id).map(|fact| fact.id)).transpose()?;
    let entries = library.history(id, limit)?;
    if context.json {
        return Ok(screen::json(&entries)?);
    }
    let mut out = screen::stdout();
    entries.iter().try_for_each(|entry| write_entry(&mut out, entry))?;
    Ok(())
}

pub(crate) fn turn_back(
    context: &Context,
    what: &str,
    change: fn(&Library) -> crane_core::Result<Option<HistoryEntry>>,
) -> Result<(), Failure> {
    let runtime = context.writer()?;
    let done = change(runtime.library().ok_or_else(|| context.no_library())?)?;
    if context.json {
        return Ok(screen::json(&done)?);
    }
    let mut out = screen::stdout();
    match done {
        Some(entry) => {
            write!(out, "{GOOD}{what}{GOOD:#}  ")?;
            write_entry(&mut out, &entry)?;
        }
        None => writeln!(out, "{DIM}nothing to be {what}{DIM:#}")?,
    }
    Ok(())
}

pub(crate) fn restore(context: &Context, id: &str, change: i64) -> Result<(), Failure> {
    let runtime = context.writer()?;
    let library = runtime.library().ok_or_else(|| context.no_library())?;
    // A fact that was undone is in no list, but its whole id still names it.
    let id = uuid::Uuid::try_parse(id).map(FactId).or_else(|_| fact::find(&runtime, id).map(|fact| fact.id))?;
    fact::done(context, &library.restore(id, change)?, "restored")
}

pub(crate) fn forget(context: &Context, id: &str, yes: bool) -> Result<(), Failure> {
    let runtime = context.writer()?;
    let library = runtime.library().ok_or_else(|| context.no_library())?;
    let found = fact::find(&runtime, id)?;
    if !yes && !confirmed(context, &screen::one_line(&found.statement))? {
        return Ok(());
    }
    let receipt = library.forget(found.id)?;
    let digest = receipt.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let view = ReceiptView { fact: receipt.fact, at: receipt.at, change: receipt.change, digest };
    if context.json {
        return Ok(screen::json(&view)?);
    }
    let mut out = screen::stdout();
    writeln!(
        out,
        "{GOOD}forgotten{GOOD:#}  {BOLD}{}{BOLD:#}  {DIM}no file of the library holds it any more{DIM:#}",
        view.fact
    )?;
    writeln!(out, "{}{DIM}change {}, {}{DIM:#}", screen::label("receipt"), view.change, view.digest)?;
    Ok(())
}

fn confirmed(context: &Context, statement: &str) -> Result<bool, Failure> {
    if !work::can_ask(context) {
        let message = "nothing was forgotten: it can't be undone, so say --yes";
        return Err(Error::new(ErrorKind::InvalidInput, message).into());
    }
    writeln!(screen::stdout(), "{statement}")?;
    Ok(work::ask("Erase this fact for good?", &["yes", "no"])? == Some("yes"))
}

fn write_entry(out: &mut impl Write, entry: &HistoryEntry) -> io::Result<()> {
    let mut facts: Vec<String> =
        entry.facts.iter().take(NAMED).map(|id| id.to_string().chars().take(8).collect()).collect();
    if let Some(more) = entry.facts.len().checked_sub(NAMED).filter(|more| *more > 0) {
        facts.push(format!("and {more} more"));
    }
    let about = entry.undoes.map_or_else(String::new, |seq| format!(" of change {seq}"));
    let (seq, op, facts, ago) = (entry.seq, &entry.op, facts.join(" "), ago(entry.at));
    writeln!(out, "{BOLD}{seq:5}{BOLD:#}  {op}{about}  {facts}  {DIM}{ago}{DIM:#}")
}

fn ago(at: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = Duration::from_millis(at.max(0).unsigned_abs());
    // A clock that was set back shows changes in the future.
    format!("{} ago", HumanDuration(now.saturating_sub(then)))
}
