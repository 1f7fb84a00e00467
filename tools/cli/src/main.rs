//! `crane`: facts, questions and the demo from a terminal. `README.md` documents its JSON and exit codes.

mod args;
mod ask;
mod bundle;
mod context;
mod demo;
mod devices;
mod eval;
mod fact;
mod failure;
mod health;
mod history;
mod key;
mod library;
mod pack;
mod photo;
mod screen;
mod tell;
mod work;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;
use context::Context;
use failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    let context = Context::new(args.place);
    let done = run(&context, args.command);
    done.map_or_else(|failure| failure.report(context.json), |()| ExitCode::SUCCESS)
}

fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Fact(command) => fact::run(context, command),
        Command::Library(command) => library::run(context, &command),
        Command::Ask(question) => ask::ask(context, &question),
        Command::Preview(question) => ask::preview(context, &question),
        Command::Bundle(args::BundleCommand::Verify) => bundle::verify(context),
        Command::Bundle(args::BundleCommand::Info) => bundle::info(context),
        Command::Devices { retry } => devices::run(context, retry),
        Command::Demo(options) => demo::run(context, &options),
        Command::Eval(options) => eval::run(context, &options),
    }
}
