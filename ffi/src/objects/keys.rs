//! What facts are found by, and what remains of those that are forgotten.

use crane_core::{KeyId, library};

use super::{Crane, Receipt, Result};
use crate::shared::{existing, parse_id};

/// One thing that a fact is found by.
#[derive(uniffi::Record)]
pub struct Key {
    /// Identity; never reused.
    pub id: i64,
    /// Photo or text.
    pub modality: Modality,
    /// The text, for a text.
    pub text: Option<String>,
    /// Whether a small copy of the photo is kept.
    pub has_thumbnail: bool,
}

impl From<library::Key> for Key {
    fn from(key: library::Key) -> Self {
        let library::Key { id, modality, text, has_thumbnail } = key;
        Self { id: id.0, modality: modality.into(), text, has_thumbnail }
    }
}

/// What a key consists of.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Modality {
    /// A photo.
    Image,
    /// A text.
    Text,
}

impl From<crane_core::Modality> for Modality {
    fn from(modality: crane_core::Modality) -> Self {
        match modality {
            crane_core::Modality::Image => Self::Image,
            crane_core::Modality::Text => Self::Text,
        }
    }
}

#[uniffi::export]
impl Crane {
    /// What a fact is found by, in the order of adding.
    ///
    /// Fails with `NotFound` for an unknown fact.
    pub fn fact_keys(&self, id: String) -> Result<Vec<Key>> {
        Ok(existing(&self.runtime)?.keys(parse_id(&id)?)?.into_iter().map(Into::into).collect())
    }

    /// The small copy of a photo (JPEG), where the library keeps one, see `OpenOptions.keep_thumbnails`.
    ///
    /// Fails with `NotFound` for an unknown key.
    pub fn thumbnail(&self, key: i64) -> Result<Option<Vec<u8>>> {
        Ok(existing(&self.runtime)?.thumbnail(KeyId(key))?)
    }

    /// Receipts of all forgotten facts, oldest first.
    pub fn receipts(&self) -> Result<Vec<Receipt>> {
        let Some(library) = self.runtime.library() else { return Ok(Vec::new()) };
        Ok(library.receipts()?.into_iter().map(Into::into).collect())
    }
}
