//! What goes into the library, and the limits it must keep. Every field is hostile until checked here.

use crate::error::{Error, ErrorKind, Result};
use crate::index::Row;
use crate::types::{Embedding, FactState, Fingerprint, NewFact, RawEmbedding};

/// Most characters of a statement, a key text or a note.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Most characters of a subject, a target or a source.
pub const MAX_NAME_CHARS: usize = 500;
/// Most photos of one fact.
pub const MAX_IMAGE_KEYS: usize = 32;
/// Most key texts of one fact, the statement included.
pub const MAX_TEXT_KEYS: usize = 33;
/// Most bytes of one thumbnail.
pub const MAX_THUMBNAIL_BYTES: usize = 256 * 1024;
/// Largest `raw_dim` of a fingerprint.
pub const MAX_RAW_DIM: u32 = 16_384;

/// How far from 1 an embedding's length may be.
const UNIT_TOLERANCE: f32 = 0.01;
/// How far rounding to f16 may move it.
const ROUNDING: f32 = 0.001;

/// A fact with the vectors of its keys, ready to be stored. `fact.images` and `fact.texts` are not read:
/// the caller has embedded them, and they arrive as `images` and `texts`.
#[derive(Clone, Default)]
pub struct NewRecord {
    /// The fact's fields.
    pub fact: NewFact,
    /// One entry per photo, at most [`MAX_IMAGE_KEYS`].
    pub images: Vec<ImageKey>,
    /// One entry per key text, the statement's own among them, at most [`MAX_TEXT_KEYS`].
    pub texts: Vec<TextKey>,
}

/// A photo under which a fact is found.
#[derive(Clone)]
pub struct ImageKey {
    /// The tower's output, `raw_dim` finite values within f16's range (±65,504).
    pub raw: RawEmbedding,
    /// The head's output, of unit length within 0.01.
    pub embedding: Embedding,
    /// A small JPEG of the photo where the user allows it, at most [`MAX_THUMBNAIL_BYTES`].
    pub thumbnail: Option<Vec<u8>>,
}

/// A text under which a fact is found.
#[derive(Clone)]
pub struct TextKey {
    /// The text that was embedded, 1 to 2,000 characters.
    pub text: String,
    /// The tower's output, `raw_dim` finite values within f16's range (±65,504).
    pub raw: RawEmbedding,
    /// The head's output, of unit length within 0.01.
    pub embedding: Embedding,
}

/// Which facts a list holds; the default is every fact that is not deleted, newest first.
#[derive(Clone, Default)]
pub struct FactFilter {
    /// Only facts in one of these states; empty: every state but deleted and forgotten.
    pub states: Vec<FactState>,
    /// Only facts with exactly this source.
    pub source: Option<String>,
    /// Only facts with exactly this subject, upper and lower case of ASCII letters alike.
    pub subject: Option<String>,
    /// Only facts that hold at this moment, Unix milliseconds.
    pub valid_at: Option<i64>,
    /// Skips that many.
    pub offset: u32,
    /// Most facts to return; none: all.
    pub limit: Option<u32>,
}

impl NewRecord {
    /// Checks every field against its limits.
    pub(super) fn check(&self, fingerprint: &Fingerprint) -> Result<()> {
        check_fact(&self.fact)?;
        if self.images.is_empty() && self.texts.is_empty() {
            return Err(invalid("a fact needs at least one photo or text to be found by"));
        }
        self.check_keys(fingerprint)
    }

    /// Checks keys only; there may be none.
    pub(super) fn check_keys(&self, fingerprint: &Fingerprint) -> Result<()> {
        at_most("photos", self.images.len(), MAX_IMAGE_KEYS)?;
        at_most("key texts", self.texts.len(), MAX_TEXT_KEYS)?;
        for key in &self.images {
            check_vectors(&key.raw, &key.embedding, fingerprint)?;
            check_thumbnail(key.thumbnail.as_deref())?;
        }
        for key in &self.texts {
            check_text("key text", &key.text, MAX_TEXT_CHARS)?;
            check_vectors(&key.raw, &key.embedding, fingerprint)?;
        }
        Ok(())
    }
}

/// Checks the fields that a person states.
pub(super) fn check_fact(fact: &NewFact) -> Result<()> {
    check_text("statement", &fact.statement, MAX_TEXT_CHARS)?;
    let optional = [
        ("subject", &fact.subject, MAX_NAME_CHARS),
        ("target", &fact.target, MAX_NAME_CHARS),
        ("source", &fact.source, MAX_NAME_CHARS),
        ("note", &fact.note, MAX_TEXT_CHARS),
    ];
    for (name, value, limit) in optional {
        if let Some(value) = value {
            check_text(name, value, limit)?;
        }
    }
    if let (Some(from), Some(until)) = (fact.valid_from, fact.valid_until)
        && from >= until
    {
        return Err(invalid("the fact ends before it begins: valid_from must be before valid_until"));
    }
    Ok(())
}

/// From where on two photos count as the same picture: a cosine.
pub(super) fn check_similarity(similarity: f32) -> Result<()> {
    if (-1.0..=1.0).contains(&similarity) {
        return Ok(());
    }
    Err(invalid(format!("similarity is {similarity}, it must be -1 to 1")))
}

/// Checks an embedding: finite and of unit length.
pub(super) fn check_embedding(embedding: &Embedding) -> Result<()> {
    check_length(embedding, UNIT_TOLERANCE)
}

fn check_length(embedding: &Embedding, tolerance: f32) -> Result<()> {
    let squares: f32 = embedding.0.iter().map(|x| x * x).sum();
    // Written so that NaN fails too.
    if (squares.sqrt() - 1.0).abs() <= tolerance {
        return Ok(());
    }
    Err(invalid(format!("an embedding has length {}, it must be 1", squares.sqrt())))
}

fn check_vectors(raw: &RawEmbedding, embedding: &Embedding, fingerprint: &Fingerprint) -> Result<()> {
    let (got, want) = (raw.0.len(), fingerprint.raw_dim);
    if got != want as usize {
        return Err(invalid(format!("a raw embedding is {got} wide, this library's encoders give {want}")));
    }
    if !raw.0.iter().all(|x| x.abs() <= 65_504.0) {
        return Err(invalid("a raw embedding holds a value that is not finite or beyond ±65,504"));
    }
    check_embedding(embedding)
}

/// Checks what is stored of a key: the embedding and, as little-endian binary16, the tower's output.
pub(super) fn check_row(row: &Row, raw: &[u8]) -> Result<()> {
    let finite = |half: &[u8]| half[1] & 0x7C != 0x7C;
    if !raw.chunks_exact(2).all(finite) {
        return Err(invalid("a raw embedding holds a value that is not finite"));
    }
    check_length(&row.to_embedding(), UNIT_TOLERANCE + ROUNDING)
}

pub(super) fn check_thumbnail(bytes: Option<&[u8]>) -> Result<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    at_most("bytes of a thumbnail", bytes.len(), MAX_THUMBNAIL_BYTES)?;
    if !bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Err(invalid("a thumbnail must be a JPEG file"));
    }
    Ok(())
}

/// Checks a text: not blank, within its limit, without NUL (which C callers and SQLite's text functions stop at).
pub(super) fn check_text(name: &str, text: &str, limit: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(invalid(format!("the {name} is empty")));
    }
    // A character is at most 4 bytes: a huge text is refused without counting it.
    if text.len() > limit * 4 || text.chars().count() > limit {
        return Err(invalid(format!("the {name} is longer than {limit} characters")));
    }
    if text.contains('\0') {
        return Err(invalid(format!("the {name} holds a NUL character")));
    }
    Ok(())
}

/// Checks a number against its limit.
pub(super) fn at_most(what: &str, got: usize, limit: usize) -> Result<()> {
    if got > limit {
        return Err(invalid(format!("{got} {what}: at most {limit} are allowed")));
    }
    Ok(())
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
