//! From prompt parts to tokens: text part by part, photos by the vision tower's own chunks.

use llama_cpp_2::mtmd::{MtmdBitmap, MtmdContext, MtmdInputChunks, MtmdInputText};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use sha2::{Digest, Sha256};

use super::load::MEDIA_MARKER;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;

/// A prompt part that can cross threads; its photo is resized already.
pub(super) enum OwnedPart {
    Template(String),
    Data(String),
    Image(Rgb),
}

/// A stretch of the prompt that is read in one go, and kept as a whole: system, photo, fact, question.
pub(super) enum Segment<'a> {
    Text(Vec<LlamaToken>),
    /// `<|vision_start|>`, the photo, `<|vision_end|>`; its name is the SHA-256 of size and pixels.
    Photo(&'a Rgb, PhotoName),
}

pub(super) type PhotoName = [u8; 32];

/// Tokenises a prompt. What changes less often stands in an earlier segment: the first part is the same in every prompt,
/// the photo and the fact may be the same in the next one, and what begins with the last data, the question, is new.
pub(super) fn segments<'a>(vocab: &LlamaVocab<'_>, parts: &'a [OwnedPart]) -> Vec<Segment<'a>> {
    let question = parts.iter().rposition(|part| matches!(part, OwnedPart::Data(_)));
    let mut segments: Vec<Segment<'a>> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let tokens = match part {
            OwnedPart::Template(text) => tokenise(vocab, text.as_bytes(), true),
            OwnedPart::Data(text) => tokenise(vocab, text.as_bytes(), false),
            OwnedPart::Image(photo) => {
                segments.push(Segment::Photo(photo, name(photo)));
                continue;
            }
        };
        match segments.last_mut() {
            Some(Segment::Text(last)) if number > 1 && Some(number) != question => last.extend(tokens),
            _ => segments.push(Segment::Text(tokens)),
        }
    }
    segments
}

/// Without `interpret`, nothing in the text becomes a control token.
pub(super) fn tokenise(vocab: &LlamaVocab<'_>, text: &[u8], interpret: bool) -> Vec<LlamaToken> {
    vocab.tokenize(text, false, interpret)
}

/// The text given to mtmd is the marker alone, so that no data can contain it.
pub(super) fn chunks(vision: &MtmdContext, photo: &Rgb) -> Result<MtmdInputChunks> {
    let refused = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Internal, "the vision tower refused a decoded photo").with_source(e)
    };
    let bitmap =
        MtmdBitmap::from_image_data(photo.width(), photo.height(), photo.pixels()).map_err(|e| refused(e.into()))?;
    let text = MtmdInputText { text: MEDIA_MARKER.to_owned(), add_special: false, parse_special: true };
    vision.tokenize(text, &[&bitmap]).map_err(|e| refused(e.into()))
}

fn name(photo: &Rgb) -> PhotoName {
    let size = [photo.width(), photo.height()].map(u32::to_le_bytes);
    Sha256::new().chain_update(size.as_flattened()).chain_update(photo.pixels()).finalize().into()
}
