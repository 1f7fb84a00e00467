//! The C interface, from which `include/crane.h` is generated (`ffi/cbindgen.toml`); its words are the header's.
//!
//! - Objects are handles: pointer-sized numbers that name a place in a table, never addresses. A handle that was freed, is
//!   of another kind, or was never given out is told apart from a live one and answered with an error.
//! - Values go in as structs that begin with their own size, and come out as JSON, the same that `crane --json` prints:
//!   both can grow without breaking a program that was compiled before.
//! - Every entry is behind [`status::guard`], which catches panics and keeps the thread's last error.

mod args;
mod ask;
mod facts;
mod handle;
mod keys;
mod library;
mod models;
mod options;
mod pack;
mod progress;
mod runtime;
mod status;
mod text;

use std::ffi::{CStr, c_char};

/// Version of the C interface. It grows when something is added; what is there is never changed or removed.
pub const CRANE_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// `CRANE_ABI_VERSION` of the library that is loaded. A program needs at least the one that it was compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn crane_abi_version() -> u32 {
    CRANE_ABI_VERSION
}

/// The library's own version, such as "0.1.0"; never freed.
#[unsafe(no_mangle)]
pub extern "C" fn crane_version() -> *const c_char {
    VERSION.as_ptr()
}
