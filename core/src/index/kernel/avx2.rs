//! 8 lanes at a time: AVX2 with F16C, which every x86-64 of the last ten years has.

use std::arch::x86_64::{
    __m128, __m128i, __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehdup_ps, _mm_movehl_ps,
    _mm256_add_ps, _mm256_castps256_ps128, _mm256_cvtph_ps, _mm256_extractf128_ps, _mm256_loadu_ps, _mm256_mul_ps,
    _mm256_setzero_ps,
};

use super::{LANES, Query};
use crate::index::format::ROW_LEN;
use crate::types::EMBEDDING_DIM;

/// Holding one proves that the CPU has AVX2 and F16C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")).then_some(Self(()))
    }

    pub(super) fn scores(self, query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
        // SAFETY: `self` exists only where `new` found AVX2 and F16C.
        unsafe { scores_avx2(query, rows, scores) }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn scores_avx2(query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
    for (row, score) in rows.iter().zip(scores) {
        *score = dot(query, row);
    }
}

#[target_feature(enable = "avx2,f16c")]
fn dot(query: &Query, row: &[u8; ROW_LEN]) -> f32 {
    let mut sums = [_mm256_setzero_ps(); 4];
    for start in (0..EMBEDDING_DIM).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            let at = start + 8 * lane;
            // SAFETY: `at + 8 <= 256`, so 8 f32 of the query and 8 f16 of the row lie at these places; both loads
            // are unaligned ones.
            let (q, r) = unsafe {
                let q = _mm256_loadu_ps(query.0.as_ptr().add(at));
                let r = _mm_loadu_si128(row.as_ptr().add(2 * at).cast::<__m128i>());
                (q, _mm256_cvtph_ps(r))
            };
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(r, q));
        }
    }
    // 32 lanes to 16, then to 8.
    fold8(_mm256_add_ps(_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3])))
}

/// Folds 8 lanes in halves, as the scalar kernel does.
#[target_feature(enable = "avx2")]
pub(super) fn fold8(sums: __m256) -> f32 {
    let four: __m128 = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
