//! Which interface and which library this is.

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
