//! Where things are: the workspace's root, its `.local` folder, the target folder.

use std::path::{Path, PathBuf};

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
