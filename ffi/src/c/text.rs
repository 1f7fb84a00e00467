//! Texts that Crane hands out.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use crane_core::{Error, ErrorKind, Result};
use serde::Serialize;

use super::args::{copy_out, place};
use super::handle::{Kind, Table};
use super::status::guard;

/// A text that Crane hands out: JSON in UTF-8. It belongs to the caller, who frees it with `crane_text_free`.
pub struct Text {
    _private: (),
}

static TEXTS: Table<Text, Arc<CString>> = Table::new(Kind::Text);

/// The text's bytes, with a NUL at their end; NULL when the handle is not in use. They stay until the text is freed.
#[unsafe(no_mangle)]
pub extern "C" fn crane_text_data(text: *const Text) -> *const c_char {
    // The table holds the text until it is freed, so its bytes stay where they are.
    TEXTS.get(text).map_or(std::ptr::null(), |text| text.as_ptr())
}

/// The text's length in bytes, without the NUL; 0 when the handle is not in use.
#[unsafe(no_mangle)]
pub extern "C" fn crane_text_size(text: *const Text) -> usize {
    TEXTS.get(text).map_or(0, |text| text.count_bytes())
}

/// Copies the text into `buffer`: at most `size` bytes, the last of them a NUL, never cutting a character. Returns the
/// length of the whole text without the NUL, or 0 when the handle is not in use.
///
/// @param buffer `size` writable bytes, or NULL when `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_text_copy(text: *const Text, buffer: *mut c_char, size: usize) -> usize {
    let Ok(text) = TEXTS.get(text) else { return 0 };
    // SAFETY: the caller promises `size` writable bytes.
    text.to_str().map_or(0, |text| unsafe { copy_out(text, buffer, size) })
}

/// Frees a text. NULL is fine; a text that was freed before gives `CRANE_INVALID_INPUT`.
#[unsafe(no_mangle)]
pub extern "C" fn crane_text_free(text: *mut Text) -> i32 {
    guard(|| if text.is_null() { Ok(()) } else { TEXTS.take(text).map(drop) })
}

/// Hands a value out as JSON, to a caller who wants it.
///
/// # Safety
/// `out` is null or points to a pointer that may be written.
pub(super) unsafe fn hand_out(out: *mut *mut Text, value: &impl Serialize) -> Result<()> {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: the caller promises it.
    *unsafe { place(out) }? = TEXTS.insert(Arc::new(c_json(value)?))?;
    Ok(())
}

/// A value as JSON with a NUL at its end. JSON itself holds none.
pub(super) fn c_json(value: &impl Serialize) -> Result<CString> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Internal, "a value has no JSON form; please report this").with_source(error)
    };
    let json = serde_json::to_vec(value).map_err(|error| failed(error.into()))?;
    CString::new(json).map_err(|error| failed(error.into()))
}
