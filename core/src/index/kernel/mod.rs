//! Dot products of one query with many f16 rows, on whatever the CPU has.
//!
//! Every kernel computes the same bits: row and query are multiplied and added (never fused) into 32 partial sums,
//! sum `j` taking the dimensions `j, j + 32, j + 64, …`, which are then folded in halves: 32 to 16, 8, 4, 2, 1.
//! So a library gives the same scores and the same order on every device, and the kernels can be tested for equality
//! rather than for closeness. Fusing would be faster only where the scan is not bound by memory, and it always is.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod coarse;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub use coarse::CoarseKernel;

use super::format::ROW_LEN;
use crate::types::{EMBEDDING_DIM, Embedding};

/// How many partial sums every kernel keeps.
pub(super) const LANES: usize = 32;

/// A query as the kernels read it: 256 finite f32 on a cache line.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Query(pub(super) [f32; EMBEDDING_DIM]);

impl Query {
    /// Takes over the values of an embedding.
    pub fn new(embedding: &Embedding) -> Self {
        Self(embedding.0)
    }
}

/// A way to compute scores. A value of this type proves that the CPU can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Kernel {
    /// The fastest that this CPU runs.
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self(Kind::Scalar))
    }

    /// All that this CPU runs, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx2::Avx2::new().map(|proof| Self(Kind::Avx2(proof))));
            all.extend(avx512::Avx512::new().map(|proof| Self(Kind::Avx512(proof))));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(neon::Neon::new().map(|proof| Self(Kind::Neon(proof))));
        all
    }

    /// Its name, for figures.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(_) => "neon",
        }
    }

    /// Scores rows: `scores[i]` becomes the dot product of the query with row `i`.
    ///
    /// # Panics
    /// When there are not as many rows as scores.
    #[inline]
    pub fn scores(self, query: &Query, rows: &[&[u8; ROW_LEN]], scores: &mut [f32]) {
        assert!(rows.len() == scores.len(), "one score per row");
        match self.0 {
            Kind::Scalar => scalar::scores(query, rows, scores),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => proof.scores(query, rows, scores),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(proof) => proof.scores(query, rows, scores),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon(proof) => proof.scores(query, rows, scores),
        }
    }
}

/// Asks for some bytes to be in the cache soon. Any address may be given: nothing is read where there is nothing.
#[inline]
pub(super) fn prefetch<const LEN: usize>(at: *const u8) {
    for offset in (0..LEN).step_by(64) {
        let at = at.wrapping_add(offset);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch of any address faults never, and SSE belongs to x86-64.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a prefetch of any address faults never; no memory, no stack, no flags are changed.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = at;
    }
}
