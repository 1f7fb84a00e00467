//! `crane library encrypt`, `decrypt` and `rekey`, and the files that hold keys.

use std::io::Write;
use std::path::Path;

use crane_core::LibraryKey;
use crane_core::library::Library;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::pack;
use crate::screen::{self, DIM, GOOD};

/// What these commands print with `--json`.
#[derive(Serialize)]
struct View<'a> {
    library: &'a Path,
    encrypted: bool,
    key_file: Option<&'a Path>,
    /// The key was made by this command.
    new_key: bool,
}

pub(crate) fn encrypt(context: &Context) -> Result<(), Failure> {
    // A library that can't be encrypted needs no key file.
    if !context.library.is_dir() {
        return Err(context.no_library().into());
    }
    let file = context.key_file()?;
    let (key, new_key) = read_or_make(file)?;
    Library::encrypt(&context.library, &key)?;
    report(context, "encrypted", Some(file), new_key)
}

pub(crate) fn decrypt(context: &Context) -> Result<(), Failure> {
    Library::decrypt(&context.library, &read(context.key_file()?)?)?;
    report(context, "decrypted", None, false)
}

pub(crate) fn rekey(context: &Context, file: &Path) -> Result<(), Failure> {
    let old = read(context.key_file()?)?;
    let (key, new_key) = read_or_make(file)?;
    Library::rekey(&context.library, &old, &key)?;
    report(context, "encrypted anew", Some(file), new_key)
}

/// The key that a file holds.
pub(crate) fn read(file: &Path) -> crane_core::Result<LibraryKey> {
    LibraryKey::parse(&pack::read_line(file)?)
}

/// The key that a file holds, or a new one that is in it from now on, and durably, before anything is encrypted with it.
fn read_or_make(file: &Path) -> crane_core::Result<(LibraryKey, bool)> {
    if file.exists() || !LibraryKey::SUPPORTED {
        return Ok((read(file)?, false));
    }
    let key = LibraryKey::generate()?;
    pack::write_secret(file, &key.expose().expect("a random key has a text form"))?;
    Ok((key, true))
}

fn report(context: &Context, done: &str, key_file: Option<&Path>, new_key: bool) -> Result<(), Failure> {
    if context.json {
        let view = View { library: &context.library, encrypted: key_file.is_some(), key_file, new_key };
        return Ok(screen::json(&view)?);
    }
    let mut out = screen::stdout();
    writeln!(out, "{GOOD}{done}{GOOD:#}  {}", context.library.display())?;
    let Some(file) = key_file else {
        return Ok(writeln!(out, "{DIM}Anyone who has its files can read it now.{DIM:#}")?);
    };
    let made = if new_key { "new, in " } else { "" };
    writeln!(out, "{}{made}{}", screen::label("key"), file.display())?;
    Ok(writeln!(out, "{DIM}Without this key the library can't be read: keep a copy in a safe place.{DIM:#}")?)
}
