//! `crane library …`.

use std::io::{self, Write};

use crane_core::library::Stat;

use crate::args::LibraryCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{self, BOLD, DIM};
use crate::{health, key, pack};

pub(crate) fn run(context: &Context, command: &LibraryCommand) -> Result<(), Failure> {
    match command {
        LibraryCommand::Stat => stat(context),
        LibraryCommand::Check => health::check(context),
        LibraryCommand::Repair => health::repair(context),
        LibraryCommand::Salvage { into } => health::salvage(context, into),
        LibraryCommand::Reembed { erase_unreadable } => health::reembed(context, *erase_unreadable),
        LibraryCommand::Export(args) => pack::export(context, args),
        LibraryCommand::Import(args) => pack::import(context, args),
        LibraryCommand::Encrypt => key::encrypt(context),
        LibraryCommand::Decrypt => key::decrypt(context),
        LibraryCommand::Rekey { new_key_file } => key::rekey(context, new_key_file),
        LibraryCommand::Keygen { file } => pack::keygen(context, file),
    }
}

fn stat(context: &Context) -> Result<(), Failure> {
    let runtime = context.reader()?;
    let stat = runtime.library().ok_or_else(|| context.no_library())?.stat()?;
    if context.json {
        return Ok(screen::json(&stat)?);
    }
    write_stat(&mut screen::stdout(), &stat)?;
    Ok(())
}

fn write_stat(out: &mut impl Write, stat: &Stat) -> io::Result<()> {
    let states = [
        (stat.active, "active"),
        (stat.disabled, "disabled"),
        (stat.superseded, "superseded"),
        (stat.deleted, "deleted"),
        (stat.forgotten, "forgotten"),
    ];
    let held = states.iter().filter(|(count, name)| *count > 0 || *name == "active");
    let held: Vec<String> = held.map(|(count, name)| format!("{count} {name}")).collect();
    writeln!(out, "{}{BOLD}{}{BOLD:#}", screen::label("facts"), held.join(", "))?;
    writeln!(out, "{}{}", screen::label("changes"), stat.changes)?;
    for (name, (all, recent)) in [("photos", stat.image_rows), ("texts", stat.text_rows)] {
        let recent =
            if recent > 0 { format!("{DIM}, {recent} not in the index file yet{DIM:#}") } else { String::new() };
        writeln!(out, "{}{all}{recent}", screen::label(name))?;
    }
    let (memory, disk) = (screen::bytes(stat.memory_bytes), screen::bytes(stat.disk_bytes));
    writeln!(out, "{}{memory} for the index", screen::label("memory"))?;
    writeln!(out, "{}{disk}", screen::label("disk"))
}
