//! The fact library through its public surface.
#![allow(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is the report")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(clippy::print_stdout, reason = "how processes under test report")]

#[path = "library/away.rs"]
mod away;
#[path = "library/check.rs"]
mod check;
#[path = "library/derived.rs"]
mod derived;
#[path = "library/encryption.rs"]
mod encryption;
#[path = "library/facts.rs"]
mod facts;
#[path = "library/forget.rs"]
mod forget;
#[path = "library/history.rs"]
mod history;
#[path = "library/opening.rs"]
mod opening;
#[path = "library/pack.rs"]
mod pack;
#[path = "library/pack_any.rs"]
mod pack_any;
#[path = "library/pack_conflicts.rs"]
mod pack_conflicts;
#[path = "library/pack_hostile.rs"]
mod pack_hostile;
#[path = "library/reembed.rs"]
mod reembed;
#[path = "library/storage.rs"]
mod storage;
#[path = "library/support.rs"]
mod support;
