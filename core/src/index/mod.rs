//! The vector index of one modality: flat rows of 256 f16, searched exactly.
//!
//! It is derived from SQLite and never trusted over it: a generation file that is missing, damaged or not the one that
//! the database names is thrown away and rebuilt. `docs/INDEX_FORMAT.md` gives the bytes.
//!
//! Nothing here maps a file. A mapped file raises SIGBUS when it is truncated behind the map or when its medium fails,
//! and no Rust code can catch that. So a generation is *read* into anonymous memory of our own (huge pages where the
//! system has them, which also makes the scan faster): whatever happens to the file afterwards, the worst is that
//! `read` returned an error. The rejected options: a sealed memfd needs the same copy and is Linux only; a private
//! (copy-on-write) map still faults on pages not yet touched; a SIGBUS handler belongs to the app, not to a library.
#![allow(unsafe_code, reason = "SIMD intrinsics; every use is behind a type that proves the CPU has them")]

mod coarse;
mod format;
pub mod kernel;
mod memory;
mod row;
mod search;
mod table;
mod topk;
mod write;

pub use coarse::{BLOCK_LEN, BLOCK_ROWS, CoarseQuery, Encoder, coarse_len};
pub use format::{Damage, ENTRY_LEN, FORMAT_VERSION, HEADER_LEN, Header, ROW_LEN};
pub use row::{Entry, Row};
pub(crate) use row::{state_code, state_of};
pub use search::Filter;
pub use table::{Index, LoadError};
pub use write::Identity;
pub(crate) use write::sync_folder;
