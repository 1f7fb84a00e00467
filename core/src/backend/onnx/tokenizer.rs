//! Texts to the text tower's token ids, always of full length.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::bundle::EncoderSpec;
use crate::error::{Error, ErrorKind, Result};

pub(super) struct TextTokenizer {
    tokenizer: Tokenizer,
    length: usize,
    pad: i64,
    /// Closes every text; none: the tokenizer's own post-processing does, if anything does.
    end: Option<i64>,
}

impl TextTokenizer {
    pub(super) fn open(path: &Path, spec: &EncoderSpec) -> Result<Self> {
        let refused = |e| {
            let message = format!("{} can't be read as a tokenizer: install the bundle again", path.display());
            Error::new(ErrorKind::ModelCorrupt, message).with_source(e)
        };
        let mut tokenizer = Tokenizer::from_file(path).map_err(refused)?;
        // Cutting and padding are the bundle's, not the file's.
        tokenizer.with_truncation(None).map_err(refused)?.with_padding(None);
        Ok(Self {
            tokenizer,
            length: spec.text_length as usize,
            pad: i64::from(spec.pad_id),
            end: spec.eos_id.map(i64::from),
        })
    }

    /// Exactly `text_length` ids. SigLIP was trained on full padding, and without it gives other vectors.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<i64>> {
        // The tokenizer's own words might quote the text.
        let encoding = self.tokenizer.encode_fast(text, self.end.is_none()).map_err(|_| {
            Error::new(ErrorKind::Internal, format!("a text of {} bytes can't be tokenised", text.len()))
        })?;
        let room = self.length - usize::from(self.end.is_some());
        let mut ids: Vec<i64> = encoding.get_ids().iter().take(room).copied().map(i64::from).collect();
        ids.extend(self.end);
        ids.resize(self.length, self.pad);
        Ok(ids)
    }
}
