//! What the benches put into libraries.
#![allow(clippy::unwrap_used, dead_code, reason = "a bench uses what it needs, and a panic is a report")]

use std::time::Duration;

use crane_core::library::{ImageKey, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, Fingerprint, NewFact, RawEmbedding};

/// Values of a raw embedding of SigLIP so400m.
pub(crate) const RAW_DIM: u32 = 1152;

/// Of encoders that exist in benches only.
pub(crate) const fn fingerprint(raw_dim: u32) -> Fingerprint {
    Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim }
}

/// A fact with a photo and a text key.
pub(crate) fn record(n: u64, raw_dim: u32) -> NewRecord {
    let (photo, text) = (unit(2 * n), unit(2 * n + 1));
    let statement = format!("Building number {n} is Brasenose College, which stands in {} Lane in Oxford.", n * 7919);
    let fact = NewFact {
        statement: statement.clone(),
        subject: Some(format!("Building {n}")),
        target: Some("Oxford".into()),
        ..NewFact::default()
    };
    let image = ImageKey { raw: raw(&photo, raw_dim), embedding: photo, thumbnail: None };
    let text = TextKey { text: statement, raw: raw(&text, raw_dim), embedding: text };
    NewRecord { fact, images: vec![image], texts: vec![text] }
}

fn raw(embedding: &Embedding, raw_dim: u32) -> RawEmbedding {
    RawEmbedding(embedding.0.iter().cycle().take(raw_dim as usize).copied().collect())
}

/// A random vector of unit length.
pub(crate) fn unit(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut uniform = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| uniform() + uniform() + uniform() + uniform());
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= length);
    Embedding(values)
}

/// What this thread has spent on a processor, where Linux tells: on a busy machine it says more than the clock.
pub(crate) fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
