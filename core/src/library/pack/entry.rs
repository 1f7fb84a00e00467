//! One fact of a pack: its records as values, and the limits that every one of them must keep.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::format::{Kind, MAX_KEYS};
use super::refused;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{ROW_LEN, Row};
use crate::library::record::{MAX_TEXT_CHARS, check_fact, check_row, check_text, check_thumbnail};
use crate::library::snapshot::Snapshot;
use crate::types::{Fact, FactId, FactState, Modality, NewFact};

/// The end of the year 9999, Unix milliseconds: no clock shows more.
const LAST_MOMENT: i64 = 253_402_300_799_999;

/// A fact with everything that travels with it.
pub(super) struct PackedFact {
    pub(super) id: FactId,
    /// Without keys; these stand apart.
    pub(super) snapshot: Snapshot,
    pub(super) keys: Vec<PackedKey>,
    pub(super) past: Vec<Past>,
}

/// A key with what its vector was made from.
pub(super) struct PackedKey {
    pub(super) modality: Modality,
    pub(super) text: Option<String>,
    pub(super) row: Row,
    /// Little-endian binary16.
    pub(super) raw: Vec<u8>,
    pub(super) thumbnail: Option<Vec<u8>>,
}

/// A change elsewhere, as packs and the history hold it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    pub(super) at: i64,
    pub(super) op: String,
    pub(super) images: u32,
    pub(super) texts: u32,
    pub(super) fact: Option<Snapshot>,
}

/// What a change did to a fact in the library that it was imported from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PastEntry {
    /// When, by that library's clock; Unix milliseconds.
    pub at: i64,
    /// What was done, as [`HistoryEntry::op`](crate::library::HistoryEntry::op) names it.
    pub op: String,
    /// The fact as it was then; none: the change took it away.
    pub fact: Option<Fact>,
}

/// A receipt of the exporting library's.
pub(super) struct PackedReceipt {
    pub(super) fact: FactId,
    pub(super) at: i64,
    pub(super) digest: [u8; 32],
}

impl PackedFact {
    /// How many keys of a modality.
    pub(super) fn count(&self, modality: Modality) -> u32 {
        // At most `MAX_KEYS`.
        self.keys.iter().filter(|key| key.modality == modality).count() as u32
    }

    /// What must hold of the fact as a whole.
    pub(super) fn check(&self) -> Result<()> {
        let keys = (1..=MAX_KEYS).contains(&self.keys.len());
        if keys { Ok(()) } else { Err(refused("a fact has no keys, or too many")) }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        Ok([self.id.0.as_bytes(), self.snapshot.to_json()?.as_bytes()].concat())
    }

    /// A fact without keys and past; these follow.
    pub(super) fn decode(body: &[u8]) -> Result<Self> {
        let mut rest = Bytes(body);
        let id = FactId(Uuid::from_bytes(rest.array()?));
        let snapshot: Snapshot = from_json(rest.0)?;
        check_snapshot(&snapshot)?;
        Ok(Self { id, snapshot, keys: Vec::new(), past: Vec::new() })
    }
}

impl PackedKey {
    /// The same but for the thumbnail, by which nothing is found.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let parts = |key: &Self| (key.modality, key.row);
        parts(self) == parts(other) && self.text == other.text && self.raw == other.raw
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let text = self.text.as_deref().unwrap_or_default();
        let modality = match self.modality {
            Modality::Image => 0,
            Modality::Text => 1,
        };
        let mut body = vec![modality];
        // A text's limit is far below u32.
        body.extend((text.len() as u32).to_le_bytes());
        body.extend(text.as_bytes());
        body.extend(self.row.0);
        body.extend(&self.raw);
        body.extend(self.thumbnail.as_deref().unwrap_or_default());
        body
    }

    pub(super) fn decode(body: &[u8], raw_dim: u32) -> Result<Self> {
        let mut rest = Bytes(body);
        let [modality] = rest.array()?;
        let text_len = u32::from_le_bytes(rest.array()?);
        let text = std::str::from_utf8(rest.take(text_len as usize)?).map_err(|_| refused("a text is not UTF-8"))?;
        let row = Row(rest.array::<ROW_LEN>()?);
        let raw = rest.take(raw_dim as usize * 2)?.to_vec();
        let thumbnail = Some(rest.0).filter(|bytes| !bytes.is_empty());
        check_row(&row, &raw).and_then(|()| check_thumbnail(thumbnail)).map_err(out_of_range)?;
        let (modality, text) = match (modality, text) {
            (0, "") => (Modality::Image, None),
            (1, text) if thumbnail.is_none() => (Modality::Text, Some(text.to_owned())),
            _ => return Err(refused("a key is neither photo nor text")),
        };
        if let Some(text) = &text {
            check_text("key text", text, MAX_TEXT_CHARS).map_err(out_of_range)?;
        }
        Ok(Self { modality, text, row, raw, thumbnail: thumbnail.map(<[u8]>::to_vec) })
    }
}

impl Past {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|_| Error::new(ErrorKind::Internal, "a change could not be written as JSON"))
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self> {
        let past: Self = from_json(body)?;
        check_moment(past.at)?;
        let named = (1..=16).contains(&past.op.len()) && past.op.bytes().all(|byte| byte.is_ascii_lowercase());
        let counted = [past.images, past.texts].iter().all(|count| *count as usize <= MAX_KEYS);
        if !named || !counted {
            return Err(refused("an entry of a fact's past is out of range"));
        }
        past.fact.as_ref().map_or(Ok(()), check_snapshot)?;
        Ok(past)
    }

    pub(super) fn into_entry(self, id: FactId) -> PastEntry {
        let (images, texts) = (self.images, self.texts);
        PastEntry { at: self.at, op: self.op, fact: self.fact.map(|snapshot| snapshot.into_fact(id, images, texts)) }
    }
}

/// What a fact went through, as the history keeps it; none: nothing.
pub(super) fn past_json(past: &[Past]) -> Result<Option<String>> {
    if past.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_string(past);
    json.map(Some).map_err(|_| Error::new(ErrorKind::Internal, "a fact's past could not be written as JSON"))
}

impl PackedReceipt {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.fact.0.as_bytes()[..], &self.at.to_le_bytes(), &self.digest].concat()
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self> {
        let mut rest = Bytes(body);
        let fact = FactId(Uuid::from_bytes(rest.array()?));
        let (at, digest) = (i64::from_le_bytes(rest.array()?), rest.array()?);
        check_moment(at)?;
        if rest.0.is_empty() { Ok(Self { fact, at, digest }) } else { Err(refused("a receipt is too long")) }
    }
}

/// Longest body of a kind of record, looked up before anything is allocated.
pub(super) fn checked_len(kind: Kind, len: u32, left: u64) -> Result<usize> {
    let fits = u64::from(len) <= left && len as usize <= kind.limit();
    if fits { Ok(len as usize) } else { Err(refused("a record is longer than it may be")) }
}

fn check_snapshot(snapshot: &Snapshot) -> Result<()> {
    let Snapshot { statement, subject, target, source, note, valid_from, valid_until, .. } = snapshot.clone();
    let stated = NewFact { statement, subject, target, source, note, valid_from, valid_until, ..NewFact::default() };
    check_fact(&stated).map_err(out_of_range)?;
    check_moment(snapshot.created_at)?;
    check_moment(snapshot.updated_at)?;
    let own = snapshot.keys.is_empty() && snapshot.state != FactState::Forgotten;
    if own { Ok(()) } else { Err(refused("a fact claims keys or a state that a pack can't give it")) }
}

fn check_moment(at: i64) -> Result<()> {
    if (0..=LAST_MOMENT).contains(&at) { Ok(()) } else { Err(refused("a moment is out of range")) }
}

/// The library's own check, told as what it means here.
fn out_of_range(error: Error) -> Error {
    refused("a field is out of range").with_source(error)
}

fn from_json<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T> {
    // serde_json's errors may quote what they were given: they are not passed on.
    serde_json::from_slice(body).map_err(|_| refused("a record is not the JSON it should be"))
}

/// What is left of a record's body.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len).ok_or_else(|| refused("a record is too short"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| refused("a record is too short"))
    }
}
