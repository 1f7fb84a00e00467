//! Fact packs: facts in one portable, verified file.

use std::ffi::{c_char, c_void};

use crane_core::Result;
use crane_core::library::pack::{ExportOptions, ImportOptions, SecretKey};
use zeroize::Zeroizing;

use super::args::{clear, fact_ids, place, read_struct, text};
use super::options::{CExportOptions, CImportOptions};
use super::progress::{ProgressCallback, steps};
use super::runtime::{Crane, hand_out_key, runtime};
use super::status::guard;
use super::text::{Text, hand_out};
use crate::shared;

/// Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting a fact
/// does not reach it.
///
/// Fails with `CRANE_NOT_FOUND` for a fact that is not there or forgotten, `CRANE_INVALID_INPUT` when the file would stand in
/// the library's folder or in place of one that is no fact pack, `CRANE_STORAGE_FULL`; nothing is left behind then.
///
/// @param options     What to take along; NULL: everything, unsigned.
/// @param on_progress Told how far it is; may be NULL.
/// @param user_data   Handed to the callback.
/// @param out         Set to JSON `{"facts": …, "keys": …, "receipts": …, "bytes": …, "digest": hexadecimal}`; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_pack_export(
    crane: *const Crane,
    file: *const c_char,
    options: *const CExportOptions,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let (runtime, file) = (runtime(crane)?, text("file", file)?);
        let options =
            if options.is_null() { ExportOptions::default() } else { read_struct("options", options)?.read()? };
        hand_out(out, &runtime.export_pack(file.as_ref(), &options, &mut steps(on_progress, user_data))?)
    })
}

/// Compares a pack with the library: what an import with these options would find. Nothing is stored.
///
/// Fails with `CRANE_PACK_CORRUPT` for a file that is damaged, altered, incomplete, wrongly signed or no pack at all,
/// `CRANE_NOT_FOUND` where there is none, `CRANE_FINGERPRINT_MISMATCH` when its vectors come from other encoders.
///
/// @param options     How to import; NULL: nobody is trusted, conflicting facts stay outside.
/// @param on_progress Told how far it is; may be NULL.
/// @param user_data   Handed to the callback.
/// @param out         Set to JSON `{"origin": {"pack": hexadecimal, "signer": key or null, "trusted": …}, "new": [id…],
///                    "same": [id…], "conflicts": [{"fact": id, "differs": …, "with": [as in crane_fact_conflicts]}…],
///                    "forgotten": [id…], "forgotten_there": [id…]}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_pack_preview(
    crane: *const Crane,
    file: *const c_char,
    options: *const CImportOptions,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let (runtime, file, options) = (runtime(crane)?, text("file", file)?, import_options(options)?);
        hand_out(out, &runtime.preview_pack(file.as_ref(), &options, &mut steps(on_progress, user_data))?)
    })
}

/// Imports a pack: all of it or nothing, as one change that one undo takes back. Errors and arguments as in
/// `crane_pack_preview`.
///
/// @param out Set to JSON `{"change": seq or null, "added": [id…], "replaced": [id…], "superseded": [id…], "skipped": [id…],
///            "same": …, "forgotten": …}`; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_pack_import(
    crane: *mut Crane,
    file: *const c_char,
    options: *const CImportOptions,
    on_progress: ProgressCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let (runtime, file, options) = (runtime(crane)?, text("file", file)?, import_options(options)?);
        hand_out(out, &runtime.import_pack(file.as_ref(), &options, &mut steps(on_progress, user_data))?)
    })
}

/// What a pack says of these facts, in the order in which they were stated. Nothing is stored, and the whole pack is verified
/// first; errors as in `crane_pack_preview`.
///
/// @param facts The ids of the facts; NULL: all.
/// @param count How many ids there are.
/// @param out   Set to a JSON array of facts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_pack_facts(
    file: *const c_char,
    facts: *const *const c_char,
    count: usize,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        hand_out(out, &shared::pack_facts(text("file", file)?, fact_ids(facts, count)?)?)
    })
}

/// Copies a new random key to sign packs with into `buffer`, with a NUL at its end. Wipe it when it is in the system's
/// keystore.
///
/// @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_signing_key_generate(buffer: *mut c_char, size: usize) -> i32 {
    // SAFETY: the caller promises `size` writable bytes.
    guard(|| unsafe { hand_out_key(buffer, size, || Ok(Zeroizing::new(SecretKey::generate()?.expose()))) })
}

/// Copies the half of a signing key that others may know into `buffer`, with a NUL at its end: whoever trusts it trusts the
/// packs that are signed with the key.
///
/// @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_public_key(signing_key: *const c_char, buffer: *mut c_char, size: usize) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        let key = Zeroizing::new(text("signing key", signing_key)?);
        hand_out_key(buffer, size, || Ok(SecretKey::parse(&key)?.public().to_string()))
    })
}

/// # Safety
/// As the header asks.
unsafe fn import_options(options: *const CImportOptions) -> Result<ImportOptions> {
    // SAFETY: the caller promises it.
    if options.is_null() { Ok(ImportOptions::default()) } else { unsafe { read_struct("options", options)?.read() } }
}
