//! Reading photo files.

use std::fs;
use std::io;
use std::path::Path;

use crane_core::image::MAX_ENCODED_BYTES;
use crane_core::{Error, ErrorKind, Result};

/// The bytes of a photo file, which the runtime decodes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let meta = fs::metadata(path).map_err(|e| unreadable(e, path))?;
    if meta.is_dir() {
        let message = format!("{} is a folder: name a photo file", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if meta.len() > MAX_ENCODED_BYTES as u64 {
        let message = format!("{} is larger than {} MiB: make a smaller copy", path.display(), MAX_ENCODED_BYTES >> 20);
        return Err(Error::new(ErrorKind::UnsupportedImage, message));
    }
    fs::read(path).map_err(|e| unreadable(e, path))
}

/// An error that names the file, with the kind that its cause has.
pub(crate) fn unreadable(error: io::Error, path: &Path) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(ErrorKind::NotFound, format!("there is no file {path}"))
        }
        _ => Error::new(ErrorKind::StorageFailed, format!("{path} can't be read")),
    }
    .with_source(error)
}
