//! Libraries and records to test with.

use std::path::Path;

use crane_core::library::{ImageKey, Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, Fingerprint, NewFact, RawEmbedding};

pub const RAW_DIM: u32 = 24;
pub const PRINT: Fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: RAW_DIM };

pub fn open(path: &Path) -> Library {
    Library::open(path, &PRINT).unwrap()
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
