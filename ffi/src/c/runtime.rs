//! Opening, living and closing; `core/docs/LIFECYCLE.md` says what a host calls when.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use crane_core::{LibraryKey, Result, Runtime, TrimLevel};

use super::args::{copy_out, invalid, place, read_struct};
use super::ask::{Cancel, token};
use super::handle::{Kind, Table};
use super::options::Options;
use super::progress::{ProgressCallback, shares};
use super::status::guard;
use super::text::{Text, hand_out};

/// Facts and the models that reason with them. Any thread may call anything with it at any time.
pub struct Crane {
    _private: (),
}

static RUNTIMES: Table<Crane, Arc<Runtime>> = Table::new(Kind::Runtime);

/// The runtime behind a handle. It outlives the call, even if another thread frees the handle meanwhile.
pub(super) fn runtime(crane: *const Crane) -> Result<Arc<Runtime>> {
    RUNTIMES.get(crane)
}

/// Verifies the models and opens the library. No model is loaded yet.
///
/// @param options What to open.
/// @param out     Set to the runtime, which `crane_free` frees; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_open(options: *const Options, out: *mut *mut Crane) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        let out = place(out)?;
        let options = read_struct("options", options)?.read()?;
        *out = RUNTIMES.insert(Arc::new(Runtime::open(options)?))?;
        Ok(())
    })
}

/// Copies a new random key for an encrypted library into `buffer`, with a NUL at its end. Only builds with encryption can
/// use it; wipe it when it is in the system's keystore.
///
/// @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_key_generate(buffer: *mut c_char, size: usize) -> i32 {
    guard(|| {
        // SAFETY: the caller promises `size` writable bytes.
        unsafe { hand_out_key(buffer, size, || Ok(LibraryKey::generate()?.expose().unwrap_or_default())) }
    })
}

/// Whether this build can encrypt libraries: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn crane_has_encryption() -> i32 {
    i32::from(LibraryKey::SUPPORTED)
}

/// Bytes of any key as text, with the NUL.
pub const CRANE_KEY_SIZE: usize = 75;

/// Copies a key as text into a buffer that has room for it.
///
/// # Safety
/// `buffer` is null or points to `size` writable bytes.
pub(super) unsafe fn hand_out_key<K: AsRef<str>>(
    buffer: *mut c_char,
    size: usize,
    key: impl FnOnce() -> Result<K>,
) -> Result<()> {
    if buffer.is_null() || size < CRANE_KEY_SIZE {
        return Err(invalid(format!("a key needs a buffer of {CRANE_KEY_SIZE} bytes")));
    }
    let key = key()?;
    // SAFETY: the caller promises it.
    unsafe { copy_out(key.as_ref(), buffer, size) };
    Ok(())
}

/// Ends every question with `CRANE_CLOSED`, waits for them, frees the models and closes the library. Any use afterwards
/// gives `CRANE_CLOSED`; closing again does nothing. Called by a callback it returns at once, and the end of that
/// callback's question does the rest.
#[unsafe(no_mangle)]
pub extern "C" fn crane_close(crane: *mut Crane) -> i32 {
    guard(|| runtime(crane)?.close())
}

/// Closes, and frees the handle. NULL is fine; a handle that was freed before gives `CRANE_INVALID_INPUT`. Nothing that
/// was acknowledged is lost if it is never called.
#[unsafe(no_mangle)]
pub extern "C" fn crane_free(crane: *mut Crane) -> i32 {
    guard(|| if crane.is_null() { Ok(()) } else { RUNTIMES.take(crane)?.close() })
}

/// Loads every model now, so that the first question need not wait for it.
///
/// @param cancel      Ends the wait with `CRANE_CANCELLED`; the models go on loading. May be NULL.
/// @param on_progress Told how far it is, never less than before, and 1 in the end; anything but 0 ends the wait, as `cancel`
///                    does. May be NULL.
/// @param user_data   Handed to the callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_warm_up(
    crane: *mut Crane,
    cancel: *const Cancel,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
) -> i32 {
    guard(|| {
        let (runtime, token) = (runtime(crane)?, token(cancel)?);
        // SAFETY: the caller promises what the header asks.
        runtime.warm_up_with(&token, &mut unsafe { shares(on_progress, user_data, &token) })?;
        // What was loaded before is not waited for, so nobody may have looked.
        token.check()
    })
}

/// Gives back what is kept of the last questions.
pub const CRANE_TRIM_PHOTO: i32 = 0;
/// Gives back the language model's context as well.
pub const CRANE_TRIM_CONTEXT: i32 = 1;
/// Gives back every model; the next question loads them again.
pub const CRANE_TRIM_MODELS: i32 = 2;

/// Gives memory back. Nothing that runs is interrupted: what it uses is given back when it ends.
///
/// @param level One of `CRANE_TRIM_…`.
#[unsafe(no_mangle)]
pub extern "C" fn crane_trim_memory(crane: *mut Crane, level: i32) -> i32 {
    guard(|| {
        let level = match level {
            CRANE_TRIM_PHOTO => TrimLevel::Photo,
            CRANE_TRIM_CONTEXT => TrimLevel::Context,
            CRANE_TRIM_MODELS => TrimLevel::Models,
            _ => return Err(invalid("there is no such level of memory to give back")),
        };
        runtime(crane)?.trim_memory(level);
        Ok(())
    })
}

/// Call it when the app goes to the background, before it may be suspended: afterwards no GPU is used, no file is locked,
/// and everything is on disk. Changes give `CRANE_BACKGROUNDED` until `crane_on_foreground`.
#[unsafe(no_mangle)]
pub extern "C" fn crane_on_background(crane: *mut Crane) -> i32 {
    guard(|| runtime(crane)?.on_background())
}

/// Call it when the app is back in the foreground.
#[unsafe(no_mangle)]
pub extern "C" fn crane_on_foreground(crane: *mut Crane) -> i32 {
    guard(|| runtime(crane)?.on_foreground())
}

/// Bytes in use, part by part, as JSON: `{"language_weights": …, "kv_cache": …, "compute": …, "vision": …, "encoders": …,
/// "index": …, "caches": …}`; 0 for what is not loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_memory_usage(crane: *const Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &runtime(crane)?.memory_usage())
    })
}

/// What runs the models that are loaded, as JSON: `{"encoder": "tract", "language": "CPU, 2 threads", "cpu_reason":
/// "not_built_in"}`, each null until it is loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_backends(crane: *const Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &runtime(crane)?.backends())
    })
}
