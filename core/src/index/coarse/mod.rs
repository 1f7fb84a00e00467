//! Coarse codes: 4 bits a dimension, with a proven bound on what they can hide.
//!
//! A full scan is bound by memory, so reading fewer bytes is the only way to be faster than it. A row `x` is coded as
//! `y = s c` with `c` an odd integer of -15 to 15 per dimension. `s` is the scale at which `y` is nearest to `x`, or a
//! little more, so that what the code leaves out, `r = x - y`, stands at a right angle to `y`, or leans against it:
//! `y·r <= 0`. Stored with the code are `s` and a slack `e >= |r|`. A query `q` is rounded to `p = t n`, `n` integers
//! of 8 bits. With `a = q·y / |y|` and `Q = |q|`,
//!
//! ```text
//! q·x  =  q·y + q·r  <=  q·y + e sqrt(Q² - max(a, 0)²)  <=  p·y + |q - p| |y| + e sqrt(Q² - max(a, 0)²)
//! ```
//!
//! The first step splits `q` into its part along `y`, whose product with `r` is not positive where `a` is not negative,
//! and the rest, of length `sqrt(Q² - a²)`; where `a` is negative it is Cauchy's and Schwarz's inequality, as is the
//! second step. So the nearer a row is to the query, the less its code can hide: this is what tells rows of one cluster
//! apart. `p·y` is an integer sum, hence exact, times `s t`; and `a >= (p·y - |q - p| |y|) / |y|`, where `|y|` may be
//! replaced by anything larger, here the `reach`: no row of the index and no row's code is longer.
//!
//! A row whose bound lies below the k-th best score so far can't be among the best k: it is skipped, and every other
//! row is scored from its f16 values as ever. So the result is that of the full scan, to the bit. Margins of
//! 1e-5 Q `reach`, 1e-5 Q² below the root and 0.1 % of a slack cover the rounding of the f32
//! arithmetic here and of the score itself (which is below 1e-6 Q |x|: 14 roundings of at most 2^-24 each).
//!
//! Layout: blocks of 32 rows, 4,224 bytes. Byte `128 g + 4 r + i` holds dimension `4 g + i` of row `r` as
//! `(c + 15) / 2` in its low nibble and dimension `128 + 4 g + i` in its high one (`g` 0 to 31, `i` 0 to 3); then 32
//! scales as binary16 and 32 slacks as bfloat16.

mod code;

pub use code::Encoder;

use half::{bf16, f16};

use crate::types::{EMBEDDING_DIM, Embedding};

/// Rows of one block.
pub const BLOCK_ROWS: usize = 32;
/// Bytes of one block.
pub const BLOCK_LEN: usize = CODES_LEN + 4 * BLOCK_ROWS;

/// Bytes of a block's codes; the scales follow them.
pub(super) const CODES_LEN: usize = BLOCK_ROWS * EMBEDDING_DIM / 2;
/// Where a block's slacks begin.
pub(super) const SLACKS_AT: usize = CODES_LEN + 2 * BLOCK_ROWS;
/// Groups of four dimensions in a half of the vector.
pub(super) const GROUPS: usize = EMBEDDING_DIM / 8;

/// A block as it lies in the file and in memory.
pub type Block = [u8; BLOCK_LEN];

/// A row that its code does not rule out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Candidate {
    /// At least its score.
    pub bound: f32,
    /// Where it lies.
    pub slot: u32,
}

/// A query as the coarse kernels read it. No bound that comes of it is NaN.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct CoarseQuery {
    /// Four 8-bit integers each: dimensions `4 g ..` for `g` 0 to 31, then dimensions `128 + 4 g ..`.
    pub(super) words: [i32; 2 * GROUPS],
    /// 15 times the sum of all integers.
    pub(super) offset: i32,
    /// `t`: what one of the integers stands for.
    pub(super) unit: f32,
    /// More than |q|, so that times a slack it is at least what that row's code hides.
    pub(super) norm: f32,
    /// At least |q|².
    pub(super) square: f32,
    /// At least |q - p| |y| and all rounding, for every row.
    pub(super) extra: f32,
    /// At most one over the reach.
    pub(super) inverse: f32,
}

impl CoarseQuery {
    /// Rounds a query for rows whose lengths, and those of their codes, are at most `reach`. None for a query or a
    /// reach so large or small that f32 would not bear the bound: it needs the full scan.
    pub fn new(query: &Embedding, reach: f32) -> Option<Self> {
        let values = &query.0;
        let largest = fold(values, f32::abs, f32::max);
        // Comparisons with NaN are false; a sum is not finite if a value isn't.
        let sum = fold(values, |q| q * q, |a, b| a + b);
        if !(1e-17..1e17).contains(&largest) || !sum.is_finite() || !reach.is_finite() {
            return None;
        }
        let (unit, inverse) = (largest / 127.0, 127.0 / largest);
        let integers = values.map(|q| nearest(q * inverse));
        let mut words = [0; 2 * GROUPS];
        for (word, four) in words.iter_mut().zip(integers.as_chunks::<4>().0) {
            *word = i32::from_le_bytes(four.map(|n| n.to_le_bytes()[0]));
        }
        let off: [f32; EMBEDDING_DIM] = std::array::from_fn(|i| values[i] - unit * integers[i] as f32);
        let norm = f64::from(sum).sqrt() * 1.000_01;
        let lost = f64::from(fold(&off, |x| x * x, |a, b| a + b)).sqrt() * 1.000_1 + norm * 1e-6;
        let reach = f64::from(reach.max(f32::MIN_POSITIVE));
        let extra = (lost + norm * 1e-5) * reach + 1e-35;
        Some(Self {
            words,
            offset: 15 * integers.iter().sum::<i32>(),
            unit,
            norm: (norm * 1.001) as f32,
            square: (norm * norm * 1.000_02) as f32,
            extra: (extra * 1.001) as f32,
            inverse: ((1.0 - 1e-6) / reach) as f32,
        })
    }

    /// `p·y` from the sum of products of the query's integers and a row's nibbles.
    #[inline(always)]
    pub(super) fn product(&self, sum: i32, scale: f32) -> f32 {
        scale * self.unit * (2 * sum - self.offset) as f32
    }

    /// More than the score of a row, by Cauchy and Schwarz alone: what the kernels compare with the floor first.
    #[inline(always)]
    pub(super) fn loose_bound(&self, product: f32, slack: f32) -> f32 {
        product + (slack * self.norm + self.extra)
    }

    /// The same with the angle between query and row: smaller, and for near rows by far.
    #[inline(always)]
    pub(super) fn bound(&self, product: f32, slack: f32) -> f32 {
        let along = (product - self.extra).max(0.0) * self.inverse;
        let across = (self.square - along * along).max(0.0).sqrt();
        (product + self.extra) + slack * across
    }
}

/// Folds 256 values on 16 lanes, which the compiler turns into vector instructions.
#[inline(always)]
fn fold(values: &[f32; EMBEDDING_DIM], map: impl Fn(f32) -> f32, add: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for sixteen in values.as_chunks::<16>().0 {
        for (lane, value) in lanes.iter_mut().zip(sixteen) {
            *lane = add(*lane, map(*value));
        }
    }
    lanes.into_iter().fold(0.0, add)
}

/// The nearest integer to a value of at most 2^21, without a call into the C library: in this range, the digits behind
/// the point don't fit.
#[inline(always)]
fn nearest(value: f32) -> i32 {
    const SHIFT: f32 = 1.5 * (1 << 23) as f32;
    (value + SHIFT).to_bits().cast_signed() - SHIFT.to_bits().cast_signed()
}

/// The scale of a lane.
#[inline(always)]
pub(super) fn scale_of(block: &Block, lane: usize) -> f32 {
    let at = CODES_LEN + 2 * lane;
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The slack of a lane.
#[inline(always)]
pub(super) fn slack_of(block: &Block, lane: usize) -> f32 {
    let at = SLACKS_AT + 2 * lane;
    bf16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}
