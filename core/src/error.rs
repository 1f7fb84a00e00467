//! One error type. `ErrorKind` says what a caller can act on; facts, questions and answers never appear in it.

use std::fmt;

/// A result of the runtime.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What went wrong, as far as a caller would act differently. The numbers are the C ABI's; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(i32)]
pub enum ErrorKind {
    /// A fact, key or file does not exist.
    NotFound = 1,
    /// An argument is empty, too long or contradictory.
    InvalidInput = 2,
    /// Not a photo that can be decoded within the limits.
    UnsupportedImage = 3,
    /// A model file is missing.
    ModelMissing = 4,
    /// A model file or manifest is damaged or altered.
    ModelCorrupt = 5,
    /// The library was written with other encoders; re-embed it.
    FingerprintMismatch = 6,
    /// Another process writes to this library.
    LibraryLocked = 7,
    /// The library's database is damaged, or newer than this version.
    LibraryCorrupt = 8,
    /// The disk is full.
    StorageFull = 9,
    /// Not enough memory.
    OutOfMemory = 10,
    /// The caller cancelled.
    Cancelled = 11,
    /// The app is in the background, where no GPU may be used and no library be written; try again in the foreground.
    Backgrounded = 12,
    /// Prompt and reply do not fit the model's context.
    ContextOverflow = 13,
    /// A defect of ours.
    Internal = 14,
    /// The library cannot be written: read-only file, folder or file system, or opened for reading.
    ReadOnly = 15,
    /// The storage device failed to read or write.
    StorageFailed = 16,
    /// It was closed before.
    Closed = 18,
    /// A fact pack is damaged, altered, incomplete or newer than this version: get it again.
    PackCorrupt = 19,
    /// The library is encrypted and no key or another one was given, or it is not and one was.
    WrongKey = 20,
}

/// An error with its kind, a message that says what to do, and its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

impl Error {
    /// An error without a cause. The message holds no user data.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Work that may not go on in the background.
    pub(crate) fn backgrounded() -> Self {
        Self::new(
            ErrorKind::Backgrounded,
            "the app is in the background, where no GPU may be used: ask again afterwards",
        )
    }

    /// Use after closing.
    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "it is closed: open it again")
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}
