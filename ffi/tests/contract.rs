//! The contract (`tests/contract`) through the objects that uniffi hands to other languages, and through a C program.
#![cfg(feature = "uniffi")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is the report; what is skipped is said")]

#[path = "contract/check.rs"]
mod check;
#[path = "contract/object_steps.rs"]
mod object_steps;
#[path = "contract/objects.rs"]
mod objects;
#[path = "contract/program.rs"]
mod program;
#[path = "contract/script.rs"]
mod script;
mod support;

use check::run;

#[test]
fn objects() {
    script::all().iter().for_each(|script| run(script, objects::Objects::new));
}

/// The driver is built with the sanitizers that this machine's compiler has, so this is also the leak check of the C
/// interface and of everything below it.
#[test]
fn c_program() {
    let Some(driver) = program::build() else { return };
    script::all().iter().for_each(|script| run(script, |folder| program::Program::start(&driver, folder)));
}
