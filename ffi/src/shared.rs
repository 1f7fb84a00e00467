//! What both surfaces need.

use std::error::Error as _;

use crane_core::library::Library;
use crane_core::{Error, ErrorKind, FactId, Result, Runtime};

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
