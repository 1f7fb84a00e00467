//! The models that the tests run on.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

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

/// Makes a copy of the models one of other models: one bit of the middle of a file is another one, and bundle.toml says so.
pub fn retrain(models: &Path, file: &str) {
    let (path, manifest) = (models.join(file), models.join("bundle.toml"));
    let mut bytes = std::fs::read(&path).expect("a file of the bundle");
    let digest = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let before = digest(&bytes);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let text = std::fs::read_to_string(&manifest).expect("bundle.toml is text");
    assert!(text.contains(&before), "bundle.toml names the digest of {file}");
    std::fs::write(&manifest, text.replace(&before, &digest(&bytes))).expect("the temporary folder is writable");
    std::fs::write(&path, bytes).expect("the temporary folder is writable");
}
