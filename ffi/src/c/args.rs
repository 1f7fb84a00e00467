//! Reading what C hands over. Everything is checked that can be; what can't is what the header asks of the caller: that
//! pointers point to what they say.

use std::ffi::c_char;
use std::mem::{MaybeUninit, size_of};

use crane_core::{Error, ErrorKind, FactId, Result, image};

use crate::shared::parse_id;

/// Most bytes of one text. More than any text may have: a text without its NUL is not followed far.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most entries of one array, where they are not facts.
pub(super) const MAX_ENTRIES: usize = 1_000;
/// Most facts that one call may name: as many as a pack may hold.
const MAX_FACTS: usize = 1_000_000;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// A struct that begins with its own size. What an older program doesn't know stays zero, which always is the default.
///
/// # Safety
/// Any bytes must make a valid `Self`, all zero included, and it must begin with a `u32`.
pub(super) unsafe trait Sized32: Copy {
    /// Bytes of the struct in the first version of the interface.
    const AT_LEAST: usize;
}

/// Reads a struct.
///
/// # Safety
/// `from` is null or points to as many bytes as its first four say.
pub(super) unsafe fn read_struct<T: Sized32>(name: &str, from: *const T) -> Result<T> {
    if from.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    // SAFETY: it begins with its size, of four bytes; it need not be aligned.
    let size = unsafe { from.cast::<u32>().read_unaligned() } as usize;
    if size < T::AT_LEAST || size > size_of::<T>() {
        return Err(invalid(format!(
            "{name} says that it has {size} bytes: set its first field to its size; this library knows {} to {}",
            T::AT_LEAST,
            size_of::<T>()
        )));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller promises `size` bytes, and `value` has at least as many; any bytes make a valid `T`.
    unsafe {
        std::ptr::copy_nonoverlapping(from.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), size);
        Ok(value.assume_init())
    }
}

/// Reads a text that may be left out.
///
/// # Safety
/// `from` is null or points to bytes up to and including a NUL.
pub(super) unsafe fn optional_text(name: &str, from: *const c_char) -> Result<Option<String>> {
    if from.is_null() {
        return Ok(None);
    }
    let mut size = 0;
    // SAFETY: the bytes before the NUL are readable, and no byte after it is read.
    while unsafe { from.add(size).read() } != 0 {
        size += 1;
        if size > MAX_TEXT_BYTES {
            return Err(invalid(format!("the {name} is longer than any text may be, or has no NUL at its end")));
        }
    }
    // SAFETY: these bytes were just read.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) };
    let text = std::str::from_utf8(bytes);
    text.map(|text| Some(text.to_owned())).map_err(|_| invalid(format!("the {name} is not UTF-8")))
}

/// Reads a text.
///
/// # Safety
/// As [`optional_text`].
pub(super) unsafe fn text(name: &str, from: *const c_char) -> Result<String> {
    // SAFETY: the caller promises it.
    unsafe { optional_text(name, from) }?.ok_or_else(|| invalid(format!("the {name} is NULL")))
}

/// Reads a fact's id.
///
/// # Safety
/// As [`optional_text`].
pub(super) unsafe fn fact_id(from: *const c_char) -> Result<FactId> {
    // SAFETY: the caller promises it.
    parse_id(&unsafe { text("fact's id", from) }?)
}

/// Reads the ids of several facts.
///
/// # Safety
/// `first` is null or points to `count` texts, each as in [`optional_text`].
pub(super) unsafe fn fact_ids(first: *const *const c_char, count: usize) -> Result<Vec<FactId>> {
    // SAFETY: the caller promises it.
    unsafe { entries("facts", first, count, MAX_FACTS)?.iter().map(|id| fact_id(*id)).collect() }
}

/// Reads a photo's bytes.
///
/// # Safety
/// `data` is null or points to `size` readable bytes.
pub(super) unsafe fn photo(data: *const u8, size: usize) -> Result<Option<Vec<u8>>> {
    match (data.is_null(), size) {
        (true, 0) => return Ok(None),
        (true, _) => return Err(invalid(format!("a photo of {size} bytes has no data"))),
        // Refused before it is copied, as decoding would refuse it.
        (false, size) if size > image::MAX_ENCODED_BYTES => {
            let limit = image::MAX_ENCODED_BYTES;
            return Err(Error::new(ErrorKind::UnsupportedImage, format!("a photo of {size} bytes: at most {limit}")));
        }
        (false, _) => {}
    }
    // SAFETY: the caller promises it, and the size is far below `isize::MAX`.
    Ok(Some(unsafe { std::slice::from_raw_parts(data, size) }.to_vec()))
}

/// The entries of an array.
///
/// # Safety
/// `first` is null or points to `count` entries that live while they are used.
pub(super) unsafe fn entries<'a, T>(name: &str, first: *const T, count: usize, most: usize) -> Result<&'a [T]> {
    if count > most {
        return Err(invalid(format!("{count} {name}: at most {most} are allowed")));
    }
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() || !first.is_aligned() {
        return Err(invalid(format!("the array of {count} {name} is NULL or not aligned")));
    }
    // SAFETY: the caller promises it; pointer and size were checked.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// Reads a number that may be left out.
///
/// # Safety
/// `from` is null or points to a number.
pub(super) unsafe fn optional_number(from: *const i64) -> Option<i64> {
    // SAFETY: the caller promises it; it need not be aligned.
    (!from.is_null()).then(|| unsafe { from.read_unaligned() })
}

/// Where a result is to be put. It is emptied first, so that after an error nothing stale is there.
///
/// # Safety
/// `to` is null or points to a pointer that may be written.
pub(super) unsafe fn place<'a, T>(to: *mut *mut T) -> Result<&'a mut *mut T> {
    if to.is_null() || !to.is_aligned() {
        return Err(invalid("the place for the result is NULL or not aligned"));
    }
    // SAFETY: the caller promises it.
    unsafe {
        *to = std::ptr::null_mut();
        Ok(&mut *to)
    }
}

/// Empties a place for a result that may be left out.
///
/// # Safety
/// `to` is null or points to a pointer that may be written.
pub(super) unsafe fn clear<T>(to: *mut *mut T) -> Result<()> {
    // SAFETY: the caller promises it.
    if to.is_null() { Ok(()) } else { unsafe { place(to) }.map(drop) }
}

/// Copies a text with a NUL into `size` bytes, as much of it as fits without cutting a character; returns its length.
///
/// # Safety
/// `buffer` is null or points to `size` writable bytes.
pub(super) unsafe fn copy_out(text: &str, buffer: *mut c_char, size: usize) -> usize {
    if !buffer.is_null() && size > 0 {
        let cut = |at: &usize| text.is_char_boundary(*at);
        let fits = (0..=text.len().min(size - 1)).rev().find(cut).unwrap_or(0);
        // SAFETY: `fits` bytes and a NUL are at most `size`.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), fits);
            buffer.add(fits).write(0);
        }
    }
    text.len()
}
