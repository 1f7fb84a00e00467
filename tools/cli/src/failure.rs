//! How a run fails: an error of the runtime's, or output that nobody takes.

use std::io;
use std::process::ExitCode;

use anstream::eprintln;
use crane_core::{Error, ErrorKind};
use serde_json::json;

use crate::screen::{BAD, DIM};

/// Codes of error kinds begin here; below it are the shell's and clap's.
const FIRST_CODE: u8 = 10;

#[derive(Debug)]
pub(crate) enum Failure {
    Crane(Error),
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Crane(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Tells the person, or the program, and gives the exit code.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let error = match self {
            Self::Crane(error) => error,
            // `crane fact list | head` is no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Output(error) => {
                Error::new(ErrorKind::StorageFailed, "the output can't be written").with_source(error)
            }
        };
        print(&error, json);
        exit_code(error.kind()).into()
    }
}

#[allow(clippy::print_stderr, reason = "this is where errors are shown")]
fn print(error: &Error, json: bool) {
    if json {
        let code = exit_code(error.kind());
        eprintln!("{}", json!({"error": {"kind": error.kind(), "exit_code": code, "message": error.to_string()}}));
        return;
    }
    eprintln!("{BAD}error:{BAD:#} {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        eprintln!("{DIM}  because: {source}{DIM:#}");
        cause = source.source();
    }
}

/// 10 and the kind's own number, which is never reused; cancelled as shells have it. A new kind needs a line here and
/// one in the help.
fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Cancelled => 130,
        ErrorKind::NotFound
        | ErrorKind::InvalidInput
        | ErrorKind::UnsupportedImage
        | ErrorKind::ModelMissing
        | ErrorKind::ModelCorrupt
        | ErrorKind::FingerprintMismatch
        | ErrorKind::LibraryLocked
        | ErrorKind::LibraryCorrupt
        | ErrorKind::StorageFull
        | ErrorKind::OutOfMemory
        | ErrorKind::Backgrounded
        | ErrorKind::ContextOverflow
        | ErrorKind::Internal
        | ErrorKind::ReadOnly
        | ErrorKind::StorageFailed
        | ErrorKind::Closed
        | ErrorKind::PackCorrupt
        | ErrorKind::WrongKey => u8::try_from(kind as i32).map_or(u8::MAX, |number| FIRST_CODE + number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_the_help_documents() {
        let expected = [(ErrorKind::NotFound, 11), (ErrorKind::Cancelled, 130), (ErrorKind::PackCorrupt, 29)];
        for (kind, code) in expected {
            assert_eq!(exit_code(kind), code);
            assert!(crate::args::AFTER.contains(&format!("\n{code:5}  ")));
        }
    }
}
