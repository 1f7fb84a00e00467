//! The vector index of one modality: flat rows of 256 f16, searched exactly.
//!
//! It is derived from SQLite and never trusted over it: a generation file that is missing, damaged or not the one that
//! the database names is thrown away and rebuilt. `docs/INDEX_FORMAT.md` gives the bytes.
//!
//! Nothing here maps a file. A mapped file raises SIGBUS when it is truncated behind the map or when its medium fails,
//! and no Rust code can catch that. So the pages of a generation are *read* into anonymous memory of our own, codes at
//! once and rows when a search first looks at them: what a page fault does, but with an error to return. The rejected
//! options: reading everything, which takes long to open; a sealed memfd, which needs the same copy and is Linux only;
//! a private (copy-on-write) map, which still faults on pages not yet touched; a SIGBUS handler, which belongs to the
//! app, not to a library.
#![allow(unsafe_code, reason = "SIMD intrinsics; every use is behind a type that proves the CPU has them")]

mod base;
mod coarse;
mod filter;
mod format;
pub mod kernel;
mod memory;
mod pages;
mod row;
mod rows;
mod scan;
#[cfg_attr(not(feature = "encryption"), path = "unsealed.rs")]
mod seal;
mod search;
mod table;
mod topk;
mod write;

pub use coarse::{BLOCK_LEN, BLOCK_ROWS, Block, Candidate, CoarseQuery, Encoder};
pub use filter::Filter;
pub use format::{Damage, ENTRY_LEN, FORMAT_VERSION, HEADER_LEN, Header, Layout, PAGE_LEN, ROW_LEN};
pub use row::{Entry, Row};
pub(crate) use row::{state_code, state_of};
pub use seal::SealKey;

pub use table::{Index, LoadError};
pub use write::{Identity, WriteError};
pub(crate) use write::{create_private, sync_folder};
