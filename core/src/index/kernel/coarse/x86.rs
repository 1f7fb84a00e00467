//! Codes on x86-64: AVX2, which every one of the last ten years has, and AVX-512 with VNNI.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _CMP_GE_OQ, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_ps, _mm256_movemask_ps, _mm256_mul_ps,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256,
    _mm256_slli_epi32, _mm256_sqrt_ps, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_sub_epi32, _mm256_sub_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_permutex2var_epi32,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_sqrt_ps, _mm512_srai_epi32, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_sub_ps,
};

use super::{AHEAD, Bounds};
use crate::index::coarse::{BLOCK_ROWS, Block, CODES_LEN, Candidate, CoarseQuery, GROUPS, SLACKS_AT};
use crate::index::kernel::prefetch;

/// Holding one proves that the CPU has AVX2 and F16C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")).then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        query: &CoarseQuery,
        blocks: &[Block],
        first: u32,
        floor: f32,
        found: &mut Vec<Candidate>,
    ) {
        // SAFETY: `self` exists only where `new` found AVX2 and F16C.
        unsafe { scan_avx2(query, blocks, first, floor, found) }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn scan_avx2(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        bounds_avx2(query, block, &sums_avx2(query, block), floor).collect(first, found);
    }
}

#[target_feature(enable = "avx2,f16c")]
fn sums_avx2(query: &CoarseQuery, block: &Block) -> [__m256i; 4] {
    let (low_mask, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut totals = [_mm256_setzero_si256(); 4];
    // A product of two pairs is at most 2 * 15 * 127 = 3,810, so eight of them stay within 16 bits.
    for four in 0..GROUPS / 4 {
        let mut pairs = [_mm256_setzero_si256(); 4];
        for group in 4 * four..4 * four + 4 {
            let low_word = _mm256_set1_epi32(query.words[group]);
            let high_word = _mm256_set1_epi32(query.words[GROUPS + group]);
            for (eight, pairs) in pairs.iter_mut().enumerate() {
                let codes = load256(block, 4 * BLOCK_ROWS * group + 32 * eight);
                let low = _mm256_maddubs_epi16(_mm256_and_si256(codes, low_mask), low_word);
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), low_mask);
                let high = _mm256_maddubs_epi16(high, high_word);
                *pairs = _mm256_add_epi16(*pairs, _mm256_add_epi16(low, high));
            }
        }
        for (total, pairs) in totals.iter_mut().zip(pairs) {
            *total = _mm256_add_epi32(*total, _mm256_madd_epi16(pairs, ones));
        }
    }
    totals
}

#[target_feature(enable = "avx2,f16c")]
fn bounds_avx2(query: &CoarseQuery, block: &Block, sums: &[__m256i; 4], floor: f32) -> Bounds {
    let mut all = Bounds::NONE;
    let (norm, extra) = (_mm256_set1_ps(query.norm), _mm256_set1_ps(query.extra));
    let reaches = |bounds| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(bounds, _mm256_set1_ps(floor)));
    for (eight, sums) in sums.iter().enumerate() {
        let (products, slacks) = products_avx2(query, block, eight, *sums);
        let loose = _mm256_add_ps(products, _mm256_add_ps(_mm256_mul_ps(slacks, norm), extra));
        // Most rows are ruled out without the square root.
        if reaches(loose) != 0 {
            let along = _mm256_max_ps(_mm256_sub_ps(products, extra), _mm256_setzero_ps());
            let along = _mm256_mul_ps(along, _mm256_set1_ps(query.inverse));
            let across = _mm256_sub_ps(_mm256_set1_ps(query.square), _mm256_mul_ps(along, along));
            let across = _mm256_sqrt_ps(_mm256_max_ps(across, _mm256_setzero_ps()));
            let bounds = _mm256_add_ps(_mm256_add_ps(products, extra), _mm256_mul_ps(slacks, across));
            // SAFETY: eight bounds are written from place `8 * eight` of 32; the store is unaligned.
            unsafe { _mm256_storeu_ps(all.bounds.as_mut_ptr().add(8 * eight), bounds) };
            all.hot |= (reaches(loose) & reaches(bounds)).cast_unsigned() << (8 * eight);
        }
    }
    all
}

/// Products of query and codes for eight rows, and the rows' slacks.
#[target_feature(enable = "avx2,f16c")]
fn products_avx2(query: &CoarseQuery, block: &Block, eight: usize, sums: __m256i) -> (__m256, __m256) {
    let at = 16 * eight;
    // SAFETY: `at + 16 <= 64`, so both loads of 16 bytes lie inside the block; they are unaligned.
    let (scales, slacks) = unsafe {
        let tail = block.as_ptr().add(at);
        (_mm_loadu_si128(tail.add(CODES_LEN).cast()), _mm_loadu_si128(tail.add(SLACKS_AT).cast()))
    };
    let integers = _mm256_sub_epi32(_mm256_add_epi32(sums, sums), _mm256_set1_epi32(query.offset));
    let scales = _mm256_mul_ps(_mm256_cvtph_ps(scales), _mm256_set1_ps(query.unit));
    let slacks = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(slacks)));
    (_mm256_mul_ps(scales, _mm256_cvtepi32_ps(integers)), slacks)
}

#[target_feature(enable = "avx2")]
#[inline]
fn load256(block: &Block, at: usize) -> __m256i {
    let bytes: &[u8; 32] = block[at..].first_chunk().expect("inside the codes");
    // SAFETY: 32 bytes lie there; the load is unaligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Holding one proves that the CPU has AVX-512F, BW and VNNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vnni(());

impl Vnni {
    pub(super) fn new() -> Option<Self> {
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        (wide && is_x86_feature_detected!("avx512vnni")).then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        query: &CoarseQuery,
        blocks: &[Block],
        first: u32,
        floor: f32,
        found: &mut Vec<Candidate>,
    ) {
        // SAFETY: `self` exists only where `new` found AVX-512F, BW and VNNI.
        unsafe { scan_vnni(query, blocks, first, floor, found) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn scan_vnni(query: &CoarseQuery, blocks: &[Block], first: u32, floor: f32, found: &mut Vec<Candidate>) {
    for (block, first) in blocks.iter().zip((first..).step_by(BLOCK_ROWS)) {
        found.reserve(BLOCK_ROWS);
        for (half, sums) in sums_vnni(query, block).into_iter().enumerate() {
            let (bounds, hot) = bounds_vnni(query, block, half, sums, floor);
            if hot != 0 {
                // SAFETY: room for 32 candidates was reserved, and a half adds at most 16.
                unsafe { append16(bounds, hot, first + 16 * half as u32, found) };
            }
        }
    }
}

/// Appends the hot ones of sixteen rows, in their order.
///
/// # Safety
/// There must be room for 16 more candidates.
#[target_feature(enable = "avx512f")]
unsafe fn append16(bounds: __m512, hot: u16, first: u32, found: &mut Vec<Candidate>) {
    const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    // Bound and slot of a candidate lie side by side.
    const PAIRED: [[u32; 16]; 2] = [
        [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],
        [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31],
    ];
    // SAFETY: the load of 64 bytes is of an array of 64.
    let lanes = |lanes: &[u32; 16]| unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
    let slots = _mm512_add_epi32(_mm512_set1_epi32(first.cast_signed()), lanes(&LANES));
    let slots = _mm512_maskz_compress_epi32(hot, slots);
    let bounds = _mm512_castps_si512(_mm512_maskz_compress_ps(hot, bounds));
    let (end, count) = (found.spare_capacity_mut().as_mut_ptr(), hot.count_ones() as usize);
    for (eight, paired) in PAIRED.iter().enumerate() {
        let pairs = _mm512_permutex2var_epi32(bounds, lanes(paired), slots);
        // SAFETY: eight candidates of 8 bytes, a `repr(C)` pair of f32 and u32 each; the caller vouches for the room.
        unsafe { _mm512_storeu_si512(end.add(8 * eight).cast(), pairs) };
    }
    // SAFETY: the first `count` are written.
    unsafe { found.set_len(found.len() + count) };
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sums_vnni(query: &CoarseQuery, block: &Block) -> [__m512i; 2] {
    let (low_mask, high_mask) = (_mm512_set1_epi8(0x0F), _mm512_set1_epi8(0xF0_u8.cast_signed()));
    // For each half of the rows, even and odd groups, since an instruction waits for the sum before it; and low and
    // high nibbles, since these stay where they are, 16 times too large.
    let mut totals = [[[_mm512_setzero_si512(); 2]; 2]; 2];
    for pair in 0..GROUPS / 2 {
        for odd in 0..2 {
            let group = 2 * pair + odd;
            let low_word = _mm512_set1_epi32(query.words[group]);
            let high_word = _mm512_set1_epi32(query.words[GROUPS + group]);
            for (half, total) in totals.iter_mut().enumerate() {
                let at = 4 * BLOCK_ROWS * group + 64 * half;
                let codes = load512(block, at);
                prefetch::<64>(block.as_ptr().wrapping_add(AHEAD + at));
                let [low, high] = &mut total[odd];
                *low = _mm512_dpbusd_epi32(*low, _mm512_and_si512(codes, low_mask), low_word);
                *high = _mm512_dpbusd_epi32(*high, _mm512_and_si512(codes, high_mask), high_word);
            }
        }
    }
    totals.map(|[[low, high], [low_odd, high_odd]]| {
        let high = _mm512_srai_epi32::<4>(_mm512_add_epi32(high, high_odd));
        _mm512_add_epi32(_mm512_add_epi32(low, low_odd), high)
    })
}

/// The bounds of sixteen rows, and those that do not lie below the floor; of other rows the bound may be anything.
#[target_feature(enable = "avx512f")]
fn bounds_vnni(query: &CoarseQuery, block: &Block, half: usize, sums: __m512i, floor: f32) -> (__m512, u16) {
    let (norm, extra) = (_mm512_set1_ps(query.norm), _mm512_set1_ps(query.extra));
    let reaches = |bounds| _mm512_cmp_ps_mask::<_CMP_GE_OQ>(bounds, _mm512_set1_ps(floor));
    let (products, slacks) = products_avx512(query, block, half, sums);
    let loose = _mm512_add_ps(products, _mm512_add_ps(_mm512_mul_ps(slacks, norm), extra));
    // Most rows are ruled out without the square root.
    if reaches(loose) == 0 {
        return (loose, 0);
    }
    let along = _mm512_max_ps(_mm512_sub_ps(products, extra), _mm512_setzero_ps());
    let along = _mm512_mul_ps(along, _mm512_set1_ps(query.inverse));
    let across = _mm512_sub_ps(_mm512_set1_ps(query.square), _mm512_mul_ps(along, along));
    let across = _mm512_sqrt_ps(_mm512_max_ps(across, _mm512_setzero_ps()));
    let bounds = _mm512_add_ps(_mm512_add_ps(products, extra), _mm512_mul_ps(slacks, across));
    (bounds, reaches(loose) & reaches(bounds))
}

/// Products of query and codes for sixteen rows, and the rows' slacks.
#[target_feature(enable = "avx512f")]
fn products_avx512(query: &CoarseQuery, block: &Block, half: usize, sums: __m512i) -> (__m512, __m512) {
    let at = 32 * half;
    // SAFETY: `at + 32 <= 64`, so both loads of 32 bytes lie inside the block; they are unaligned.
    let (scales, slacks) = unsafe {
        let tail = block.as_ptr().add(at);
        (_mm256_loadu_si256(tail.add(CODES_LEN).cast()), _mm256_loadu_si256(tail.add(SLACKS_AT).cast()))
    };
    let integers = _mm512_sub_epi32(_mm512_add_epi32(sums, sums), _mm512_set1_epi32(query.offset));
    let scales = _mm512_mul_ps(_mm512_cvtph_ps(scales), _mm512_set1_ps(query.unit));
    let slacks = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(slacks)));
    (_mm512_mul_ps(scales, _mm512_cvtepi32_ps(integers)), slacks)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load512(block: &Block, at: usize) -> __m512i {
    let bytes: &[u8; 64] = block[at..].first_chunk().expect("inside the codes");
    // SAFETY: 64 bytes lie there; the load is unaligned.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
