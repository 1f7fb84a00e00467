//! What the language model can compute on, why it computes on the processor, and what is remembered of a GPU that crashed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Something that llama.cpp, as it is built into this program, can compute on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// llama.cpp's name ("Vulkan0", "CPU").
    pub name: String,
    /// The maker's name.
    pub description: String,
    /// What drives it ("Vulkan", "CUDA", "Metal", "OpenCL", "CPU").
    pub backend: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Bytes of its memory; 0 where it doesn't say.
    pub memory_total: u64,
    /// Bytes of them that are free.
    pub memory_free: u64,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The processor, or something that helps it.
    Cpu,
    /// A GPU with memory of its own.
    Gpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
}

/// Why the language model runs on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuReason {
    /// No GPU support was compiled in (cargo features `vulkan`, `cuda`, `metal`, `opencl`).
    NotBuiltIn,
    /// [`OpenOptions::gpu_layers`](crate::OpenOptions::gpu_layers) is 0.
    AskedFor,
    /// There is no GPU that llama.cpp can use.
    NoDevice,
    /// An earlier start crashed while it tried the GPU, see [`forget_gpu_crash`].
    CrashedBefore,
    /// The GPU's free memory holds no part of the model.
    NoMemory,
    /// Loading on the GPU failed.
    Failed,
}

impl fmt::Display for CpuReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => "no GPU support is built in",
            Self::AskedFor => "as asked for",
            Self::NoDevice => "no GPU was found",
            Self::CrashedBefore => "the GPU crashed an earlier start",
            Self::NoMemory => "the GPU has too little free memory",
            Self::Failed => "loading on the GPU failed",
        })
    }
}

/// Lies in the app's state folder while a GPU is tried out, and afterwards if that ended the process.
const MARKER: &str = "gpu-probe";
/// Another version may do better, and tries again.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A GPU being tried out. Drivers crash in ways that no process can catch, so it is written down first, and struck out when
/// this is dropped: what is found on the next start is a crash.
#[derive(Debug)]
pub(crate) struct Probe {
    marker: Option<PathBuf>,
}

impl Probe {
    /// Begins one; without a folder nothing is remembered.
    pub(crate) fn begin(state: Option<&Path>) -> Self {
        let Some(folder) = state else { return Self { marker: None } };
        let marker = folder.join(MARKER);
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = File::create(&marker)?;
            writeln!(file, "{VERSION}")?;
            // Some crashes take the whole device with them.
            file.sync_all()
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "a crash of the GPU could not be remembered");
        }
        Self { marker: Some(marker) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(marker) = self.marker.take()
            && let Err(error) = remove(&marker)
        {
            tracing::warn!(%error, "the next start will take the GPU for crashed");
        }
    }
}

/// Whether trying the GPU ended an earlier process of this version.
pub(crate) fn has_crashed(state: Option<&Path>) -> bool {
    let Some(marker) = state.map(|folder| folder.join(MARKER)) else { return false };
    fs::read_to_string(marker).is_ok_and(|version| version.trim() == VERSION)
}

/// Forgets that the GPU crashed an earlier start, so that the next one tries it again. `state` is the folder of
/// [`OpenOptions::state`](crate::OpenOptions::state).
///
/// # Errors
/// `StorageFailed` when the folder can't be changed.
pub fn forget_gpu_crash(state: &Path) -> Result<()> {
    remove(&state.join(MARKER)).map_err(|error| {
        let message = format!("{} can't be changed: check the disk and its permissions", state.display());
        Error::new(ErrorKind::StorageFailed, message).with_source(error)
    })
}

fn remove(marker: &Path) -> io::Result<()> {
    match fs::remove_file(marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_remembered_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("new");
        assert!(!has_crashed(Some(&state)));
        drop(Probe::begin(Some(&state)));
        assert!(!has_crashed(Some(&state)), "it went well");

        // What a process leaves behind that dies in between.
        fs::write(state.join(MARKER), format!("{VERSION}\n")).unwrap();
        assert!(has_crashed(Some(&state)));
        forget_gpu_crash(&state).unwrap();
        forget_gpu_crash(&state).unwrap();
        assert!(!has_crashed(Some(&state)));

        fs::write(state.join(MARKER), "0.0.1\n").unwrap();
        assert!(!has_crashed(Some(&state)), "another version tries again");
        drop(Probe::begin(None));
        assert!(!has_crashed(None));
    }

    #[test]
    fn it_is_written_down_before_anything_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let probe = Probe::begin(Some(folder.path()));
        assert!(has_crashed(Some(folder.path())));
        drop(probe);
    }
}
