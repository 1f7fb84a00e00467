//! Vectors to search, and the plainest search there can be.

use crane_core::index::kernel::{Kernel, Query};
use crane_core::index::{Entry, Filter, Identity, Index, Row};
use crane_core::{EMBEDDING_DIM, Embedding, FactId, FactState, Hit, KeyId, Modality};
use half::f16;
use uuid::Uuid;

/// A small generator (splitmix64): the same vectors on every machine.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// About normal: the sum of four uniform values.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| (self.next() >> 40) as f32 / (1_u64 << 24) as f32 - 0.5).sum::<f32>() * 1.7
    }

    pub fn unit(&mut self) -> Embedding {
        let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| self.normal());
        normalise(&mut values);
        Embedding(values)
    }

    /// A unit vector near another one.
    pub fn near(&mut self, centre: &Embedding, spread: f32) -> Embedding {
        let mut values = centre.0;
        values.iter_mut().for_each(|v| *v += spread * self.normal());
        normalise(&mut values);
        Embedding(values)
    }
}

fn normalise(values: &mut [f32]) {
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= length);
}

/// How many kinds of rows there are.
pub const KINDS: usize = 8;

/// Rows of every kind that could trip a kernel or a bound.
pub fn mixed_rows(numbers: &mut Numbers, count: usize) -> Vec<Row> {
    rows_of_kinds(numbers, count, |at| at % KINDS)
}

/// Rows, each of the kind that its place is given: random, clustered, equal, nearly equal, subnormal, zero.
pub fn rows_of_kinds(numbers: &mut Numbers, count: usize, kind: impl Fn(usize) -> usize) -> Vec<Row> {
    let centre = numbers.unit();
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for at in 0..count {
        let row = match kind(at) {
            0 | 1 => Row::from_embedding(&numbers.unit()),
            2 => Row::from_embedding(&numbers.near(&centre, 0.02)),
            3 if at > 8 => rows[numbers.below(at)],
            // One unit in the last place of one value away from another row.
            4 if at > 8 => near_tie(rows[numbers.below(at)], numbers),
            5 => Row(std::array::from_fn(|i| if i % 2 == 0 { numbers.next() as u8 } else { 0 })),
            6 => Row([0; 512]),
            _ => Row::from_embedding(&numbers.near(&centre, 0.3)),
        };
        rows.push(row);
    }
    rows
}

fn near_tie(mut row: Row, numbers: &mut Numbers) -> Row {
    row.0[2 * numbers.below(EMBEDDING_DIM)] ^= 1;
    row
}

pub fn entry(key: i64) -> Entry {
    let fact = FactId(Uuid::from_u128(key as u128 + 1));
    Entry { key: KeyId(key), fact, state: FactState::Active, valid_from: i64::MIN, valid_until: i64::MAX }
}

/// An index of these rows with keys 0, 1, 2, …
pub fn index_of(rows: &[Row], kernel: Kernel) -> Index {
    let mut index = Index::new(kernel);
    for (key, row) in rows.iter().enumerate() {
        index.push(entry(key as i64), row);
    }
    index
}

pub fn identity(generation: u64) -> Identity {
    Identity { modality: Modality::Image, generation, change: 7, fingerprint: [3; 32], library: [4; 16] }
}

pub fn now() -> Filter<'static> {
    Filter::active_at(1_000)
}

/// Scores every row by the definition in words, sorts everything, takes the first k.
pub fn plain_search(rows: &[Row], query: &Embedding, k: usize, passes: impl Fn(usize) -> bool) -> Vec<(KeyId, u32)> {
    let mut all: Vec<(f32, usize)> = rows.iter().map(|row| plain_score(row, query)).zip(0..).collect();
    all.retain(|(_, key)| passes(*key));
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all.into_iter().map(|(score, key)| (KeyId(key as i64), score.to_bits())).collect()
}

pub fn plain_score(row: &Row, query: &Embedding) -> f32 {
    let mut sums = [0.0_f32; 32];
    for (i, q) in query.0.iter().enumerate() {
        sums[i % 32] += f16::from_le_bytes([row.0[2 * i], row.0[2 * i + 1]]).to_f32() * q;
    }
    for half in [16, 8, 4, 2, 1] {
        for j in 0..half {
            sums[j] += sums[j + half];
        }
    }
    sums[0]
}

pub fn bits(hits: &[Hit]) -> Vec<(KeyId, u32)> {
    hits.iter().map(|hit| (hit.key, hit.score.to_bits())).collect()
}

pub fn score(kernel: Kernel, row: &Row, query: &Embedding) -> f32 {
    let mut score = [0.0];
    kernel.scores(&Query::new(query), &[&row.0], &mut score);
    score[0]
}
