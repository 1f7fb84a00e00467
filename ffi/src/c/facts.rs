//! Telling, changing, finding and forgetting facts. Facts come out as JSON: `id`, `statement`, `subject`, `target`,
//! `source`, `note`, `state`, `supersedes`, `created_at`, `updated_at`, `valid_from`, `valid_until`, `origin`,
//! `image_keys`, `text_keys`.

use std::ffi::c_char;

use crane_core::library::{FactFilter, Receipt};
use crane_core::{Fact, FactId, NewFact, Result, Runtime};
use serde_json::{Value, json};

use super::args::{clear, fact_id, fact_ids, optional_text, place, read_struct, text};
use super::options::{CNewFact, Filter};
use super::runtime::{Crane, runtime};
use super::status::guard;
use super::text::{Text, hand_out};
use crate::shared::{existing, hex, parse_id, writable};

/// Stores a correction under its photos and texts. It is on disk and in force when this returns.
///
/// @param out Set to the fact as JSON; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_add(crane: *mut Crane, fact: *const CNewFact, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { tell(crane, fact, out, Runtime::add_fact) }
}

/// Active facts that a new one would collide with: the same subject with another target, or a photo at least as similar as
/// `similarity`. Nothing is stored: supersede one, add the new fact beside them, or leave it.
///
/// @param similarity Cosine, -1 to 1; 0.95 is nearly the same picture.
/// @param out        Set to a JSON array of `{"fact": id, "collision": "subject" or {"picture": similarity}}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_conflicts(
    crane: *const Crane,
    fact: *const CNewFact,
    similarity: f32,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &runtime.conflicts(&read_struct("fact", fact)?.read()?, similarity)?)
    })
}

/// Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is found
/// by, and a new statement takes the old one's place among the texts.
///
/// @param out Set to the fact as JSON; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_edit(
    crane: *mut Crane,
    id: *const c_char,
    fact: *const CNewFact,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { tell(crane, fact, out, |runtime, fact| runtime.edit_fact(fact_id(id)?, fact)) }
}

/// Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both back.
///
/// @param old The fact to be replaced.
/// @param out Set to the new fact as JSON; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_supersede(
    crane: *mut Crane,
    old: *const c_char,
    fact: *const CNewFact,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { tell(crane, fact, out, |runtime, fact| runtime.replace_fact(fact_id(old)?, fact)) }
}

/// Stores a correction in place of several others, as one change; `supersedes` of the new fact names the first.
///
/// @param old   The facts to be replaced.
/// @param count How many there are, at least 1.
/// @param out   Set to the new fact as JSON; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_supersede_all(
    crane: *mut Crane,
    old: *const *const c_char,
    count: usize,
    fact: *const CNewFact,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { tell(crane, fact, out, |runtime, fact| runtime.replace_facts(&fact_ids(old, count)?, fact)) }
}

/// Lets a disabled fact fire again. `out` as in `crane_fact_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_enable(crane: *mut Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, Runtime::enable) }
}

/// Keeps a fact from firing until it is enabled. `out` as in `crane_fact_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_disable(crane: *mut Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, Runtime::disable) }
}

/// Deletes a fact; its history stays, and an undo brings it back. `out` as in `crane_fact_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_delete(crane: *mut Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, Runtime::delete) }
}

/// One fact, whatever its state; `CRANE_NOT_FOUND` when there is none. `out` as in `crane_fact_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_get(crane: *const Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, Runtime::fact) }
}

/// Erases a fact for good, from every file of the library. It can't be undone.
///
/// @param out Set to a receipt as JSON: `{"fact": id, "at": Unix milliseconds, "change": number, "digest": hexadecimal}`;
///            may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_forget(crane: *mut Crane, id: *const c_char, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &receipt_json(&writable(&runtime)?.forget(fact_id(id)?)?))
    })
}

pub(super) fn receipt_json(receipt: &Receipt) -> Value {
    let Receipt { fact, at, change, digest } = receipt;
    json!({ "fact": fact, "at": at, "change": change, "digest": hex(digest) })
}

/// The facts that pass the filter, newest first.
///
/// @param filter Which facts; NULL: all that are not deleted.
/// @param out    Set to a JSON array of facts; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_list(crane: *const Crane, filter: *const Filter, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let filter = if filter.is_null() { FactFilter::default() } else { read_struct("filter", filter)?.read()? };
        hand_out(out, &runtime(crane)?.facts(&filter)?)
    })
}

/// Facts that hold all these words, the last of which may be begun only; best match first.
///
/// @param words 1 to 500 characters.
/// @param limit Most facts to return.
/// @param out   Set to a JSON array of facts; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_search(
    crane: *const Crane,
    words: *const c_char,
    limit: u32,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let (runtime, words) = (runtime(crane)?, text("words", words)?);
        let found = runtime.library().map_or(Ok(Vec::new()), |library| library.lookup(&words, limit))?;
        hand_out(out, &found)
    })
}

/// Changes, newest first, of one fact or of all.
///
/// @param id    The fact; NULL: all.
/// @param limit Most changes to return.
/// @param out   Set to a JSON array of `{"seq": number, "at": Unix milliseconds, "op": …, "undoes": number or null,
///              "facts": [id…]}`; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_history(crane: *const Crane, id: *const c_char, limit: u32, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let (runtime, id) = (runtime(crane)?, optional_text("fact's id", id)?);
        let id = id.map(|id| parse_id(&id)).transpose()?;
        let entries = runtime.library().map_or(Ok(Vec::new()), |library| library.history(id, limit))?;
        hand_out(out, &entries)
    })
}

/// A fact as it was right after a change of the history; `CRANE_NOT_FOUND` where it did not exist then, or is forgotten.
///
/// @param seq The change's `seq`, see `crane_history`.
/// @param out Set to the fact as JSON; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_as_of(
    crane: *const Crane,
    id: *const c_char,
    seq: i64,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, |runtime, id| existing(runtime)?.as_of(id, seq)) }
}

/// Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes back.
/// Arguments and errors as in `crane_fact_as_of`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_fact_restore(
    crane: *mut Crane,
    id: *const c_char,
    seq: i64,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    unsafe { change(crane, id, out, |runtime, id| writable(runtime)?.restore(id, seq)) }
}

/// Takes back the newest change that stands; every fact it touched is exactly as it was.
///
/// @param out Set to the change as JSON, as in `crane_history`; to `null` when there was none. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_undo(crane: *mut Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &writable(&runtime)?.undo()?)
    })
}

/// Brings the change back that was undone last, unless something else was done since. `out` as in `crane_undo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_redo(crane: *mut Crane, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &writable(&runtime)?.redo()?)
    })
}

/// Runs a call that takes a new fact.
///
/// # Safety
/// The pointers are as the header asks.
unsafe fn tell(
    crane: *mut Crane,
    fact: *const CNewFact,
    out: *mut *mut Text,
    work: impl FnOnce(&Runtime, NewFact) -> Result<Fact>,
) -> i32 {
    // SAFETY: the caller promises it.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &work(&runtime, read_struct("fact", fact)?.read()?)?)
    })
}

/// Runs a call that takes a fact's id.
///
/// # Safety
/// The pointers are as the header asks.
unsafe fn change(
    crane: *const Crane,
    id: *const c_char,
    out: *mut *mut Text,
    work: impl FnOnce(&Runtime, FactId) -> Result<Fact>,
) -> i32 {
    // SAFETY: the caller promises it.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &work(&runtime, fact_id(id)?)?)
    })
}
