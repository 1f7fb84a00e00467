//! `crane fact …`.

use std::io::{self, Write};

use crane_core::library::{FactFilter, Key, Library};
use crane_core::{Error, ErrorKind, Fact, FactId, FactState, Modality, Runtime};
use serde::Serialize;

use crate::args::FactCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BOLD, DIM, GOOD};
use crate::{history, tell};

/// Fewest digits of an id that may stand for all of it.
const SHORTEST_PREFIX: usize = 4;
const EVERY_STATE: [FactState; 5] =
    [FactState::Active, FactState::Disabled, FactState::Superseded, FactState::Deleted, FactState::Forgotten];

/// What `fact show --json` prints.
#[derive(Serialize)]
struct FactView {
    #[serde(flatten)]
    fact: Fact,
    keys: Vec<Key>,
}

pub(crate) fn run(context: &Context, command: FactCommand) -> Result<(), Failure> {
    match command {
        FactCommand::Add(args) => tell::add(context, args),
        FactCommand::List { all } => list(context, all),
        FactCommand::Show(arg) => show(context, &arg.id),
        FactCommand::Enable(arg) => change(context, &arg.id, "enabled", Runtime::enable),
        FactCommand::Disable(arg) => change(context, &arg.id, "disabled", Runtime::disable),
        FactCommand::Delete(arg) => change(context, &arg.id, "deleted", Runtime::delete),
        FactCommand::Edit(args) => tell::edit(context, args),
        FactCommand::Supersede { id, new } => tell::supersede(context, &id, new),
        FactCommand::Undo => history::turn_back(context, "undone", Library::undo),
        FactCommand::Redo => history::turn_back(context, "redone", Library::redo),
        FactCommand::History { id, limit } => history::show(context, id.as_deref(), limit),
        FactCommand::Restore { id, change } => history::restore(context, &id, change),
        FactCommand::Forget { id, yes } => history::forget(context, &id, yes),
        FactCommand::Search { words, limit } => search(context, &words.join(" "), limit),
    }
}

fn list(context: &Context, all: bool) -> Result<(), Failure> {
    let states = if all { EVERY_STATE.to_vec() } else { Vec::new() };
    let facts = context.reader()?.facts(&FactFilter { states, ..FactFilter::default() })?;
    write_rows(context, &facts, "no facts yet: tell one with `crane fact add`")
}

fn search(context: &Context, words: &str, limit: u32) -> Result<(), Failure> {
    let runtime = context.reader()?;
    let facts = runtime.library().map_or_else(|| Ok(Vec::new()), |library| library.lookup(words, limit))?;
    write_rows(context, &facts, "no fact holds these words")
}

fn write_rows(context: &Context, facts: &[Fact], none: &str) -> Result<(), Failure> {
    if context.json {
        return Ok(screen::json(&facts)?);
    }
    let mut out = screen::stdout();
    if facts.is_empty() {
        writeln!(out, "{DIM}{none}{DIM:#}")?;
    }
    facts.iter().try_for_each(|fact| write_row(&mut out, fact))?;
    Ok(())
}

pub(crate) fn write_row(out: &mut impl Write, fact: &Fact) -> io::Result<()> {
    let (id, keys) = (screen::short_id(fact), keys_of(fact));
    let style = if fact.state == FactState::Active { GOOD } else { DIM };
    let state = screen::state_name(fact.state);
    writeln!(
        out,
        "{BOLD}{id}{BOLD:#}  {style}{state:10}{style:#}  {}  {DIM}{keys}{DIM:#}{}",
        screen::one_line(&fact.statement),
        screen::untrusted(fact)
    )
}

fn keys_of(fact: &Fact) -> String {
    format!("{}, {}", screen::count(fact.image_keys, "photo"), screen::count(fact.text_keys, "text"))
}

fn show(context: &Context, id: &str) -> Result<(), Failure> {
    let runtime = context.reader()?;
    let fact = find(&runtime, id)?;
    let keys = runtime.library().map_or_else(|| Ok(Vec::new()), |library| library.keys(fact.id))?;
    if context.json {
        return Ok(screen::json(&FactView { fact, keys })?);
    }
    let mut out = screen::stdout();
    let fields = [
        ("fact", Some(&fact.statement)),
        ("subject", fact.subject.as_ref()),
        ("target", fact.target.as_ref()),
        ("source", fact.source.as_ref()),
        ("note", fact.note.as_ref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            writeln!(out, "{}{}", screen::label(name), screen::one_line(value))?;
        }
    }
    let style = if fact.state == FactState::Active { GOOD } else { DIM };
    writeln!(out, "{}{style}{}{style:#}", screen::label("state"), screen::state_name(fact.state))?;
    if let Some(origin) = &fact.origin {
        let signer = origin.signer.map_or_else(|| "nobody".to_owned(), |signer| signer.to_string());
        writeln!(out, "{}{DIM}signed by {signer}{DIM:#}{}", screen::label("imported"), screen::untrusted(&fact))?;
    }
    writeln!(out, "{}{DIM}{}{DIM:#}", screen::label("id"), fact.id)?;
    keys.iter().try_for_each(|key| write_key(&mut out, key))?;
    Ok(())
}

fn write_key(out: &mut impl Write, key: &Key) -> io::Result<()> {
    let what = match (key.modality, &key.text) {
        (Modality::Text, Some(text)) => screen::one_line(text),
        _ if key.has_thumbnail => "a photo, with a small copy".to_owned(),
        _ => "a photo".to_owned(),
    };
    writeln!(out, "{}{DIM}{what}{DIM:#}", screen::label("found by"))
}

fn change(
    context: &Context,
    id: &str,
    what: &str,
    change: fn(&Runtime, FactId) -> crane_core::Result<Fact>,
) -> Result<(), Failure> {
    let runtime = context.writer()?;
    let fact = find(&runtime, id)?;
    done(context, &change(&runtime, fact.id)?, what)
}

pub(crate) fn done(context: &Context, fact: &Fact, what: &str) -> Result<(), Failure> {
    if context.json {
        return Ok(screen::json(fact)?);
    }
    let (id, keys) = (screen::short_id(fact), keys_of(fact));
    let mut out = screen::stdout();
    writeln!(
        out,
        "{GOOD}{what}{GOOD:#} {BOLD}{id}{BOLD:#}  {}  {DIM}{keys}{DIM:#}",
        screen::one_line(&fact.statement)
    )?;
    Ok(())
}

/// The fact of an id, or of the first digits of one.
pub(crate) fn find(runtime: &Runtime, id: &str) -> crane_core::Result<Fact> {
    if let Ok(id) = uuid::Uuid::try_parse(id) {
        return runtime.fact(FactId(id));
    }
    let is_prefix = id.len() >= SHORTEST_PREFIX && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_prefix {
        let message = format!("this is no fact's id: give all of it, or at least its first {SHORTEST_PREFIX} digits");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let id = id.to_ascii_lowercase();
    let all = runtime.facts(&FactFilter { states: EVERY_STATE.to_vec(), ..FactFilter::default() })?;
    let mut matching = all.into_iter().filter(|fact| fact.id.to_string().starts_with(&id));
    match (matching.next(), matching.next()) {
        (Some(fact), None) => Ok(fact),
        (None, _) => Err(Error::new(ErrorKind::NotFound, format!("no fact's id begins with {id}"))),
        (Some(_), Some(_)) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("several facts' ids begin with {id}: give more digits")))
        }
    }
}
