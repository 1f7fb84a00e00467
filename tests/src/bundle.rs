//! The models that the tests run on.

use std::path::{Path, PathBuf};

/// `models/tiny`, or the bundle that `CRANE_TEST_MODELS` names.
pub fn models() -> PathBuf {
    let named = std::env::var_os("CRANE_TEST_MODELS").map(PathBuf::from);
    let models = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tiny"));
    assert!(models.join("bundle.toml").is_file(), "no bundle in {}", models.display());
    models
}

/// A copy of the models that a test may damage.
pub fn copy_of_models(to: &Path) -> PathBuf {
    let copy = to.join("models");
    std::fs::create_dir(&copy).expect("the temporary folder is writable");
    for entry in std::fs::read_dir(models()).expect("the bundle is a folder").flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("the temporary folder is writable");
        }
    }
    copy
}
