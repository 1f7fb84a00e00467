//! `crane fact add`, `supersede` and `edit`: what is told, and what stands against it.

use std::io::{self, Write};
use std::path::PathBuf;

use crane_core::library::Conflict;
use crane_core::{Error, ErrorKind, Fact, FactId, NewFact, OpenOptions, Runtime};

use crate::args::{AddArgs, Conflicting, EditArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BOLD, DIM};
use crate::{fact, photo, work};

pub(crate) fn add(context: &Context, args: AddArgs) -> Result<(), Failure> {
    store(context, None, args)
}

pub(crate) fn supersede(context: &Context, id: &str, args: AddArgs) -> Result<(), Failure> {
    store(context, Some(id), args)
}

pub(crate) fn edit(context: &Context, args: EditArgs) -> Result<(), Failure> {
    let EditArgs { id, statement, subject, target, source, note, image, text, keep_thumbnails } = args;
    let images = photos(&image)?;
    let runtime = open(context, keep_thumbnails)?;
    let old = fact::find(&runtime, &id)?;
    // What is given replaces the old; given empty, it takes it away.
    let field = |new: Option<String>, old: Option<String>| new.or(old).filter(|text| !text.is_empty());
    let new = NewFact {
        statement: statement.unwrap_or(old.statement),
        subject: field(subject, old.subject),
        target: field(target, old.target),
        source: field(source, old.source),
        note: field(note, old.note),
        images,
        texts: text,
        valid_from: old.valid_from,
        valid_until: old.valid_until,
    };
    fact::done(context, &runtime.edit_fact(old.id, new)?, "edited")
}

fn photos(files: &[PathBuf]) -> crane_core::Result<Vec<Vec<u8>>> {
    files.iter().map(|path| photo::read(path)).collect()
}

fn open(context: &Context, keep_thumbnails: bool) -> crane_core::Result<Runtime> {
    Runtime::open(OpenOptions { keep_thumbnails, ..context.options()? })
}

/// Stores a fact, perhaps in place of another one, once it is settled what becomes of those in its way.
fn store(context: &Context, old: Option<&str>, args: AddArgs) -> Result<(), Failure> {
    let AddArgs { statement, subject, target, image, text, source, note, keep_thumbnails, on_conflict, similarity } =
        args;
    let images = photos(&image)?;
    let new = NewFact { statement, subject, target, images, texts: text, source, note, ..NewFact::default() };
    let runtime = open(context, keep_thumbnails)?;
    let mut replaced: Vec<FactId> =
        old.map(|id| fact::find(&runtime, id).map(|fact| fact.id)).into_iter().collect::<Result<_, _>>()?;
    if on_conflict != Conflicting::KeepBoth {
        let mut conflicts = runtime.conflicts(&new, similarity)?;
        conflicts.retain(|conflict| !replaced.contains(&conflict.fact));
        if !conflicts.is_empty() && settle(context, &runtime, &conflicts, on_conflict)? {
            replaced.extend(conflicts.iter().map(|conflict| conflict.fact));
        }
    }
    let stored = store_now(&runtime, &replaced, new)?;
    fact::done(context, &stored, if replaced.is_empty() { "added" } else { "replaced" })
}

fn store_now(runtime: &Runtime, replaced: &[FactId], new: NewFact) -> crane_core::Result<Fact> {
    if replaced.is_empty() { runtime.add_fact(new) } else { runtime.replace_facts(replaced, new) }
}

/// Whether what stands in the way is to be replaced; an error: nothing is to be stored.
fn settle(context: &Context, runtime: &Runtime, conflicts: &[Conflict], policy: Conflicting) -> Result<bool, Failure> {
    let cancelled = || {
        let ids: Vec<String> = conflicts.iter().map(|conflict| conflict.fact.to_string()).collect();
        let message = format!(
            "nothing was stored: these facts stand against it: {}; choose with --on-conflict supersede or keep-both",
            ids.join(", ")
        );
        Failure::from(Error::new(ErrorKind::InvalidInput, message))
    };
    match policy {
        Conflicting::Supersede => Ok(true),
        Conflicting::KeepBoth => Ok(false),
        Conflicting::Ask if work::can_ask(context) => {
            write_conflicts(&mut screen::stdout(), runtime, conflicts)?;
            match work::ask("Replace them, keep both, or cancel?", &["replace", "keep", "cancel"])? {
                Some("replace") => Ok(true),
                Some("keep") => Ok(false),
                _ => Err(cancelled()),
            }
        }
        Conflicting::Ask | Conflicting::Cancel => Err(cancelled()),
    }
}

fn write_conflicts(out: &mut impl Write, runtime: &Runtime, conflicts: &[Conflict]) -> Result<(), Failure> {
    writeln!(out, "{BOLD}These facts stand against it:{BOLD:#}")?;
    for conflict in conflicts {
        fact::write_row(out, &runtime.fact(conflict.fact)?)?;
        write_why(out, conflict)?;
    }
    Ok(())
}

fn write_why(out: &mut impl Write, conflict: &Conflict) -> io::Result<()> {
    writeln!(out, "{}{DIM}{}{DIM:#}", screen::indent(), screen::collision(&conflict.collision))
}
