//! The vector index through its public surface: every kernel, exactness, the file format, and damage to it.
#![allow(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is the report")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

#[path = "index/damage.rs"]
mod damage;
#[path = "index/exact.rs"]
mod exact;
#[path = "index/support.rs"]
mod support;
