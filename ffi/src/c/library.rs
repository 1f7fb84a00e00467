//! What is done to a library while nobody uses it: checks, repair, encryption, other models. It is named by its folder, and by
//! its key where it is encrypted.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;

use crane_core::library::{Library, Progress, Unreadable};
use crane_core::{CancelToken, LibraryKey, OpenOptions, Result, Runtime};
use serde::Serialize;

use super::args::{clear, optional_text, place, text};
use super::progress::{ProgressCallback, steps};
use super::status::guard;
use super::text::{Text, hand_out};
use crate::shared::{self, parse_key};

/// Checks database, history, full text, index files and vectors of a library against each other. Nothing is changed, and a
/// finding is no error. The library may be in use meanwhile, and need not be one that can be opened.
///
/// Fails with `CRANE_NOT_FOUND` where there is none, `CRANE_LIBRARY_CORRUPT` where the database can't even be looked into,
/// `CRANE_WRONG_KEY`.
///
/// @param library     The library's folder.
/// @param key         Its key, if it is encrypted; else NULL.
/// @param on_progress Told how far it is; may be NULL.
/// @param user_data   Handed to the callback.
/// @param out         Set to JSON `{"facts": …, "keys": …, "changes": …, "index_rows": …, "findings": [{"part": …, "severity":
///                    "untidy", "derived" or "damaged", "what": …, "count": …, "facts": [id…]}…]}`, the worst finding first. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_check(
    library: *const c_char,
    key: *const c_char,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { work_on((library, key), (on_progress, user_data), out, Library::check_at_with) }
}

/// Checks a library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies up. Facts,
/// keys and history are never touched. A second check follows, of which the callback is told from 0 again.
///
/// Arguments and errors as in `crane_library_check`; `CRANE_LIBRARY_LOCKED` while it is open for writing.
///
/// @param out Set to JSON `{"before": report, "done": ["lookup", "full_text", "index", "folder"], "after": report}`, with
///            reports as in `crane_library_check`; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_repair(
    library: *const c_char,
    key: *const c_char,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { work_on((library, key), (on_progress, user_data), out, Library::repair_at_with) }
}

/// Saves what can be read of a damaged library into a new one with the same key. The damaged one stays as it is.
///
/// Arguments as in `crane_library_check`. Fails with `CRANE_NOT_FOUND` where there is no library, `CRANE_INVALID_INPUT` when
/// `into` holds anything, `CRANE_LIBRARY_CORRUPT` when nothing could be read, `CRANE_WRONG_KEY`; nothing is left at `into`
/// then.
///
/// @param into   The new library's folder, which must be empty or missing.
/// @param models The models' folder; needed only where the damaged library does not say for sure which models its vectors come
///               from. May be NULL.
/// @param out    Set to JSON `{"facts": …, "facts_from_history": …, "facts_without_keys": …, "lost_facts": …, "keys": …,
///               "keys_from_index": …, "lost_keys": …, "lost_pasts": …, "receipts": …}`; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_salvage(
    library: *const c_char,
    key: *const c_char,
    into: *const c_char,
    models: *const c_char,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    let salvage = |library: PathBuf, key: Option<&LibraryKey>, told: Progress<'_>| {
        // SAFETY: the caller promises what the header asks.
        let (into, models) = unsafe { (text("new library's folder", into)?, optional_text("models' folder", models)?) };
        Library::salvage_with(library, into, shared::fingerprint(models)?.as_ref(), key, told)
    };
    // SAFETY: as above.
    unsafe { work_on((library, key), (on_progress, user_data), out, salvage) }
}

/// Makes every vector of a library anew with other models, where `crane_open` says `CRANE_FINGERPRINT_MISMATCH`. It is all or
/// nothing.
///
/// Photos of which the library keeps no copy can't be read again. Unless they may be erased, they are refused with
/// `CRANE_INVALID_INPUT`; facts stay, and one that nothing finds any more is disabled. Arguments as in `crane_library_check`;
/// `CRANE_LIBRARY_LOCKED` while it is open for writing.
///
/// @param models           The models' folder.
/// @param erase_unreadable Not 0: keys that can't be read again are erased.
/// @param out              Set to JSON `{"keys": …, "projected": …, "erased": [[id, key]…], "disabled": [id…]}`; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_reembed(
    library: *const c_char,
    key: *const c_char,
    models: *const c_char,
    erase_unreadable: i32,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    let reembed = |library: PathBuf, key: Option<&LibraryKey>, told: Progress<'_>| {
        // SAFETY: the caller promises what the header asks.
        let models = unsafe { text("models' folder", models)? };
        let options = OpenOptions { key: key.cloned(), ..OpenOptions::new(models, library) };
        let unreadable = if erase_unreadable == 0 { Unreadable::Refuse } else { Unreadable::Erase };
        Runtime::reembed(&options, unreadable, &CancelToken::new(), told)
    };
    // SAFETY: as above.
    unsafe { work_on((library, key), (on_progress, user_data), out, reembed) }
}

/// Whether a library is encrypted.
///
/// @param out Set to JSON `true` or `false`; `false` where there is no library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_is_encrypted(library: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &Library::is_encrypted(text("library's folder", library)?)?)
    })
}

/// Encrypts a library with a key, or with another one than before, or makes it a plain one. Until it is done the library stays
/// as it was, whatever happens. Keep the new key before this is called: without it the library can't be read.
///
/// Fails with `CRANE_WRONG_KEY` when `key` is not the library's, or this build has no encryption (see `crane_has_encryption`);
/// `CRANE_LIBRARY_LOCKED` while it is open anywhere, also for reading; `CRANE_INVALID_INPUT` for a key that is none, or when
/// there is neither an old key nor a new one; `CRANE_NOT_FOUND`, `CRANE_STORAGE_FULL`.
///
/// @param library The library's folder.
/// @param key     Its key until now; NULL: it is plain.
/// @param new_key Its key from now on, `cranekey1:` and 64 hexadecimal digits; NULL: it will be plain.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_library_set_key(
    library: *const c_char,
    key: *const c_char,
    new_key: *const c_char,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        let ((folder, key), new) = (named(library, key)?, parse_key(optional_text("new key", new_key)?)?);
        shared::set_key(&folder, key.as_ref(), new.as_ref())
    })
}

/// Runs work that takes long on a library, and hands out its report.
///
/// # Safety
/// The pointers are as the header asks, and the callback takes its `user_data`.
unsafe fn work_on<T: Serialize>(
    (library, key): (*const c_char, *const c_char),
    (on_progress, user_data): (ProgressCallback, *mut c_void),
    out: *mut *mut Text,
    work: impl FnOnce(PathBuf, Option<&LibraryKey>, Progress<'_>) -> Result<T>,
) -> i32 {
    // SAFETY: the caller promises it.
    guard(|| unsafe {
        clear(out)?;
        let (folder, key) = named(library, key)?;
        hand_out(out, &work(folder, key.as_ref(), &mut steps(on_progress, user_data))?)
    })
}

/// A library's folder and its key.
///
/// # Safety
/// As the header asks.
unsafe fn named(library: *const c_char, key: *const c_char) -> Result<(PathBuf, Option<LibraryKey>)> {
    // SAFETY: the caller promises it.
    unsafe { Ok((text("library's folder", library)?.into(), parse_key(optional_text("key", key)?)?)) }
}
