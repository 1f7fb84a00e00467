//! What facts are found by, and what remains of those that are forgotten.

use std::ffi::c_char;

use crane_core::KeyId;
use crane_core::library::Library;

use super::args::{fact_id, invalid, place};
use super::facts::receipt_json;
use super::runtime::{Crane, runtime};
use super::status::guard;
use super::text::{Text, hand_out};
use crate::shared::existing;

/// What a fact is found by, in the order of adding; `CRANE_NOT_FOUND` for an unknown fact.
///
/// @param out Set to a JSON array of `{"id": number, "modality": "image" or "text", "text": … or null, "has_thumbnail": …}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_keys(crane: *const Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &existing(&runtime)?.keys(fact_id(id)?)?)
    })
}

/// Copies the small copy of a photo (JPEG) into `buffer`, where the library keeps one; `CRANE_NOT_FOUND` for an unknown key.
///
/// @param key    The key's `id`, see `crane_fact_keys`.
/// @param buffer `size` writable bytes, or NULL when `size` is 0. Nothing is written when the photo doesn't fit.
/// @param needed Set to the photo's bytes; to 0 where none is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_thumbnail(
    crane: *const Crane,
    key: i64,
    buffer: *mut u8,
    size: usize,
    needed: *mut usize,
) -> i32 {
    guard(|| {
        if needed.is_null() || !needed.is_aligned() {
            return Err(invalid("the place for the size is NULL or not aligned"));
        }
        // SAFETY: the caller promises that it may be written.
        unsafe { needed.write(0) };
        let runtime = runtime(crane)?;
        let photo = existing(&runtime)?.thumbnail(KeyId(key))?.unwrap_or_default();
        // SAFETY: as above; and the buffer has room for all of it.
        unsafe {
            needed.write(photo.len());
            if !buffer.is_null() && photo.len() <= size {
                std::ptr::copy_nonoverlapping(photo.as_ptr(), buffer, photo.len());
            }
        }
        Ok(())
    })
}

/// Receipts of all forgotten facts, oldest first.
///
/// @param out Set to a JSON array of receipts as in `crane_fact_forget`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_receipts(crane: *const Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let runtime = runtime(crane)?;
        let receipts = runtime.library().map_or(Ok(Vec::new()), Library::receipts)?;
        hand_out(out, &receipts.iter().map(receipt_json).collect::<Vec<_>>())
    })
}
