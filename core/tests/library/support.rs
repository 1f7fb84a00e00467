//! Libraries and records to test with.

use std::path::Path;

use crane_core::library::{ImageKey, Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, Fingerprint, LibraryKey, NewFact, RawEmbedding, Result};
use rusqlite::{Connection, OpenFlags};

pub const RAW_DIM: u32 = 24;
pub const PRINT: Fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: RAW_DIM };

const KEY: [u8; 32] = [0xC7; 32];

/// With the feature `encryption` every suite runs on encrypted libraries.
pub fn key() -> Option<LibraryKey> {
    LibraryKey::SUPPORTED.then(|| LibraryKey::from_bytes(KEY))
}

pub fn open(path: &Path) -> Library {
    try_open(path, &PRINT).unwrap()
}

pub fn try_open(path: impl AsRef<Path>, print: &Fingerprint) -> Result<Library> {
    Library::open_with(path, print, key().as_ref())
}

pub fn try_open_reader(path: impl AsRef<Path>, print: &Fingerprint) -> Result<Library> {
    Library::open_read_only_with(path, print, key().as_ref())
}

/// SQLite's own view of a library's database.
pub fn database(folder: &Path) -> rusqlite::Result<Connection> {
    let path = folder.join("library.db");
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    #[cfg(feature = "encryption")]
    {
        connection.pragma_update(None, "key", raw_key(&std::fs::read(&path).unwrap()[..16]))?;
        connection.pragma_update(None, "cipher_page_size", 8_192)?;
        // Of those that are attached.
        connection.pragma_update(None, "cipher_default_page_size", 8_192)?;
    }
    Ok(connection)
}

/// What `docs/ENCRYPTION.md` says that SQLCipher is given.
#[cfg(feature = "encryption")]
fn raw_key(salt: &[u8]) -> String {
    let hkdf = hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), &KEY);
    let derived = ["crane database cipher", "crane database mac"].map(|purpose| {
        let mut key = [0_u8; 32];
        hkdf.expand(purpose.as_bytes(), &mut key).unwrap();
        key
    });
    let hex: String = derived.as_flattened().iter().chain(salt).map(|byte| format!("{byte:02x}")).collect();
    format!("x'{hex}'")
}

/// A unit vector of f16 values that differs for every seed.
pub fn unit(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    });
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v = half::f16::from_f32(*v / length).to_f32());
    Embedding(values)
}

pub fn raw(seed: u64) -> RawEmbedding {
    RawEmbedding(unit(seed).0[..RAW_DIM as usize].to_vec())
}

pub fn image(seed: u64) -> ImageKey {
    ImageKey { raw: raw(seed), embedding: unit(seed), thumbnail: None }
}

pub fn text(words: &str, seed: u64) -> TextKey {
    TextKey { text: words.into(), raw: raw(seed), embedding: unit(seed) }
}

/// A fact with one photo (vector `seed`) and its statement as text (vector `seed + 1,000,000`).
pub fn record(statement: &str, seed: u64) -> NewRecord {
    NewRecord {
        fact: NewFact { statement: statement.into(), ..NewFact::default() },
        images: vec![image(seed)],
        texts: vec![text(statement, seed + 1_000_000)],
    }
}
