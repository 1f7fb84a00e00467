//! Integer products of one query with blocks of 16 coded rows, and which of these rows need a look at their f16 values.
//! Integers have one result, so the kernels agree by nature.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_srli_epi16, _mm256_storeu_si256, _mm512_add_epi32, _mm512_and_si512, _mm512_dpbusd_epi32,
    _mm512_loadu_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_srli_epi32,
    _mm512_storeu_si512,
};

use crate::index::coarse::{BLOCK_LEN, BLOCK_ROWS, CoarseQuery, GROUPS};

/// A way to scan codes. A value of this type proves that the CPU can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoarseKernel(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    /// AVX2 was found.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F, BW and VNNI were found.
    #[cfg(target_arch = "x86_64")]
    Vnni,
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
            if is_x86_feature_detected!("avx2") {
                all.push(Self(Kind::Avx2));
            }
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("avx512vnni") {
                all.push(Self(Kind::Vnni));
            }
        }
        all
    }

    /// Bits of the rows in a block whose bound does not lie below `floor`.
    #[inline]
    pub fn hot(self, query: &CoarseQuery, block: &[u8; BLOCK_LEN], floor: f32) -> u16 {
        match self.0 {
            Kind::Scalar => query.hot(block, &sums_scalar(query, block), floor),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this variant exists only where AVX2 was found.
            Kind::Avx2 => unsafe { hot_avx2(query, block, floor) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this variant exists only where AVX-512F, BW and VNNI were found.
            Kind::Vnni => unsafe { hot_vnni(query, block, floor) },
        }
    }
}

fn sums_scalar(query: &CoarseQuery, block: &[u8; BLOCK_LEN]) -> [i32; BLOCK_ROWS] {
    let mut sums = [0; BLOCK_ROWS];
    for group in 0..GROUPS {
        let low = query.words[group].to_le_bytes().map(u8::cast_signed);
        let high = query.words[GROUPS + group].to_le_bytes().map(u8::cast_signed);
        for (lane, sum) in sums.iter_mut().enumerate() {
            for i in 0..4 {
                let byte = block[64 * group + 4 * lane + i];
                *sum += i32::from(byte & 15) * i32::from(low[i]) + i32::from(byte >> 4) * i32::from(high[i]);
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn hot_avx2(query: &CoarseQuery, block: &[u8; BLOCK_LEN], floor: f32) -> u16 {
    let mut sums = [0_i32; BLOCK_ROWS];
    let (low_mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    for half in 0..2 {
        let mut total = _mm256_setzero_si256();
        // A product of two pairs is at most 2 * 15 * 127 = 3,810, so eight of them stay within 16 bits.
        for four in 0..GROUPS / 4 {
            let mut pairs = _mm256_setzero_si256();
            for group in 4 * four..4 * four + 4 {
                // SAFETY: `64 * group + 32 * half + 32 <= 2,048`, which is inside the block; the load is unaligned.
                let codes = unsafe { _mm256_loadu_si256(block.as_ptr().add(64 * group + 32 * half).cast::<__m256i>()) };
                let low = _mm256_and_si256(codes, low_mask);
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low_mask);
                let low = _mm256_maddubs_epi16(low, _mm256_set1_epi32(query.words[group]));
                let high = _mm256_maddubs_epi16(high, _mm256_set1_epi32(query.words[GROUPS + group]));
                pairs = _mm256_add_epi16(pairs, _mm256_add_epi16(low, high));
            }
            total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, ones));
        }
        // SAFETY: eight sums are written from place 8 * half of sixteen; the store is unaligned.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().add(8 * half).cast::<__m256i>(), total) };
    }
    query.hot(block, &sums, floor)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn hot_vnni(query: &CoarseQuery, block: &[u8; BLOCK_LEN], floor: f32) -> u16 {
    let mask = _mm512_set1_epi8(15);
    // Four sums, since each instruction waits for the sum before it.
    let mut sums = [_mm512_setzero_si512(); 4];
    for pair in 0..GROUPS / 2 {
        for odd in 0..2 {
            let group = 2 * pair + odd;
            // SAFETY: `64 * group + 64 <= 2,048`, which is inside the block; the load is unaligned.
            let codes = unsafe { _mm512_loadu_si512(block.as_ptr().add(64 * group).cast::<__m512i>()) };
            let low = _mm512_and_si512(codes, mask);
            let high = _mm512_and_si512(_mm512_srli_epi32::<4>(codes), mask);
            let (word, other) = (query.words[group], query.words[GROUPS + group]);
            sums[2 * odd] = _mm512_dpbusd_epi32(sums[2 * odd], low, _mm512_set1_epi32(word));
            sums[2 * odd + 1] = _mm512_dpbusd_epi32(sums[2 * odd + 1], high, _mm512_set1_epi32(other));
        }
    }
    let total = _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
    let mut out = [0_i32; BLOCK_ROWS];
    // SAFETY: sixteen sums are written to an array of sixteen; the store is unaligned.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), total) };
    query.hot(block, &out, floor)
}
