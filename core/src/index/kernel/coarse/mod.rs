//! Integer products of one query with blocks of 32 coded rows, and which of these rows need a look at their f16 values.
//! Integers have one result, and the bounds are computed in one order without fusing, so the kernels agree to the bit.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::index::coarse::{BLOCK_ROWS, Block, Candidate, CoarseQuery, GROUPS, scale_of, slack_of};

/// Bytes between what is read and what is fetched ahead: the CPU's own fetching ends at pages of 4 KiB.
const AHEAD: usize = 1 << 14;

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
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    #[cfg(target_arch = "aarch64")]
    Dot(neon::Dot),
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
        #[cfg(target_arch = "aarch64")]
        {
            all.extend(neon::Neon::new().map(|proof| Self(Kind::Neon(proof))));
            all.extend(neon::Dot::new().map(|proof| Self(Kind::Dot(proof))));
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
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
            #[cfg(target_arch = "aarch64")]
            Kind::Dot(_) => "dotprod",
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
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(proof) => proof.scan(query, blocks, first, floor, found),
            #[cfg(target_arch = "aarch64")]
            Kind::Dot(proof) => proof.scan(query, blocks, first, floor, found),
        }
    }
}

/// What a kernel finds out about the rows of a block.
struct Bounds {
    /// At least the scores of hot rows; of other rows anything.
    bounds: [f32; BLOCK_ROWS],
    /// Rows whose bound does not lie below the floor.
    hot: u32,
}

impl Bounds {
    /// Of a block without hot rows.
    const NONE: Self = Self { bounds: [0.0; BLOCK_ROWS], hot: 0 };

    /// Appends the hot rows of a block whose first row lies in slot `first`.
    #[inline(always)]
    fn collect(&self, first: u32, found: &mut Vec<Candidate>) {
        let mut hot = self.hot;
        while hot != 0 {
            let lane = hot.trailing_zeros();
            hot &= hot - 1;
            found.push(Candidate { bound: self.bounds[lane as usize], slot: first + lane });
        }
    }
}

fn scan_scalar(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        bounds_of(query, block, &sums_scalar(query, block), floor).collect(first, found);
    }
}

fn sums_scalar(query: &CoarseQuery, block: &Block) -> [i32; BLOCK_ROWS] {
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
    sums
}

/// The bounds of a block's rows from the sums of products of the query's integers and the rows' nibbles.
fn bounds_of(query: &CoarseQuery, block: &Block, sums: &[i32; BLOCK_ROWS], floor: f32) -> Bounds {
    let mut all = Bounds::NONE;
    for (lane, sum) in sums.iter().enumerate() {
        let (product, slack) = (query.product(*sum, scale_of(block, lane)), slack_of(block, lane));
        // Most rows are ruled out without the square root.
        if query.loose_bound(product, slack) >= floor {
            all.bounds[lane] = query.bound(product, slack);
            all.hot |= u32::from(all.bounds[lane] >= floor) << lane;
        }
    }
    all
}
