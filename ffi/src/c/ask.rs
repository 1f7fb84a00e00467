//! Asking, on the caller's thread, with a callback for what happens meanwhile.

use std::ffi::{CString, c_char, c_void};

use crane_core::{AnswerEvent, CancelToken, Result};
use serde_json::json;

use super::args::{clear, place, read_struct};
use super::handle::{Kind, Table};
use super::options::CQuestion;
use super::runtime::{Crane, runtime};
use super::status::guard;
use super::text::{Text, c_json, hand_out};

/// Ends questions from any thread.
pub struct Cancel {
    _private: (),
}

static TOKENS: Table<Cancel, CancelToken> = Table::new(Kind::Cancel);

/// The token behind a handle; NULL: one that nobody sets.
pub(super) fn token(cancel: *const Cancel) -> Result<CancelToken> {
    if cancel.is_null() { Ok(CancelToken::new()) } else { TOKENS.get(cancel) }
}

/// It is clear which index is searched; JSON: `"image"` or `"text"`.
pub const CRANE_EVENT_ROUTED: i32 = 0;
/// It is clear whether a fact applies; JSON: `{"decision": …, "fact": …}`.
pub const CRANE_EVENT_DECIDED: i32 = 1;
/// More text of the thought, plain UTF-8.
pub const CRANE_EVENT_THINK: i32 = 2;
/// More text of the answer, plain UTF-8.
pub const CRANE_EVENT_ANSWER: i32 = 3;

/// Told of what happens while a question is answered, on the thread that asked, in this order: routed, decided, any number
/// of pieces of the thought, any number of pieces of the answer.
///
/// It may call any function of Crane, `crane_close` included. It must return: neither `longjmp` nor a C++ exception may
/// leave it; an exception that tries ends the process.
///
/// @param user_data What was given to `crane_ask`.
/// @param event     One of `CRANE_EVENT_…`.
/// @param text      The event's text with a NUL at its end; gone when the callback returns.
/// @param size      Bytes of the text, without the NUL.
/// @return 0 to go on; anything else cancels, as `crane_cancel_set` does.
pub type EventCallback =
    Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, event: i32, text: *const c_char, size: usize) -> i32>;

/// Makes a handle that ends questions.
///
/// @param out Set to the handle, which `crane_cancel_free` frees; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_cancel_new(out: *mut *mut Cancel) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        *place(out)? = TOKENS.insert(CancelToken::new())?;
        Ok(())
    })
}

/// Ends every question that was asked, or will be asked, with this handle: soon, and at its next batch. It stays set.
#[unsafe(no_mangle)]
pub extern "C" fn crane_cancel_set(cancel: *const Cancel) -> i32 {
    guard(|| TOKENS.get(cancel).map(|token| token.cancel()))
}

/// Frees the handle, which cancels nothing. NULL is fine; freed before gives `CRANE_INVALID_INPUT`.
#[unsafe(no_mangle)]
pub extern "C" fn crane_cancel_free(cancel: *mut Cancel) -> i32 {
    guard(|| if cancel.is_null() { Ok(()) } else { TOKENS.take(cancel).map(drop) })
}

/// Which fact would fire on this question? The language model doesn't run.
///
/// @param out Set to JSON `{"fact": …, "trace": …}`; to NULL on an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_preview(crane: *mut Crane, question: *const CQuestion, out: *mut *mut Text) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        place(out)?;
        let runtime = runtime(crane)?;
        hand_out(out, &runtime.preview(&read_struct("question", question)?.read()?)?)
    })
}

/// Answers a question on this thread and returns when that is done.
///
/// @param question  What is asked.
/// @param cancel    Ends the question from another thread; may be NULL.
/// @param on_event  Told of what happens meanwhile; may be NULL.
/// @param user_data Handed to the callback.
/// @param out       Set to JSON `{"text": …, "thought": …, "fact": …, "trace": …}`; to NULL on an error. May be NULL for
///                  those who listen.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crane_ask(
    crane: *mut Crane,
    question: *const CQuestion,
    cancel: *const Cancel,
    on_event: EventCallback,
    user_data: *mut c_void,
    out: *mut *mut Text,
) -> i32 {
    // SAFETY: the caller promises what the header asks.
    guard(|| unsafe {
        clear(out)?;
        let runtime = runtime(crane)?;
        let token = token(cancel)?;
        let question = read_struct("question", question)?.read()?;
        let mut tell = |event: AnswerEvent| {
            // Whoever has cancelled is told of the end only.
            if let Some(callback) = on_event
                && !token.is_cancelled()
                && !told(&event, callback, user_data).unwrap_or(false)
            {
                token.cancel();
            }
        };
        hand_out(out, &runtime.ask(&question, &token, &mut tell)?)
    })
}

/// Tells a callback; whether it wants more.
///
/// # Safety
/// The callback takes `user_data`.
unsafe fn told(
    event: &AnswerEvent,
    callback: unsafe extern "C-unwind" fn(*mut c_void, i32, *const c_char, usize) -> i32,
    user_data: *mut c_void,
) -> Result<bool> {
    let (code, text) = match event {
        AnswerEvent::Routed(route) => (CRANE_EVENT_ROUTED, c_json(route)?),
        AnswerEvent::Decided { decision, fact } => {
            (CRANE_EVENT_DECIDED, c_json(&json!({ "decision": decision, "fact": fact }))?)
        }
        AnswerEvent::ThinkDelta(text) => (CRANE_EVENT_THINK, plain(text)),
        AnswerEvent::AnswerDelta(text) => (CRANE_EVENT_ANSWER, plain(text)),
    };
    // SAFETY: the text lives until the callback has returned; the caller promises the rest.
    Ok(unsafe { callback(user_data, code, text.as_ptr(), text.count_bytes()) } == 0)
}

/// A model's text with a NUL at its end. A NUL inside, which C would take for the end, is left out.
fn plain(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    CString::new(bytes).expect("every NUL was left out")
}
