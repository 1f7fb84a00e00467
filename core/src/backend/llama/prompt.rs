//! From prompt parts to tokens: text part by part, photos by the vision tower's own chunks.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::mtmd::{MtmdBitmap, MtmdContext, MtmdInputChunks, MtmdInputText};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::load::MEDIA_MARKER;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Rgb;

/// A prompt part that can cross threads; its photo is resized already.
pub(super) enum OwnedPart {
    Template(String),
    Data(String),
    Image(Rgb),
}

/// A stretch of the prompt that is decoded in one go.
pub(super) enum Segment {
    Text(Vec<LlamaToken>),
    /// `<|vision_start|>`, the image, `<|vision_end|>`.
    Image(MtmdInputChunks),
}

impl Segment {
    /// Tokens that it takes of the context.
    pub(super) fn tokens(&self) -> usize {
        match self {
            Self::Text(tokens) => tokens.len(),
            Self::Image(chunks) => chunks.total_tokens(),
        }
    }
}

/// Tokenises a prompt. The first part is a segment of its own: it is the same in every prompt, and what the model
/// computed for it is kept.
pub(super) fn segments(model: &LlamaModel, vision: &MtmdContext, parts: &[OwnedPart]) -> Result<Vec<Segment>> {
    let vocab = model.vocab();
    let mut segments: Vec<Segment> = Vec::new();
    for part in parts {
        match part {
            OwnedPart::Template(text) => push(&mut segments, tokenise(&vocab, text.as_bytes(), true)),
            OwnedPart::Data(text) => push(&mut segments, tokenise(&vocab, text.as_bytes(), false)),
            OwnedPart::Image(photo) => segments.push(Segment::Image(image(vision, photo)?)),
        }
    }
    match segments.last() {
        Some(Segment::Text(tokens)) if !tokens.is_empty() => Ok(segments),
        _ => Err(Error::new(ErrorKind::InvalidInput, "a prompt must end with text")),
    }
}

fn push(segments: &mut Vec<Segment>, tokens: Vec<LlamaToken>) {
    let first = segments.len() < 2;
    match segments.last_mut() {
        Some(Segment::Text(last)) if !first => last.extend(tokens),
        _ => segments.push(Segment::Text(tokens)),
    }
}

/// Without `interpret`, nothing in the text becomes a control token.
pub(super) fn tokenise(vocab: &LlamaVocab<'_>, text: &[u8], interpret: bool) -> Vec<LlamaToken> {
    vocab.tokenize(text, false, interpret)
}

/// The text given to mtmd is the marker alone, so that no data can contain it.
fn image(vision: &MtmdContext, photo: &Rgb) -> Result<MtmdInputChunks> {
    let refused = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Internal, "the vision tower refused a decoded photo").with_source(e)
    };
    let bitmap =
        MtmdBitmap::from_image_data(photo.width(), photo.height(), photo.pixels()).map_err(|e| refused(e.into()))?;
    let text = MtmdInputText { text: MEDIA_MARKER.to_owned(), add_special: false, parse_special: true };
    vision.tokenize(text, &[&bitmap]).map_err(|e| refused(e.into()))
}
