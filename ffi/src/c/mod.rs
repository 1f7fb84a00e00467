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
mod version;
