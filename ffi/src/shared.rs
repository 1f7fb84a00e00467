//! What both surfaces need.

use std::collections::HashSet;
use std::error::Error as _;
use std::path::Path;

use crane_core::bundle::Bundle;
use crane_core::library::Library;
use crane_core::library::pack::Pack;
use crane_core::{Error, ErrorKind, Fact, FactId, Fingerprint, LibraryKey, PublicKey, Result, Runtime};
use zeroize::Zeroizing;

/// An error and what caused it, in one line: other languages have no chain of sources.
pub(crate) fn full_message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message = format!("{message}; because: {source}");
        cause = source.source();
    }
    message
}

/// Reads a fact's id.
pub(crate) fn parse_id(text: &str) -> Result<FactId> {
    let invalid = |_| Error::new(ErrorKind::InvalidInput, "a fact's id is a UUID; this is none");
    uuid::Uuid::try_parse(text).map(FactId).map_err(invalid)
}

/// The library, for changes.
pub(crate) fn writable(runtime: &Runtime) -> Result<&Library> {
    let none = || Error::new(ErrorKind::ReadOnly, "opened for reading, and there is no library yet");
    runtime.library().ok_or_else(none)
}

/// A digest as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The library, to be looked into.
pub(crate) fn existing(runtime: &Runtime) -> Result<&Library> {
    runtime.library().ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no library yet"))
}

/// Reads the key of an encrypted library; its text is wiped.
pub(crate) fn parse_key(text: Option<String>) -> Result<Option<LibraryKey>> {
    text.map(Zeroizing::new).map(|text| LibraryKey::parse(&text)).transpose()
}

/// Reads a signer's public key.
pub(crate) fn parse_public_key(text: &str) -> Result<PublicKey> {
    let message = "this is no public key: it is written as `cranepub1:` and 64 hexadecimal digits";
    PublicKey::parse(text.trim()).ok_or_else(|| Error::new(ErrorKind::InvalidInput, message))
}

/// Encrypts a library, changes its key, or makes it a plain one.
pub(crate) fn set_key(folder: &Path, old: Option<&LibraryKey>, new: Option<&LibraryKey>) -> Result<()> {
    match (old, new) {
        (None, Some(new)) => Library::encrypt(folder, new),
        (Some(old), Some(new)) => Library::rekey(folder, old, new),
        (Some(old), None) => Library::decrypt(folder, old),
        (None, None) => Err(Error::new(ErrorKind::InvalidInput, "there is neither an old key nor a new one")),
    }
}

/// What the models in this folder are told by, where a folder is given.
pub(crate) fn fingerprint(models: Option<String>) -> Result<Option<Fingerprint>> {
    models.map(|models| Ok(Bundle::open(models.as_ref())?.fingerprint())).transpose()
}

/// What a pack says of these facts, or of all where none is named.
pub(crate) fn pack_facts(file: impl AsRef<Path>, facts: Vec<FactId>) -> Result<Vec<Fact>> {
    let wanted: HashSet<FactId> = facts.into_iter().collect();
    let mut found = Vec::new();
    Pack::open(file)?.facts(&mut |fact| {
        if wanted.is_empty() || wanted.contains(&fact.id) {
            found.push(fact);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Steps done of steps in all, 0 to 1.
pub(crate) fn share(done: u64, total: u64) -> f32 {
    if total == 0 { 1.0 } else { (done as f64 / total as f64) as f32 }
}

/// Whoever was told of progress wants no more.
pub(crate) fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "stopped by whoever was told of its progress; nothing of it remains")
}
