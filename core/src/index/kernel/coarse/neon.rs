//! Codes on 64-bit ARM: NEON, which every one has, and its dot products of four (`sdot`), which most have since 2018.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, uint32x4_t, vaddq_f32, vaddq_s32, vaddvq_u32, vandq_u8, vandq_u32, vcgeq_f32,
    vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u8, vget_high_u16, vget_low_s8, vget_low_u16, vld1q_u8, vld1q_u32,
    vmaxq_f32, vmlal_high_s8, vmlal_s8, vmovl_u16, vmull_high_s8, vmull_s8, vmulq_f32, vpadalq_s16, vpaddq_s16,
    vreinterpretq_f32_u32, vreinterpretq_s8_s32, vreinterpretq_s8_u8, vreinterpretq_u16_u8, vshlq_n_u32, vshrq_n_u8,
    vsqrtq_f32, vst1q_f32, vsubq_f32, vsubq_s32,
};
use std::arch::asm;

use super::{AHEAD, Bounds};
use crate::index::coarse::{BLOCK_ROWS, Block, CODES_LEN, Candidate, CoarseQuery, GROUPS, SLACKS_AT};
use crate::index::kernel::neon::widen;
use crate::index::kernel::prefetch;

/// Vectors of four rows in a block.
const FOURS: usize = BLOCK_ROWS / 4;

/// Holding one proves that the CPU has NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn new() -> Option<Self> {
        // Scales are loaded as 16-bit elements: their byte order is the machine's.
        (cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon")).then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        query: &CoarseQuery,
        blocks: &[Block],
        first: u32,
        floor: f32,
        found: &mut Vec<Candidate>,
    ) {
        // SAFETY: `self` exists only where `new` found NEON.
        unsafe { scan_neon(query, blocks, first, floor, found) }
    }
}

#[target_feature(enable = "neon")]
fn scan_neon(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        bounds(query, block, &sums_neon(query, block), floor).collect(first, found);
    }
}

#[target_feature(enable = "neon")]
fn sums_neon(query: &CoarseQuery, block: &Block) -> [int32x4_t; FOURS] {
    let mut totals = [vdupq_n_s32(0); FOURS];
    for group in 0..GROUPS {
        let (low_word, high_word) = words(query, group);
        for (four, total) in totals.iter_mut().enumerate() {
            let (low, high) = nibbles(block, group, four);
            // Two products are at most 2 * 15 * 127 = 3,810, and a pair of them twice that: they stay within 16 bits.
            let first =
                vmlal_s8(vmull_s8(vget_low_s8(low), vget_low_s8(low_word)), vget_low_s8(high), vget_low_s8(high_word));
            let second = vmlal_high_s8(vmull_high_s8(low, low_word), high, high_word);
            *total = vpadalq_s16(*total, vpaddq_s16(first, second));
        }
    }
    totals
}

/// Holding one proves that the CPU has NEON and its dot products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dot(());

impl Dot {
    pub(super) fn new() -> Option<Self> {
        (Neon::new().is_some() && std::arch::is_aarch64_feature_detected!("dotprod")).then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        query: &CoarseQuery,
        blocks: &[Block],
        first: u32,
        floor: f32,
        found: &mut Vec<Candidate>,
    ) {
        // SAFETY: `self` exists only where `new` found NEON and its dot products.
        unsafe { scan_dot(query, blocks, first, floor, found) }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn scan_dot(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        bounds(query, block, &sums_dot(query, block), floor).collect(first, found);
    }
}

#[target_feature(enable = "neon,dotprod")]
fn sums_dot(query: &CoarseQuery, block: &Block) -> [int32x4_t; FOURS] {
    let mut totals = [vdupq_n_s32(0); FOURS];
    for group in 0..GROUPS {
        let (low_word, high_word) = words(query, group);
        for (four, total) in totals.iter_mut().enumerate() {
            let (low, high) = nibbles(block, group, four);
            *total = dot(dot(*total, low, low_word), high, high_word);
        }
    }
    totals
}

/// Adds the products of four bytes each. The intrinsic is not stable yet, the instruction is.
#[target_feature(enable = "neon,dotprod")]
fn dot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: arithmetic between registers; no memory, no stack, no flags.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// The query's integers for the low and the high nibbles of a group, for each of four rows.
#[target_feature(enable = "neon")]
fn words(query: &CoarseQuery, group: usize) -> (int8x16_t, int8x16_t) {
    let word = |at: usize| vreinterpretq_s8_s32(vdupq_n_s32(query.words[at]));
    (word(group), word(GROUPS + group))
}

/// The low and the high nibbles of four rows in a group.
#[target_feature(enable = "neon")]
fn nibbles(block: &Block, group: usize, four: usize) -> (int8x16_t, int8x16_t) {
    let at = 4 * BLOCK_ROWS * group + 16 * four;
    prefetch::<16>(block.as_ptr().wrapping_add(AHEAD + at));
    let bytes: &[u8; 16] = block[at..].first_chunk().expect("inside the codes");
    // SAFETY: 16 bytes lie there; a load of bytes needs no alignment.
    let codes = unsafe { vld1q_u8(bytes.as_ptr()) };
    (vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15))), vreinterpretq_s8_u8(vshrq_n_u8::<4>(codes)))
}

#[target_feature(enable = "neon")]
fn bounds(query: &CoarseQuery, block: &Block, sums: &[int32x4_t; FOURS], floor: f32) -> Bounds {
    let mut all = Bounds::NONE;
    let (norm, extra) = (vdupq_n_f32(query.norm), vdupq_n_f32(query.extra));
    for (eight, sums) in sums.as_chunks::<2>().0.iter().enumerate() {
        let (scales, slacks) = scales_and_slacks(block, eight);
        for half in 0..2 {
            let slacks = slacks[half];
            let products = products(query, sums[half], scales[half]);
            let loose = vcgeq_f32(vaddq_f32(products, vaddq_f32(vmulq_f32(slacks, norm), extra)), vdupq_n_f32(floor));
            let loose = bits(loose);
            // Most rows are ruled out without the square root.
            if loose != 0 {
                let along = vmaxq_f32(vsubq_f32(products, extra), vdupq_n_f32(0.0));
                let along = vmulq_f32(along, vdupq_n_f32(query.inverse));
                let across = vsubq_f32(vdupq_n_f32(query.square), vmulq_f32(along, along));
                let across = vsqrtq_f32(vmaxq_f32(across, vdupq_n_f32(0.0)));
                let bounds = vaddq_f32(vaddq_f32(products, extra), vmulq_f32(slacks, across));
                let at = 8 * eight + 4 * half;
                // SAFETY: four bounds are written from place `at` of 32, and `at <= 28`.
                unsafe { vst1q_f32(all.bounds.as_mut_ptr().add(at), bounds) };
                all.hot |= (loose & bits(vcgeq_f32(bounds, vdupq_n_f32(floor)))) << at;
            }
        }
    }
    all
}

/// Products of query and codes for four rows.
#[target_feature(enable = "neon")]
fn products(query: &CoarseQuery, sums: int32x4_t, scales: float32x4_t) -> float32x4_t {
    let integers = vsubq_s32(vaddq_s32(sums, sums), vdupq_n_s32(query.offset));
    vmulq_f32(vmulq_f32(scales, vdupq_n_f32(query.unit)), vcvtq_f32_s32(integers))
}

/// Scales and slacks of eight rows.
#[target_feature(enable = "neon")]
fn scales_and_slacks(block: &Block, eight: usize) -> ([float32x4_t; 2], [float32x4_t; 2]) {
    let at = 16 * eight;
    // SAFETY: `at + 16 <= 64`, so both loads of 16 bytes lie inside the block; loads of bytes need no alignment.
    let (scales, slacks) = unsafe {
        let tail = block.as_ptr().add(at);
        (vreinterpretq_u16_u8(vld1q_u8(tail.add(CODES_LEN))), vreinterpretq_u16_u8(vld1q_u8(tail.add(SLACKS_AT))))
    };
    // A bfloat16 is the upper half of an f32.
    let slacks = [vget_low_u16(slacks), vget_high_u16(slacks)];
    (widen(scales).into(), slacks.map(|four| vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(four)))))
}

/// A bit for each of four lanes that is all ones.
#[target_feature(enable = "neon")]
fn bits(lanes: uint32x4_t) -> u32 {
    let places = [1_u32, 2, 4, 8];
    // SAFETY: four numbers lie there.
    vaddvq_u32(vandq_u32(lanes, unsafe { vld1q_u32(places.as_ptr()) }))
}
