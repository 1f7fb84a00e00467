//! Integer products of one query with blocks of 32 coded rows, and which of these rows need a look at their f16 values.
//! Integers have one result, and the bounds are computed in one order without fusing, so the kernels agree to the bit.

#[cfg(target_arch = "x86_64")]
mod x86;

use crate::index::coarse::{BLOCK_ROWS, Block, Candidate, CoarseQuery, GROUPS, scale_of, slack_of};

/// A way to scan codes. A value of this type proves that the CPU can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoarseKernel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Vnni(x86::Vnni),
}

impl CoarseKernel {
    /// The fastest that this CPU runs.
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self(Kind::Scalar))
    }

    /// All that this CPU runs, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx2::new().map(|proof| Self(Kind::Avx2(proof))));
            all.extend(x86::Vnni::new().map(|proof| Self(Kind::Vnni(proof))));
        }
        all
    }

    /// Its name, for figures.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni(_) => "avx512vnni",
        }
    }

    /// Appends every row of the blocks whose bound does not lie below `floor`, in their order; the first row lies in
    /// slot `first`. Lanes without rows are treated like rows.
    #[inline]
    pub fn scan(self, query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
        match self.0 {
            Kind::Scalar => scan_scalar(query, blocks, first, floor, found),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => proof.scan(query, blocks, first, floor, found),
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni(proof) => proof.scan(query, blocks, first, floor, found),
        }
    }
}

/// What a kernel finds out about the rows of a block.
struct Sums {
    /// Products of the query's integers and the rows' nibbles.
    sums: [i32; BLOCK_ROWS],
    /// Rows whose loose bound does not lie below the floor.
    hot: u32,
}

/// Appends the hot rows of a block whose bound proper does not lie below the floor either.
#[inline(always)]
fn collect(query: &CoarseQuery, block: &Block, sums: &Sums, first: u32, floor: f32, found: &mut Vec<Candidate>) {
    let mut hot = sums.hot;
    while hot != 0 {
        let lane = hot.trailing_zeros() as usize;
        hot &= hot - 1;
        let product = query.product(sums.sums[lane], scale_of(block, lane));
        let bound = query.bound(product, slack_of(block, lane));
        if bound >= floor {
            found.push(Candidate { bound, slot: first + lane as u32 });
        }
    }
}

fn scan_scalar(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        collect(query, block, &sums_scalar(query, block, floor), first, floor, found);
    }
}

fn sums_scalar(query: &CoarseQuery, block: &Block, floor: f32) -> Sums {
    let mut sums = [0; BLOCK_ROWS];
    for group in 0..GROUPS {
        let low = query.words[group].to_le_bytes().map(u8::cast_signed);
        let high = query.words[GROUPS + group].to_le_bytes().map(u8::cast_signed);
        for (lane, sum) in sums.iter_mut().enumerate() {
            for i in 0..4 {
                let byte = block[4 * BLOCK_ROWS * group + 4 * lane + i];
                *sum += i32::from(byte & 15) * i32::from(low[i]) + i32::from(byte >> 4) * i32::from(high[i]);
            }
        }
    }
    Sums { sums, hot: hot(query, block, &sums, floor) }
}

/// The rows whose loose bound does not lie below the floor, as bits.
#[inline(always)]
fn hot(query: &CoarseQuery, block: &Block, sums: &[i32; BLOCK_ROWS], floor: f32) -> u32 {
    let mut hot = 0;
    for (lane, sum) in sums.iter().enumerate() {
        let product = query.product(*sum, scale_of(block, lane));
        let bound = query.loose_bound(product, slack_of(block, lane));
        hot |= u32::from(bound >= floor) << lane;
    }
    hot
}
