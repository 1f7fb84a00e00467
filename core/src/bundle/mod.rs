//! A bundle: a folder of model files and the `bundle.toml` that says what they are and what their bytes hash to.
//!
//! Parsers of model files are written in C++ and have had holes, so no parser sees a byte before its file's SHA-256 is
//! the one of the manifest: holding a [`Bundle`] is the proof.

mod gguf;
mod info;
mod manifest;
mod verify;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use info::{BundleInfo, ModelInfo};
use manifest::Manifest;
pub use manifest::{EncoderSpec, LanguageSpec, PromptSpec, RetrievalSpec, Role};
pub use verify::{FileReport, FileStatus, VerifyReport, verify};

use crate::error::{Error, ErrorKind, Result};
use crate::types::Fingerprint;

const MANIFEST: &str = "bundle.toml";
/// Far above any manifest; bounds what is read of a file that is none.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A bundle whose files all had the hashes of its manifest when it was opened.
#[derive(Clone, Debug)]
pub struct Bundle {
    folder: PathBuf,
    manifest: Manifest,
}

impl Bundle {
    /// Reads `bundle.toml` in `folder` and verifies every file, one thread per file.
    ///
    /// # Errors
    /// `ModelMissing` when the folder, the manifest or a file isn't there; `ModelCorrupt` when the manifest can't be
    /// understood or a file has another size or hash. The message names the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let bundle = Self { folder: folder.to_owned(), manifest: read_manifest(folder)? };
        verify::files(&bundle.folder, &bundle.manifest).iter().try_for_each(FileReport::require)?;
        Ok(bundle)
    }

    /// Short name ("tiny").
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Version of the bundle.
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// What it is, in a sentence; may be empty.
    pub fn description(&self) -> &str {
        &self.manifest.description
    }

    /// SPDX expression of the bundle as a whole.
    pub fn licence(&self) -> &str {
        &self.manifest.licence
    }

    /// Where the file of a role lies.
    pub fn path(&self, role: Role) -> PathBuf {
        self.folder.join(&self.manifest.file(role).file)
    }

    /// SHA-256 of a role's file, as the manifest has it and [`Bundle::open`] has checked.
    pub fn sha256(&self, role: Role) -> [u8; 32] {
        self.manifest.file(role).sha256
    }

    /// Size in bytes of the file of a role.
    pub fn size(&self, role: Role) -> u64 {
        self.manifest.file(role).size
    }

    /// The retrieval towers and their preprocessing.
    pub fn encoder(&self) -> &EncoderSpec {
        &self.manifest.encoder
    }

    /// The language model's context, image size and budgets.
    pub fn language(&self) -> &LanguageSpec {
        &self.manifest.language
    }

    /// The words of the prompt.
    pub fn prompt(&self) -> &PromptSpec {
        &self.manifest.prompt
    }

    /// Thresholds and calibration.
    pub fn retrieval(&self) -> &RetrievalSpec {
        &self.manifest.retrieval
    }

    /// What vectors made with this bundle can be compared with: the towers, the tokenizer, the preprocessing, the head.
    pub fn fingerprint(&self) -> Fingerprint {
        let EncoderSpec { raw_dim, dim: _, image_size, views, mean, std, text_length, pad_id, eos_id } = self.encoder();
        let mut hash = Sha256::new();
        hash.update(b"crane encoders 1\0");
        for role in [Role::ImageEncoder, Role::TextEncoder, Role::Tokenizer] {
            hash.update(self.manifest.file(role).sha256);
        }
        hash.update(image_size.to_le_bytes());
        hash.update([views.len() as u8]);
        views.iter().chain(mean).chain(std).for_each(|value| hash.update(value.to_le_bytes()));
        hash.update(text_length.to_le_bytes());
        hash.update(pad_id.to_le_bytes());
        // A token id fits in 32 bits, so that no id is taken for "none".
        hash.update(eos_id.map_or(-1, i64::from).to_le_bytes());
        Fingerprint { encoders: hash.finalize().into(), head: self.manifest.file(Role::Head).sha256, raw_dim: *raw_dim }
    }
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let read = || -> io::Result<String> {
        if fs::metadata(&path)?.len() > MAX_MANIFEST_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
        }
        fs::read_to_string(&path)
    };
    Manifest::parse(&read().map_err(|e| manifest_unreadable(e, &path))?)
}

fn manifest_unreadable(error: io::Error, path: &Path) -> Error {
    let path = path.display();
    let error_for = |kind, message| Error::new(kind, message);
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => error_for(
            ErrorKind::ModelMissing,
            format!("no model bundle here: {path} is missing: name the bundle's folder, or install the bundle"),
        ),
        io::ErrorKind::InvalidData => {
            error_for(ErrorKind::ModelCorrupt, format!("{path} is no bundle manifest: install the bundle again"))
        }
        _ => error_for(ErrorKind::StorageFailed, format!("{path} can't be read: check the disk and its permissions")),
    }
    .with_source(error)
}

#[cfg(test)]
mod tests;
