//! The frame of a pack: header and records, as `core/docs/PACK_FORMAT.md` documents them byte by byte.

use super::super::record::{MAX_IMAGE_KEYS, MAX_RAW_DIM, MAX_TEXT_KEYS, MAX_THUMBNAIL_BYTES};
use super::refused;
use crate::error::Result;
use crate::origin::PublicKey;
use crate::types::Fingerprint;

pub(super) const MAGIC: [u8; 8] = *b"CRANEPAK";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_LEN: usize = 160;
pub(super) const DIGEST_LEN: usize = 32;
pub(super) const SIGNATURE_LEN: usize = 64;
/// Kind and length of a record.
pub(super) const RECORD_HEAD: usize = 5;
/// Most facts, and most receipts, of one pack.
pub(super) const MAX_COUNT: u32 = 1_000_000;
/// Most keys of one fact.
pub(super) const MAX_KEYS: usize = MAX_IMAGE_KEYS + MAX_TEXT_KEYS;
/// Most entries of one fact's past.
pub(super) const MAX_PAST: usize = 256;
/// Longest JSON of a fact: its texts are at most 5,500 characters, and six bytes of JSON can stand for one.
const MAX_JSON: usize = 64 << 10;

const FACTS_AT: usize = 104;
const SIGNER_AT: usize = 128;

/// The first bytes of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fingerprint: Fingerprint,
    pub(super) library: [u8; 16],
    pub(super) exported_at: i64,
    pub(super) facts: u32,
    pub(super) receipts: u32,
    pub(super) nonce: [u8; 16],
    pub(super) signer: Option<PublicKey>,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&self.fingerprint.raw_dim.to_le_bytes());
        put(&self.fingerprint.encoders);
        put(&self.fingerprint.head);
        put(&self.library);
        put(&self.exported_at.to_le_bytes());
        put(&self.facts.to_le_bytes());
        put(&self.receipts.to_le_bytes());
        put(&self.nonce);
        put(&self.signer.map_or([0; 32], |key| key.0));
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self> {
        if field(bytes, 0) != MAGIC {
            return Err(refused("it is no fact pack"));
        }
        let version = u32::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(refused(&format!(
                "its version is {version}, this Crane knows {VERSION}; a later one may know it"
            )));
        }
        let raw_dim = u32::from_le_bytes(field(bytes, 12));
        let header = Self {
            fingerprint: Fingerprint { encoders: field(bytes, 16), head: field(bytes, 48), raw_dim },
            library: field(bytes, 80),
            exported_at: i64::from_le_bytes(field(bytes, 96)),
            facts: u32::from_le_bytes(field(bytes, FACTS_AT)),
            receipts: u32::from_le_bytes(field(bytes, FACTS_AT + 4)),
            nonce: field(bytes, 112),
            signer: Some(field(bytes, SIGNER_AT)).filter(|key| *key != [0; 32]).map(PublicKey),
        };
        let sound = (1..=MAX_RAW_DIM).contains(&raw_dim) && header.facts <= MAX_COUNT && header.receipts <= MAX_COUNT;
        if sound { Ok(header) } else { Err(refused("a number of its header is out of range")) }
    }

    /// Bytes behind the records.
    pub(super) const fn trailer_len(&self) -> usize {
        DIGEST_LEN + if self.signer.is_some() { SIGNATURE_LEN } else { 0 }
    }
}

/// `N` bytes from `at`; both are constants within the header.
fn field<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    std::array::from_fn(|n| bytes[at + n])
}

/// What a record holds; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fact = 1,
    Key = 2,
    Past = 3,
    Receipt = 4,
}

impl Kind {
    pub(super) fn of(code: u8) -> Result<Self> {
        [Self::Fact, Self::Key, Self::Past, Self::Receipt]
            .into_iter()
            .find(|kind| *kind as u8 == code)
            .ok_or_else(|| refused("it holds an unknown record"))
    }

    /// The longest body.
    pub(super) const fn limit(self) -> usize {
        match self {
            Self::Fact | Self::Past => MAX_JSON,
            Self::Key => MAX_THUMBNAIL_BYTES + 2 * MAX_RAW_DIM as usize + (16 << 10),
            Self::Receipt => 56,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_damaged_ones_do_not() {
        let fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: 1152 };
        let header = Header {
            fingerprint,
            library: [3; 16],
            exported_at: 1_700_000_000_000,
            facts: 7,
            receipts: 2,
            nonce: [4; 16],
            signer: Some(PublicKey([5; 32])),
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes).unwrap(), header);
        for (at, value) in [(0, 0), (8, 2), (14, 1), (107, 1), (111, 1)] {
            let mut damaged = bytes;
            damaged[at] = value;
            assert!(Header::decode(&damaged).is_err(), "byte {at}");
        }
    }
}
