//! Sizes and SHA-256 of a bundle's files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::manifest::{FileSpec, Manifest, Role};
use super::read_manifest;
use crate::error::{Error, ErrorKind, Result};

/// Large enough that reading isn't felt, small enough to stay in a core's cache.
const CHUNK: usize = 256 << 10;

/// What is known of a bundle after looking at every byte of it.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// The bundle's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression.
    pub licence: String,
    /// One entry per role.
    pub files: Vec<FileReport>,
}

impl VerifyReport {
    /// Whether every file is there and unaltered.
    pub fn is_ok(&self) -> bool {
        self.files.iter().all(|file| file.status == FileStatus::Ok)
    }
}

/// One file of a bundle and its state.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// What it is for.
    pub role: Role,
    /// Where it lies.
    pub path: PathBuf,
    /// The size that it should have, in bytes.
    pub size: u64,
    /// Its licence, an SPDX expression.
    pub licence: String,
    /// Whether it is what the manifest says.
    pub status: FileStatus,
}

/// Whether a file is what the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileStatus {
    /// It is.
    Ok,
    /// It isn't there.
    Missing,
    /// It is longer or shorter; not hashed then.
    WrongSize {
        /// Bytes that it has.
        found: u64,
    },
    /// Its bytes are others.
    WrongHash,
    /// The disk or the permissions don't let us read it.
    Unreadable {
        /// The system's words.
        reason: String,
    },
}

impl FileReport {
    /// An error unless the file is what the manifest says.
    pub(super) fn require(&self) -> Result<()> {
        let path = self.path.display();
        let (kind, message) = match &self.status {
            FileStatus::Ok => return Ok(()),
            FileStatus::Missing => (ErrorKind::ModelMissing, format!("{path} is missing: install the bundle again")),
            FileStatus::WrongSize { found } => (
                ErrorKind::ModelCorrupt,
                format!("{path} has {found} bytes instead of {}: install the bundle again", self.size),
            ),
            FileStatus::WrongHash => (
                ErrorKind::ModelCorrupt,
                format!("{path} is damaged or altered (its SHA-256 differs): install the bundle again"),
            ),
            FileStatus::Unreadable { reason } => (
                ErrorKind::StorageFailed,
                format!("{path} can't be read ({reason}): check the disk and its permissions"),
            ),
        };
        Err(Error::new(kind, message))
    }
}

/// Looks at every byte of the bundle in `folder`.
///
/// # Errors
/// As [`super::Bundle::open`] for the manifest itself; what is wrong with files is in the report.
pub fn verify(folder: &Path) -> Result<VerifyReport> {
    let manifest = read_manifest(folder)?;
    let files = files(folder, &manifest);
    Ok(VerifyReport { name: manifest.name, version: manifest.version, licence: manifest.licence, files })
}

/// Every file on a thread of its own: hashing is bound by one core, and the files are few.
pub(super) fn files(folder: &Path, manifest: &Manifest) -> Vec<FileReport> {
    thread::scope(|scope| {
        let running: Vec<_> = manifest
            .files
            .iter()
            .map(|(&role, spec)| scope.spawn(move || report(role, folder.join(&spec.file), spec)))
            .collect();
        running.into_iter().map(|thread| thread.join().expect("hashing a file doesn't panic")).collect()
    })
}

fn report(role: Role, path: PathBuf, spec: &FileSpec) -> FileReport {
    let status = status(&path, spec).unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => FileStatus::Missing,
        _ => FileStatus::Unreadable { reason: error.to_string() },
    });
    FileReport { role, path, size: spec.size, licence: spec.licence.clone(), status }
}

fn status(path: &Path, spec: &FileSpec) -> io::Result<FileStatus> {
    let file = File::open(path)?;
    let found = file.metadata()?.len();
    if found != spec.size {
        return Ok(FileStatus::WrongSize { found });
    }
    Ok(if hash(file)? == spec.sha256 { FileStatus::Ok } else { FileStatus::WrongHash })
}

fn hash(mut file: File) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
