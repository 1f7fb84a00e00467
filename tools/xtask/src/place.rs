//! Where things are: the workspace's root, its `.local` folder, the target folder.

use std::path::{Path, PathBuf};

use crate::Result;

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tools.and_then(Path::parent).expect("xtask lies two folders below the root")
}

/// Tools that set-up installs for this project alone; git ignores it, and deleting it is always safe.
pub(crate) fn local() -> PathBuf {
    root().join(".local")
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Removes a folder and what is in it, if it is there.
pub(crate) fn clear(folder: &Path) -> Result {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot clear {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
