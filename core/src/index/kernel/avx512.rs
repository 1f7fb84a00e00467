//! 16 lanes at a time: AVX-512F.

use std::arch::x86_64::{
    __m256i, _mm256_add_ps, _mm256_castpd_ps, _mm256_loadu_si256, _mm512_add_ps, _mm512_castps_pd,
    _mm512_castps512_ps256, _mm512_cvtph_ps, _mm512_extractf64x4_pd, _mm512_loadu_ps, _mm512_mul_ps, _mm512_setzero_ps,
};

use super::avx2::fold8;
use super::{LANES, Query};
use crate::index::format::ROW_LEN;
use crate::types::EMBEDDING_DIM;

/// Holding one proves that the CPU has AVX-512F and AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    pub(super) fn scores(self, query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
        // SAFETY: `self` exists only where `new` found AVX-512F and AVX2.
        unsafe { scores_avx512(query, rows, scores) }
    }
}

#[target_feature(enable = "avx512f,avx2")]
fn scores_avx512(query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
    for (row, score) in rows.iter().zip(scores) {
        *score = dot(query, row);
    }
}

#[target_feature(enable = "avx512f,avx2")]
fn dot(query: &Query, row: &[u8; ROW_LEN]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); 2];
    for start in (0..EMBEDDING_DIM).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let at = start + 16 * lane;
            // SAFETY: `at + 16 <= 256`, so 16 f32 of the query and 16 f16 of the row lie at these places; both loads
            // are unaligned ones.
            let (q, r) = unsafe {
                let q = _mm512_loadu_ps(query.0.as_ptr().add(at));
                let r = _mm256_loadu_si256(row.as_ptr().add(2 * at).cast::<__m256i>());
                (q, _mm512_cvtph_ps(r))
            };
            *sum = _mm512_add_ps(*sum, _mm512_mul_ps(r, q));
        }
    }
    // 32 lanes to 16, then to 8.
    let sixteen = _mm512_add_ps(sums[0], sums[1]);
    let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sixteen)));
    fold8(_mm256_add_ps(_mm512_castps512_ps256(sixteen), high))
}
