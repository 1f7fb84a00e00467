//! What the end-to-end tests share: the `crane` binary, a library of its own for every test, and what a run answered.

mod bench;
mod bundle;
mod outcome;
#[cfg(unix)]
mod unprivileged;

pub use bench::{Bench, binary};
pub use bundle::{copy_of_models, models, retrain};
pub use outcome::Outcome;
#[cfg(unix)]
pub use unprivileged::{chmod, is_root, unprivileged};

/// A picture of `tests/data`; its README says what each is.
pub fn picture(name: &str) -> std::path::PathBuf {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    assert!(file.is_file(), "tests/data/{name} is part of the repository");
    file
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
