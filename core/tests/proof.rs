//! What the library promises about crashes, full disks and damage, tried out ([PROOF.md](../docs/PROOF.md)).
#![allow(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is the report")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(clippy::print_stdout, reason = "how processes under test report")]

#[path = "proof/actor.rs"]
mod actor;
#[path = "proof/damage.rs"]
mod damage;
#[path = "proof/kill.rs"]
mod kill;
#[path = "proof/model.rs"]
mod model;
#[cfg(target_os = "linux")]
#[path = "proof/power.rs"]
mod power;
#[cfg(all(target_os = "linux", feature = "encryption"))]
#[path = "proof/rekey.rs"]
mod rekey;
#[path = "proof/script.rs"]
mod script;
#[path = "proof/settings.rs"]
mod settings;
#[cfg(target_os = "linux")]
#[path = "proof/shim.rs"]
mod shim;
#[cfg(target_os = "linux")]
#[path = "proof/storage.rs"]
mod storage;
#[allow(dead_code, reason = "shared with the library's tests")]
#[path = "library/support.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "proof/trace.rs"]
mod trace;
#[path = "proof/verify.rs"]
mod verify;
