//! 4 lanes at a time: NEON, which every 64-bit ARM has. Conversion from f16 (`fcvtl`) belongs to base ARMv8.

use std::arch::aarch64::{
    float32x4_t, uint16x8_t, vadd_f32, vaddq_f32, vdupq_n_f32, vget_high_f32, vget_lane_f32, vget_low_f32, vld1q_f32,
    vld1q_u16, vmulq_f32,
};
use std::arch::asm;

use super::{LANES, Query};
use crate::index::format::ROW_LEN;
use crate::types::EMBEDDING_DIM;

/// Holding one proves that the CPU has NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn new() -> Option<Self> {
        // The vectors are loaded as 16-bit elements: their byte order is the machine's.
        (cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon")).then_some(Self(()))
    }

    pub(super) fn scores(self, query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
        // SAFETY: `self` exists only where `new` found NEON.
        unsafe { scores_neon(query, rows, scores) }
    }
}

#[target_feature(enable = "neon")]
fn scores_neon(query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
    for (row, score) in rows.iter().zip(scores) {
        *score = dot(query, row);
    }
}

/// Eight f16 to twice four f32. The intrinsics for f16 vectors are not stable yet, the instructions are.
#[target_feature(enable = "neon")]
pub(super) fn widen(halves: uint16x8_t) -> (float32x4_t, float32x4_t) {
    let (low, high): (float32x4_t, float32x4_t);
    // SAFETY: two conversions between registers; no memory, no stack, no flags.
    unsafe {
        asm!(
            "fcvtl {low:v}.4s, {halves:v}.4h",
            "fcvtl2 {high:v}.4s, {halves:v}.8h",
            low = out(vreg) low,
            high = lateout(vreg) high,
            halves = in(vreg) halves,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    (low, high)
}

#[target_feature(enable = "neon")]
fn dot(query: &Query, row: &[u8; ROW_LEN]) -> f32 {
    let mut sums = [vdupq_n_f32(0.0); 8];
    for start in (0..EMBEDDING_DIM).step_by(LANES) {
        for pair in 0..4 {
            let at = start + 8 * pair;
            // SAFETY: `at + 8 <= 256`, so 8 f32 of the query and 8 f16 of the row lie at these places; NEON loads
            // need no alignment beyond the element's, and a row of u8 is read through an unaligned copy below.
            let (q0, q1, halves) = unsafe {
                let q = query.0.as_ptr().add(at);
                let mut eight = [0_u16; 8];
                std::ptr::copy_nonoverlapping(row.as_ptr().add(2 * at), eight.as_mut_ptr().cast::<u8>(), 16);
                (vld1q_f32(q), vld1q_f32(q.add(4)), vld1q_u16(eight.as_ptr()))
            };
            let (r0, r1) = widen(halves);
            sums[2 * pair] = vaddq_f32(sums[2 * pair], vmulq_f32(r0, q0));
            sums[2 * pair + 1] = vaddq_f32(sums[2 * pair + 1], vmulq_f32(r1, q1));
        }
    }
    fold(sums)
}

/// Folds 32 lanes in halves, as the scalar kernel does.
#[target_feature(enable = "neon")]
fn fold(s: [float32x4_t; 8]) -> f32 {
    let sixteen = [vaddq_f32(s[0], s[4]), vaddq_f32(s[1], s[5]), vaddq_f32(s[2], s[6]), vaddq_f32(s[3], s[7])];
    let eight = [vaddq_f32(sixteen[0], sixteen[2]), vaddq_f32(sixteen[1], sixteen[3])];
    let four = vaddq_f32(eight[0], eight[1]);
    let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
}
