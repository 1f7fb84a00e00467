//! From rows to coarse codes.

use half::{bf16, f16};

use super::{BLOCK_LEN, BLOCK_ROWS, Block, CODES_LEN, SLACKS_AT};
use crate::index::row::Row;
use crate::types::EMBEDDING_DIM;

/// Where the codes end, as parts of the largest value: clipping it often loses less.
const ENDS: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// Codes rows one after another into blocks.
#[derive(Default)]
pub struct Encoder {
    blocks: Vec<Block>,
    rows: usize,
    reach: f32,
}

impl Encoder {
    /// Codes one row.
    pub fn push(&mut self, row: &Row) {
        let code = Code::best(&row.to_embedding().0);
        self.reach = self.reach.max(code.reach);
        let (block, lane) = self.next_lane();
        code.store(block, lane);
    }

    /// Takes over a row that is coded already, of an index with this reach.
    pub(crate) fn copy(&mut self, from: &Block, lane: usize, reach: f32) {
        self.reach = self.reach.max(reach);
        let (block, to) = self.next_lane();
        for at in (0..CODES_LEN).step_by(4 * BLOCK_ROWS) {
            block[at + 4 * to..at + 4 * to + 4].copy_from_slice(&from[at + 4 * lane..at + 4 * lane + 4]);
        }
        for at in [CODES_LEN, SLACKS_AT] {
            block[at + 2 * to..at + 2 * to + 2].copy_from_slice(&from[at + 2 * lane..at + 2 * lane + 2]);
        }
    }

    fn next_lane(&mut self) -> (&mut Block, usize) {
        let (at, lane) = (self.rows / BLOCK_ROWS, self.rows % BLOCK_ROWS);
        self.rows += 1;
        if lane == 0 {
            self.blocks.push([0; BLOCK_LEN]);
        }
        (&mut self.blocks[at], lane)
    }

    /// The blocks so far. Lanes behind the last row are zero.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// No row so far, and no row's code, is longer.
    pub fn reach(&self) -> f32 {
        self.reach
    }

    /// Bytes that the blocks occupy in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * BLOCK_LEN
    }
}

struct Code {
    /// Odd integers of -15 to 15.
    odd: [i32; EMBEDDING_DIM],
    scale: f16,
    /// At least the length of what the code leaves out.
    slack: bf16,
    reach: f32,
}

impl Code {
    /// The code that leaves out least.
    fn best(values: &[f32; EMBEDDING_DIM]) -> Self {
        let largest = values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let rounded = ENDS.iter().map(|part| round(values, largest * part / 15.0));
        let (_, odd) = rounded.reduce(|a, b| if b.0 > a.0 { b } else { a }).expect("there is at least one end");
        Self::exactly(values, odd)
    }

    /// Scale, slack and reach, in f64 and rounded up: these are what the bound rests on.
    fn exactly(values: &[f32; EMBEDDING_DIM], odd: [i32; EMBEDDING_DIM]) -> Self {
        let pairs = || values.iter().zip(odd).map(|(x, c)| (f64::from(*x), f64::from(c)));
        let (mut dot, mut square, mut length) = (0.0, 0.0, 0.0);
        for (x, c) in pairs() {
            dot += x * c;
            square += c * c;
            length += x * x;
        }
        // A scale of at least dot / square keeps what is left out from leaning towards the code.
        let scale = f16_above(dot.max(0.0) / square * (1.0 + 1e-9));
        let s = scale.to_f64();
        let left_out: f64 = pairs().map(|(x, c)| (x - s * c) * (x - s * c)).sum();
        // Not a number: `max` would hide it.
        let longer = if length.is_finite() { length.max(s * s * square) } else { f64::INFINITY };
        let above = |square: f64| bf16_above(square.sqrt() * 1.000_001);
        Self { odd, scale, slack: above(left_out), reach: above(longer).to_f32() }
    }

    fn store(&self, block: &mut Block, lane: usize) {
        let nibbles = self.odd.map(|c| ((c + 15) / 2) as u8);
        let (low, high) = nibbles.split_at(EMBEDDING_DIM / 2);
        for (dim, (low, high)) in low.iter().zip(high).enumerate() {
            block[4 * BLOCK_ROWS * (dim / 4) + 4 * lane + dim % 4] = low | (high << 4);
        }
        let (scale_at, slack_at) = (CODES_LEN + 2 * lane, SLACKS_AT + 2 * lane);
        block[scale_at..scale_at + 2].copy_from_slice(&self.scale.to_le_bytes());
        block[slack_at..slack_at + 2].copy_from_slice(&self.slack.to_le_bytes());
    }
}

/// The odd integers nearest to `values / scale`, and the square of how much of the row lies along them: the larger, the
/// less is left out. Loops on lanes of 16, which the compiler turns into vector instructions.
#[allow(clippy::manual_clamp, reason = "`clamp` would leave NaN as it is")]
fn round(values: &[f32; EMBEDDING_DIM], scale: f32) -> (f32, [i32; EMBEDDING_DIM]) {
    let half_inverse = if scale > 0.0 { 0.5 / scale } else { 0.0 };
    let mut odd = [0; EMBEDDING_DIM];
    // Squares are integers below 2^24: f32 holds their sums exactly.
    let (mut dots, mut squares) = ([0.0_f32; 16], [0.0_f32; 16]);
    for (x, c) in values.as_chunks::<16>().0.iter().zip(odd.as_chunks_mut::<16>().0) {
        for lane in 0..16 {
            let step = (x[lane] * half_inverse).max(-8.0).min(7.0) + 8.0;
            // SAFETY: 0 to 15, and never NaN: of NaN and a number, `max` is the number. (`as` would check for both.)
            c[lane] = 2 * unsafe { step.to_int_unchecked::<i32>() } - 15;
            let c = c[lane] as f32;
            dots[lane] += x[lane] * c;
            squares[lane] += c * c;
        }
    }
    let (dot, square) = (dots.iter().sum::<f32>(), squares.iter().sum::<f32>());
    (dot * dot / square, odd)
}

/// The next bfloat16 that is not smaller; infinity for what has no number.
fn bf16_above(value: f64) -> bf16 {
    if !value.is_finite() {
        return bf16::INFINITY;
    }
    let rounded = bf16::from_f64(value);
    if rounded.to_f64() < value { bf16::from_bits(rounded.to_bits() + 1) } else { rounded }
}

/// The next binary16 that is not smaller; infinity for what has no number.
fn f16_above(value: f64) -> f16 {
    if !value.is_finite() {
        return f16::INFINITY;
    }
    let rounded = f16::from_f64(value);
    if rounded.to_f64() < value { f16::from_bits(rounded.to_bits() + 1) } else { rounded }
}
