//! How far work is, and ending it.

use std::ffi::c_void;

use crane_core::{CancelToken, Result};

use crate::shared;

/// Told how far work is, on the thread that does it. The rules of `crane_event_fn` are its rules. It may call any function
/// of Crane, `crane_close` included; changes give `CRANE_INVALID_INPUT`, since the library is busy.
///
/// @param user_data What was given along with the callback.
/// @param share     The share that is done, 0 to 1.
/// @return 0 to go on; anything else ends the work with `CRANE_CANCELLED`.
pub type ProgressCallback = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, share: f32) -> i32>;

/// Tells of work that is counted in steps.
///
/// # Safety
/// The callback takes `user_data`.
pub(super) unsafe fn steps(callback: ProgressCallback, user_data: *mut c_void) -> impl FnMut(u64, u64) -> Result<()> {
    move |done, total| match callback {
        // SAFETY: the caller promises it.
        Some(tell) if unsafe { tell(user_data, shared::share(done, total)) } != 0 => Err(shared::stopped()),
        _ => Ok(()),
    }
}

/// Tells of work that is told in shares, and sets the token when the callback has had enough.
///
/// # Safety
/// The callback takes `user_data`.
pub(super) unsafe fn shares(
    callback: ProgressCallback,
    user_data: *mut c_void,
    cancel: &CancelToken,
) -> impl FnMut(f32) {
    move |share| {
        if let Some(tell) = callback
            && !cancel.is_cancelled()
            // SAFETY: the caller promises it.
            && unsafe { tell(user_data, share) } != 0
        {
            cancel.cancel();
        }
    }
}
