//! The bytes of a generation file; `docs/INDEX_FORMAT.md` says the same in words. Everything is little-endian.

use sha2::{Digest, Sha256};

use super::coarse::{BLOCK_LEN, BLOCK_ROWS};
use super::row::{Entry, state_code, state_of};
use crate::types::{EMBEDDING_DIM, FactId, FactState, KeyId, Modality};

/// The version this code writes, and the only one it reads: older files are rebuilt.
pub const FORMAT_VERSION: u32 = 2;
/// Bytes of the header.
pub const HEADER_LEN: usize = 256;
/// Bytes of a page: what is read and verified at a time.
pub const PAGE_LEN: usize = 4096;
/// Bytes of one entry.
pub const ENTRY_LEN: usize = 48;
/// Bytes of one row: 256 f16.
pub const ROW_LEN: usize = 2 * EMBEDDING_DIM;
/// Rows of a page.
pub(super) const ROWS_PER_PAGE: usize = PAGE_LEN / ROW_LEN;
/// Bytes of a page's checksum.
pub(super) const CHECK_LEN: usize = 4;

const MAGIC: [u8; 8] = *b"CRANEIDX";
const ELEMENT_F16: u32 = 1;

// Offsets of the header's fields, each from the end of the one before.
const AT_MAGIC: usize = 0;
const AT_VERSION: usize = AT_MAGIC + 8;
const AT_ELEMENT: usize = AT_VERSION + 4;
const AT_DIM: usize = AT_ELEMENT + 4;
const AT_MODALITY: usize = AT_DIM + 4;
const AT_COUNT: usize = AT_MODALITY + 4;
const AT_GENERATION: usize = AT_COUNT + 8;
const AT_CHANGE: usize = AT_GENERATION + 8;
const AT_FINGERPRINT: usize = AT_CHANGE + 8;
const AT_LIBRARY: usize = AT_FINGERPRINT + 32;
const AT_CHECKS_CRC: usize = AT_LIBRARY + 16;
const AT_REACH: usize = AT_CHECKS_CRC + 4;
const AT_RESERVED: usize = AT_REACH + 4;
const AT_HEADER_CRC: usize = HEADER_LEN - 4;

// Offsets of an entry's fields.
const E_KEY: usize = 0;
const E_FACT: usize = E_KEY + 8;
const E_FROM: usize = E_FACT + 16;
const E_UNTIL: usize = E_FROM + 8;
const E_STATE: usize = E_UNTIL + 8;
const E_RESERVED: usize = E_STATE + 4;

/// The header of a generation file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which of the library's two indexes this is.
    pub modality: Modality,
    /// Rows in the file.
    pub count: u64,
    /// Counts up with every file written; SQLite names the one that counts.
    pub generation: u64,
    /// The last change of the library's history that this file holds.
    pub change: u64,
    /// Digest of the encoders and the head that the rows come from.
    pub fingerprint: [u8; 32],
    /// Identity of the library, so that a file of another one is noticed.
    pub library: [u8; 16],
    /// CRC-32 over the rest of the head: the checksums of all pages and the padding behind them.
    pub checks_crc: u32,
    /// No row, and no row's code, is longer than this; the bits of an f32.
    pub reach: u32,
}

/// Why a file was not believed. It holds figures, never content.
#[derive(Debug)]
pub struct Damage(pub(super) String);

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Damage {}

impl Header {
    /// The 256 bytes of this header.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut b = [0; HEADER_LEN];
        put(&mut b, AT_MAGIC, &MAGIC);
        put(&mut b, AT_VERSION, &FORMAT_VERSION.to_le_bytes());
        put(&mut b, AT_ELEMENT, &ELEMENT_F16.to_le_bytes());
        put(&mut b, AT_DIM, &(EMBEDDING_DIM as u32).to_le_bytes());
        put(&mut b, AT_MODALITY, &modality_code(self.modality).to_le_bytes());
        put(&mut b, AT_COUNT, &self.count.to_le_bytes());
        put(&mut b, AT_GENERATION, &self.generation.to_le_bytes());
        put(&mut b, AT_CHANGE, &self.change.to_le_bytes());
        put(&mut b, AT_FINGERPRINT, &self.fingerprint);
        put(&mut b, AT_LIBRARY, &self.library);
        put(&mut b, AT_CHECKS_CRC, &self.checks_crc.to_le_bytes());
        put(&mut b, AT_REACH, &self.reach.to_le_bytes());
        let crc = crc32fast::hash(&b[..AT_HEADER_CRC]);
        put(&mut b, AT_HEADER_CRC, &crc.to_le_bytes());
        b
    }

    /// Reads a header and checks every field of it against the file's length.
    pub fn decode(b: &[u8; HEADER_LEN], file_len: u64) -> Result<Self, Damage> {
        expect("magic number", get::<8>(b, AT_MAGIC) == MAGIC)?;
        let crc = crc32fast::hash(&b[..AT_HEADER_CRC]);
        expect("header checksum", get_u32(b, AT_HEADER_CRC) == crc)?;
        equal("version", get_u32(b, AT_VERSION), FORMAT_VERSION)?;
        equal("element type", get_u32(b, AT_ELEMENT), ELEMENT_F16)?;
        equal("dimension", get_u32(b, AT_DIM), EMBEDDING_DIM as u32)?;
        expect("reserved bytes", b[AT_RESERVED..AT_HEADER_CRC].iter().all(|x| *x == 0))?;
        let modality = match get_u32(b, AT_MODALITY) {
            0 => Modality::Image,
            1 => Modality::Text,
            other => return Err(Damage(format!("modality is {other}"))),
        };
        let count = get_u64(b, AT_COUNT);
        if Layout::of(count).map(|layout| layout.file_len) != Some(file_len) {
            return Err(Damage(format!("{count} rows do not make a file of {file_len} bytes")));
        }
        Ok(Self {
            modality,
            count,
            generation: get_u64(b, AT_GENERATION),
            change: get_u64(b, AT_CHANGE),
            fingerprint: get(b, AT_FINGERPRINT),
            library: get(b, AT_LIBRARY),
            checks_crc: get_u32(b, AT_CHECKS_CRC),
            reach: get_u32(b, AT_REACH),
        })
    }

    /// SHA-256 of the encoded header. The header holds the checksum of the pages' checksums, so this binds the whole
    /// file to whoever stores it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }
}

/// Where the parts of a file lie: a head (header, checksums of the pages, padding), then pages of entries, of coarse
/// blocks and of rows. Every part is padded with zeros to whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes before the first page of the body.
    pub head_len: usize,
    /// The body's page in which the coarse blocks begin; the entries begin in page 0.
    pub coarse: usize,
    /// The body's page in which the rows begin.
    pub rows: usize,
    /// Pages of the body.
    pub pages: usize,
    /// Bytes of the file.
    pub file_len: u64,
}

impl Layout {
    /// The layout of so many rows, unless they are beyond what slots can count or this machine can address.
    pub fn of(count: u64) -> Option<Self> {
        let count = usize::try_from(u32::try_from(count).ok()?).ok()?;
        let coarse = count.checked_mul(ENTRY_LEN)?.div_ceil(PAGE_LEN);
        let rows = coarse + count.div_ceil(BLOCK_ROWS).checked_mul(BLOCK_LEN)?.div_ceil(PAGE_LEN);
        let pages = rows + count.div_ceil(ROWS_PER_PAGE);
        let head_len = (HEADER_LEN + CHECK_LEN * pages).next_multiple_of(PAGE_LEN);
        let file_len = head_len.checked_add(pages.checked_mul(PAGE_LEN)?)? as u64;
        Some(Self { head_len, coarse, rows, pages, file_len })
    }
}

/// The 48 bytes of an entry.
pub(super) fn encode_entry(entry: &Entry) -> [u8; ENTRY_LEN] {
    let mut b = [0; ENTRY_LEN];
    put(&mut b, E_KEY, &entry.key.0.to_le_bytes());
    put(&mut b, E_FACT, entry.fact.0.as_bytes());
    put(&mut b, E_FROM, &entry.valid_from.to_le_bytes());
    put(&mut b, E_UNTIL, &entry.valid_until.to_le_bytes());
    put(&mut b, E_STATE, &u32::from(state_code(entry.state)).to_le_bytes());
    b
}

/// Reads an entry.
pub(super) fn decode_entry(b: &[u8; ENTRY_LEN]) -> Result<Entry, Damage> {
    let state = state_of(i64::from(get_u32(b, E_STATE)))
        .filter(|state| !matches!(state, FactState::Deleted | FactState::Forgotten))
        .ok_or_else(|| Damage(format!("state is {}", get_u32(b, E_STATE))))?;
    expect("reserved bytes of an entry", b[E_RESERVED..].iter().all(|x| *x == 0))?;
    Ok(Entry {
        key: KeyId(i64::from_le_bytes(get(b, E_KEY))),
        fact: FactId(uuid::Uuid::from_bytes(get(b, E_FACT))),
        state,
        valid_from: i64::from_le_bytes(get(b, E_FROM)),
        valid_until: i64::from_le_bytes(get(b, E_UNTIL)),
    })
}

pub(super) const fn modality_code(modality: Modality) -> u32 {
    match modality {
        Modality::Image => 0,
        Modality::Text => 1,
    }
}

fn put(b: &mut [u8], at: usize, bytes: &[u8]) {
    b[at..at + bytes.len()].copy_from_slice(bytes);
}

fn get<const N: usize>(b: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&b[at..at + N]);
    out
}

fn get_u32(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(get(b, at))
}

fn get_u64(b: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(get(b, at))
}

fn expect(what: &str, holds: bool) -> Result<(), Damage> {
    if holds { Ok(()) } else { Err(Damage(format!("{what} is wrong"))) }
}

fn equal(what: &str, got: u32, want: u32) -> Result<(), Damage> {
    if got == want { Ok(()) } else { Err(Damage(format!("{what} is {got}, not {want}"))) }
}
