//! Errors, one variant for each kind.

use std::collections::HashMap;
use std::fmt;

use crane_core::{Error, ErrorKind};

use crate::shared::full_message;

/// Writes the variants down once: the error, its conversion, and its codes.
macro_rules! errors {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// What went wrong, as far as a caller would act differently. The message says what to do; no fact, question or
        /// answer is ever in it.
        #[derive(Debug, uniffi::Error)]
        #[uniffi(flat_error)]
        pub enum CraneError {
            $($(#[$doc])* $kind(
                /// What happened and what to do.
                String,
            ),)*
        }

        impl CraneError {
            /// What kind of error it is, and its number.
            pub fn kind(&self) -> ErrorKind {
                match self {
                    $(Self::$kind(_) => ErrorKind::$kind,)*
                }
            }

            // Without a wildcard: a new kind in core must become one here.
            pub(super) fn new(kind: ErrorKind, message: String) -> Self {
                match kind {
                    $(ErrorKind::$kind => Self::$kind(message),)*
                }
            }

            fn message(&self) -> &str {
                match self {
                    $(Self::$kind(message) => message,)*
                }
            }
        }

        const KINDS: &[(&str, ErrorKind)] = &[$((stringify!($kind), ErrorKind::$kind),)*];
    };
}

errors! {
    /// A fact, key or file does not exist.
    NotFound,
    /// An argument is empty, too long or contradictory.
    InvalidInput,
    /// Not a photo that can be decoded within the limits.
    UnsupportedImage,
    /// A model file is missing.
    ModelMissing,
    /// A model file or manifest is damaged or altered.
    ModelCorrupt,
    /// The library was written with other encoders; re-embed it.
    FingerprintMismatch,
    /// Another process writes to this library.
    LibraryLocked,
    /// The library's database is damaged, or newer than this version.
    LibraryCorrupt,
    /// The disk is full.
    StorageFull,
    /// Not enough memory.
    OutOfMemory,
    /// The caller cancelled.
    Cancelled,
    /// The app is in the background, where no GPU may be used and no library be written; try again in the foreground.
    Backgrounded,
    /// Prompt and reply do not fit the model's context.
    ContextOverflow,
    /// A defect of ours.
    Internal,
    /// The library cannot be written: read-only file, folder or file system, or opened for reading.
    ReadOnly,
    /// The storage device failed to read or write.
    StorageFailed,
    /// It was closed before.
    Closed,
    /// A fact pack is damaged, altered, incomplete or newer than this version: get it again.
    PackCorrupt,
    /// The library is encrypted and no key or another one was given, or it is not and one was.
    WrongKey,
}

impl From<Error> for CraneError {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), full_message(&error))
    }
}

impl fmt::Display for CraneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for CraneError {}

/// The stable number of every error, by the name of its variant. The same numbers are the C interface's.
#[uniffi::export]
pub fn error_codes() -> HashMap<String, i32> {
    KINDS.iter().map(|(name, kind)| ((*name).to_owned(), *kind as i32)).collect()
}
