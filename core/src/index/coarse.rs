//! Coarse codes: 4 bits a dimension, with a proven bound on what they can hide.
//!
//! A full scan is bound by memory, so reading fewer bytes is the only way to be faster than it. A row `x` is coded as
//! `y = s * (2c - 15)` with `c` in 0..=15 per dimension, and `e >= |x - y|` is stored with it. A query `q` is rounded to
//! `p = t * (8-bit integers)`. Then, by Cauchy and Schwarz,
//!
//! ```text
//! q·x  =  p·y + (q - p)·y + q·(x - y)  <=  p·y + |q - p| |y| + |q| e
//! ```
//!
//! `p·y` is an integer sum, hence exact, times `s * t`. A row whose bound lies below the k-th best score so far can't be
//! among the best k: it is skipped, and every other row is scored from its f16 values as ever. So the result is that of
//! the full scan, to the bit. Margins of 1e-5 |q| |x| and 0.1 % of the slack cover the rounding of the f32 arithmetic
//! here and of the score itself (which is below 1e-6 |q| |x|: 14 roundings of at most 2^-24 each).
//!
//! Layout: blocks of 16 rows, 2,112 bytes. Byte `64 g + 4 r + i` holds dimension `4 g + i` of row `r` in its low nibble
//! and dimension `128 + 4 g + i` in its high one (`g` 0 to 31, `i` 0 to 3); then 16 `s` and 16 `e` as bfloat16.

use half::bf16;

use super::row::Row;
use crate::types::{EMBEDDING_DIM, Embedding};

/// Rows of one block.
pub const BLOCK_ROWS: usize = 16;
/// Bytes of one block.
pub const BLOCK_LEN: usize = CODES_LEN + 4 * BLOCK_ROWS;

const CODES_LEN: usize = BLOCK_ROWS * EMBEDDING_DIM / 2;
/// Groups of four dimensions in a half of the vector.
pub(super) const GROUPS: usize = EMBEDDING_DIM / 8;
/// Scales that are tried, as parts of the one that reaches the largest value: clipping it often loses less.
const SCALES: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// Bytes of the blocks for so many rows.
pub const fn coarse_len(rows: usize) -> usize {
    rows.div_ceil(BLOCK_ROWS) * BLOCK_LEN
}

/// A query as the coarse kernels read it.
pub struct CoarseQuery {
    /// Four 8-bit integers each: dimensions `4 g ..` for `g` 0 to 31, then dimensions `128 + 4 g ..`.
    pub(super) words: [i32; 2 * GROUPS],
    /// 15 times the sum of all integers.
    offset: i32,
    scale: f32,
    /// At least |q|.
    norm: f32,
    /// At least |q - p| |y| and all rounding, for every row.
    extra: f32,
}

impl CoarseQuery {
    /// Rounds a query for rows whose lengths, and those of their codes, are at most `reach`. None for a query so large
    /// or small that f32 would not bear the bound: it needs the full scan.
    pub fn new(query: &Embedding, reach: f32) -> Option<Self> {
        let largest = query.0.iter().fold(0.0_f32, |max, q| max.max(q.abs()));
        if !(1e-18..1e18).contains(&largest) || !query.0.iter().all(|q| q.is_finite()) {
            return None;
        }
        let scale = largest / 127.0;
        let integers: [i8; EMBEDDING_DIM] = std::array::from_fn(|i| (query.0[i] / scale).round() as i8);
        let mut words = [0; 2 * GROUPS];
        for (word, four) in words.iter_mut().zip(integers.as_chunks::<4>().0) {
            *word = i32::from_le_bytes(four.map(i8::cast_unsigned));
        }
        let off = |i: usize| f64::from(query.0[i]) - f64::from(scale) * f64::from(integers[i]);
        let lost = (0..EMBEDDING_DIM).map(|i| off(i) * off(i)).sum::<f64>().sqrt();
        let norm = query.0.iter().map(|q| f64::from(*q) * f64::from(*q)).sum::<f64>().sqrt();
        let extra = (lost * 1.001 + norm * 1e-5) * f64::from(reach) + 1e-35;
        let offset = 15 * integers.iter().map(|p| i32::from(*p)).sum::<i32>();
        Some(Self { words, offset, scale, norm: (norm * 1.001) as f32, extra: (extra * 1.001) as f32 })
    }

    /// The lanes of a block whose bound does not lie below the floor, as bits. `sums` are the integer products.
    #[inline(always)]
    pub(super) fn hot(&self, block: &[u8; BLOCK_LEN], sums: &[i32; BLOCK_ROWS], floor: f32) -> u16 {
        let (scales, slacks) = block[CODES_LEN..].split_at(2 * BLOCK_ROWS);
        let mut cold = 0_u16;
        for (lane, sum) in sums.iter().enumerate() {
            let (s, e) = (widen(scales, lane), widen(slacks, lane));
            let product = (2 * sum - self.offset) as f32;
            let bound = s * self.scale * product + e * self.norm + self.extra;
            // NaN is not below anything: such a row is scored.
            cold |= u16::from(bound < floor) << lane;
        }
        !cold
    }
}

#[inline(always)]
fn widen(bytes: &[u8], lane: usize) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes([bytes[2 * lane], bytes[2 * lane + 1]])) << 16)
}

/// Codes rows one after another into blocks.
#[derive(Default)]
pub struct Encoder {
    blocks: Vec<u8>,
    rows: usize,
    reach: f32,
}

impl Encoder {
    /// Codes one row.
    pub fn push(&mut self, row: &Row) {
        let lane = self.rows % BLOCK_ROWS;
        if lane == 0 {
            self.blocks.resize(self.blocks.len() + BLOCK_LEN, 0);
        }
        self.rows += 1;
        let values = row.to_embedding().0;
        let code = Code::best(&values);
        self.reach = self.reach.max(code.reach);
        let start = self.blocks.len() - BLOCK_LEN;
        code.store(&mut self.blocks[start..], lane);
    }

    /// The blocks, and the reach: no row and no row's code is longer than it.
    pub fn finish(self) -> (Vec<u8>, f32) {
        (self.blocks, self.reach)
    }
}

struct Code {
    nibbles: [u8; EMBEDDING_DIM],
    scale: bf16,
    /// At least the length of what the code leaves out.
    slack: bf16,
    reach: f32,
}

impl Code {
    /// The code that leaves out least.
    fn best(values: &[f32; EMBEDDING_DIM]) -> Self {
        let largest = values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let codes = SCALES.iter().map(|part| Self::with_scale(values, bf16::from_f32(largest * part / 15.0)));
        // SCALES is not empty; a tie keeps the first.
        codes.reduce(|a, b| if b.slack < a.slack { b } else { a }).expect("there is at least one scale")
    }

    fn with_scale(values: &[f32; EMBEDDING_DIM], scale: bf16) -> Self {
        let s = scale.to_f32();
        let half_inverse = if s > 0.0 { 0.5 / s } else { 0.0 };
        let nibbles = values.map(|x| (x * half_inverse + 8.0).floor().clamp(0.0, 15.0) as u8);
        let (mut left_out, mut length, mut coded) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (x, c) in values.iter().zip(nibbles) {
            let (x, y) = (f64::from(*x), f64::from(s) * f64::from(2 * i32::from(c) - 15));
            left_out += (x - y) * (x - y);
            length += x * x;
            coded += y * y;
        }
        let reach = round_up((length.max(coded).sqrt() * 1.000_001) as f32).to_f32();
        Self { nibbles, scale, slack: round_up((left_out.sqrt() * 1.000_001) as f32), reach }
    }

    fn store(&self, block: &mut [u8], lane: usize) {
        let (low, high) = self.nibbles.split_at(EMBEDDING_DIM / 2);
        for (dim, (low, high)) in low.iter().zip(high).enumerate() {
            block[64 * (dim / 4) + 4 * lane + dim % 4] = low | (high << 4);
        }
        let (scale_at, slack_at) = (CODES_LEN + 2 * lane, CODES_LEN + 2 * BLOCK_ROWS + 2 * lane);
        block[scale_at..scale_at + 2].copy_from_slice(&self.scale.to_le_bytes());
        block[slack_at..slack_at + 2].copy_from_slice(&self.slack.to_le_bytes());
    }
}

/// The next bfloat16 that is not smaller; infinity for what has no number.
fn round_up(value: f32) -> bf16 {
    if !value.is_finite() {
        return bf16::INFINITY;
    }
    let rounded = bf16::from_f32(value);
    if rounded.to_f32() < value { bf16::from_bits(rounded.to_bits() + 1) } else { rounded }
}
