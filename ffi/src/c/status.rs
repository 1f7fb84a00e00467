//! Status codes, the last error of each thread, and the guard around every entry.

use std::cell::RefCell;
use std::ffi::c_char;
use std::panic::{self, AssertUnwindSafe};

use crane_core::{Error, ErrorKind, Result};

use super::args::copy_out;
use crate::shared::full_message;

/// It worked.
pub const CRANE_OK: i32 = 0;
/// A fact, key or file does not exist.
pub const CRANE_NOT_FOUND: i32 = 1;
/// An argument is NULL, empty, too long, not UTF-8 or contradictory, or a handle is not in use or of another kind.
pub const CRANE_INVALID_INPUT: i32 = 2;
/// Not a photo that can be decoded within the limits.
pub const CRANE_UNSUPPORTED_IMAGE: i32 = 3;
/// A model file is missing.
pub const CRANE_MODEL_MISSING: i32 = 4;
/// A model file or manifest is damaged or altered.
pub const CRANE_MODEL_CORRUPT: i32 = 5;
/// The library was written with other encoders.
pub const CRANE_FINGERPRINT_MISMATCH: i32 = 6;
/// Another process writes to this library.
pub const CRANE_LIBRARY_LOCKED: i32 = 7;
/// The library's database is damaged, or newer than this version.
pub const CRANE_LIBRARY_CORRUPT: i32 = 8;
/// The disk is full.
pub const CRANE_STORAGE_FULL: i32 = 9;
/// Not enough memory.
pub const CRANE_OUT_OF_MEMORY: i32 = 10;
/// Cancelled by a cancel handle, or by a callback.
pub const CRANE_CANCELLED: i32 = 11;
/// The app is in the background; try again in the foreground.
pub const CRANE_BACKGROUNDED: i32 = 12;
/// Prompt and reply do not fit the model's context.
pub const CRANE_CONTEXT_OVERFLOW: i32 = 13;
/// A defect of Crane's.
pub const CRANE_INTERNAL: i32 = 14;
/// The library cannot be written, or was opened for reading.
pub const CRANE_READ_ONLY: i32 = 15;
/// The storage device failed to read or write.
pub const CRANE_STORAGE_FAILED: i32 = 16;
/// It was closed before.
pub const CRANE_CLOSED: i32 = 18;
/// A fact pack is damaged, altered, incomplete or newer than this version.
pub const CRANE_PACK_CORRUPT: i32 = 19;
/// The library is encrypted and no key or another one was given, or it is not and one was.
pub const CRANE_WRONG_KEY: i32 = 20;

thread_local! {
    static LAST: RefCell<(i32, String)> = const { RefCell::new((CRANE_OK, String::new())) };
}

/// The status of this thread's last call; calls that return no status don't change it.
#[unsafe(no_mangle)]
pub extern "C" fn crane_last_error_code() -> i32 {
    LAST.with(|last| last.borrow().0)
}

/// Copies the message of this thread's last call, empty when that worked, into `buffer`.
///
/// At most `size` bytes are written, the last of them a NUL; a character is never cut. Returns the message's length in
/// bytes without the NUL: call it with NULL and 0 to learn how much room is needed. Messages hold no fact, question or
/// answer. Show them to developers; decide by the code.
///
/// @param buffer `size` writable bytes, or NULL when `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_last_error_message(buffer: *mut c_char, size: usize) -> usize {
    // SAFETY: the caller promises `size` writable bytes.
    LAST.with(|last| unsafe { copy_out(&last.borrow().1, buffer, size) })
}

/// Runs the work of one entry: remembers its error, and turns a panic into one.
pub(super) fn guard(work: impl FnOnce() -> Result<()>) -> i32 {
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    let done = done
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the call failed unexpectedly; please report this")));
    let (code, message) = match done {
        Ok(()) => (CRANE_OK, String::new()),
        Err(error) => (code(error.kind()), full_message(&error)),
    };
    LAST.with(|last| *last.borrow_mut() = (code, message));
    code
}

/// The number of a kind. Without a wildcard: a new kind needs a constant above.
const fn code(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::NotFound => CRANE_NOT_FOUND,
        ErrorKind::InvalidInput => CRANE_INVALID_INPUT,
        ErrorKind::UnsupportedImage => CRANE_UNSUPPORTED_IMAGE,
        ErrorKind::ModelMissing => CRANE_MODEL_MISSING,
        ErrorKind::ModelCorrupt => CRANE_MODEL_CORRUPT,
        ErrorKind::FingerprintMismatch => CRANE_FINGERPRINT_MISMATCH,
        ErrorKind::LibraryLocked => CRANE_LIBRARY_LOCKED,
        ErrorKind::LibraryCorrupt => CRANE_LIBRARY_CORRUPT,
        ErrorKind::StorageFull => CRANE_STORAGE_FULL,
        ErrorKind::OutOfMemory => CRANE_OUT_OF_MEMORY,
        ErrorKind::Cancelled => CRANE_CANCELLED,
        ErrorKind::Backgrounded => CRANE_BACKGROUNDED,
        ErrorKind::ContextOverflow => CRANE_CONTEXT_OVERFLOW,
        ErrorKind::Internal => CRANE_INTERNAL,
        ErrorKind::ReadOnly => CRANE_READ_ONLY,
        ErrorKind::StorageFailed => CRANE_STORAGE_FAILED,
        ErrorKind::Closed => CRANE_CLOSED,
        ErrorKind::PackCorrupt => CRANE_PACK_CORRUPT,
        ErrorKind::WrongKey => CRANE_WRONG_KEY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_kinds_own_numbers() {
        for kind in [ErrorKind::NotFound, ErrorKind::Cancelled, ErrorKind::Closed, ErrorKind::PackCorrupt] {
            assert_eq!(code(kind), kind as i32);
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_next_success_clears_it() {
        assert_eq!(guard(|| panic!("on purpose")), CRANE_INTERNAL);
        assert_eq!(crane_last_error_code(), CRANE_INTERNAL);
        let cause = std::io::Error::other("the cause");
        assert_eq!(guard(|| Err(Error::new(ErrorKind::NotFound, "näh").with_source(cause))), CRANE_NOT_FOUND);
        let mut buffer = [1_u8; 5];
        // SAFETY: the buffer is as long as stated.
        let needed = unsafe { crane_last_error_message(buffer.as_mut_ptr().cast(), 3) };
        assert_eq!(needed, "näh; because: the cause".len());
        assert_eq!(buffer, [b'n', 0, 1, 1, 1], "no character is cut, and nothing is written behind");
        assert_eq!(guard(|| Ok(())), CRANE_OK);
        // SAFETY: no bytes are promised.
        assert_eq!(unsafe { crane_last_error_message(std::ptr::null_mut(), 0) }, 0);
    }
}
