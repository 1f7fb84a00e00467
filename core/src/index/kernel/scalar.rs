//! The definition that the other kernels must equal bit by bit.

use half::f16;

use super::{LANES, Query};
use crate::index::format::ROW_LEN;

pub(super) fn scores(query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
    for (row, score) in rows.iter().zip(scores) {
        *score = dot(query, row);
    }
}

fn dot(query: &Query, row: &[u8; ROW_LEN]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (q, r) in query.0.chunks_exact(LANES).zip(row.chunks_exact(2 * LANES)) {
        for (j, sum) in sums.iter_mut().enumerate() {
            let value = f16::from_le_bytes([r[2 * j], r[2 * j + 1]]).to_f32();
            *sum += value * q[j];
        }
    }
    fold(sums)
}

fn fold(mut sums: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for j in 0..half {
            sums[j] += sums[j + half];
        }
        half /= 2;
    }
    sums[0]
}
