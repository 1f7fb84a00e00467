//! Which backend serves which trait. The only place where the runtime meets them.

use crate::bundle::Bundle;
use crate::error::Result;
use crate::pipeline::{Encoders, Language};
use crate::runtime::OpenOptions;

/// Loads both towers and the head.
#[cfg(not(feature = "onnx"))]
pub(crate) fn encoders(_: &Bundle, _: &OpenOptions) -> Result<Encoders> {
    Err(left_out("onnx"))
}

/// Loads the language model with its vision tower.
#[cfg(not(feature = "llama"))]
pub(crate) fn language(_: &Bundle, _: &OpenOptions) -> Result<Language> {
    Err(left_out("llama"))
}

#[cfg(not(all(feature = "onnx", feature = "llama")))]
fn left_out(feature: &str) -> crate::error::Error {
    let message = format!("this build has no models: it was built without the cargo feature `{feature}`");
    crate::error::Error::new(crate::error::ErrorKind::Internal, message)
}
