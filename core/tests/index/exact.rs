//! Every kernel gives the bits of the definition, and a search gives what sorting all scores would.

use std::collections::HashSet;
use std::num::NonZero;

use crane_core::index::kernel::{CoarseKernel, Kernel};
use crane_core::index::{Candidate, CoarseQuery, Encoder, Entry, Filter, Index, Row};
use crane_core::{Embedding, FactId, FactState, KeyId};
use proptest::prelude::*;

use crate::support::{
    KINDS, Numbers, bits, entry, identity, index_of, mixed_rows, now, plain_score, plain_search, rows_of_kinds, score,
};

#[test]
fn this_machine_runs_more_than_the_definition() {
    let names: Vec<_> = Kernel::all().into_iter().map(Kernel::name).collect();
    assert_eq!(names[0], "scalar");
    if cfg!(target_arch = "aarch64") {
        assert!(names.contains(&"neon"));
    }
}

#[test]
fn every_kernel_gives_the_same_bits() {
    let mut numbers = Numbers(1);
    let rows = mixed_rows(&mut numbers, 400);
    for query in [numbers.unit(), numbers.unit(), Embedding([0.0; 256]), Embedding([f32::MIN_POSITIVE / 8.0; 256])] {
        for kernel in Kernel::all() {
            for row in &rows {
                let (got, want) = (score(kernel, row, &query), plain_score(row, &query));
                assert_eq!(got.to_bits(), want.to_bits(), "{} gave {got}, not {want}", kernel.name());
            }
        }
    }
}

#[test]
fn extreme_halves_are_converted_exactly() {
    // Every finite f16, at each of the 256 places in turn: subnormal, largest, both signs.
    let finite = (0..=u16::MAX).filter(|bits| bits & 0x7C00 != 0x7C00);
    let rows: Vec<Row> = finite.collect::<Vec<_>>().chunks(256).map(row_of_bits).collect();
    let query = Numbers(2).unit();
    for kernel in Kernel::all() {
        for row in &rows {
            assert_eq!(score(kernel, row, &query).to_bits(), plain_score(row, &query).to_bits(), "{}", kernel.name());
        }
    }
}

fn row_of_bits(values: &[u16]) -> Row {
    let mut row = Row([0; 512]);
    for (to, from) in row.0.chunks_exact_mut(2).zip(values) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    row
}

#[test]
fn empty_and_oversized_requests_are_answered() {
    let query = Numbers(3).unit();
    let index = Index::new(Kernel::best());
    assert!(index.search(&query, 5, &now()).unwrap().is_empty());
    let index = index_of(&mixed_rows(&mut Numbers(4), 9), Kernel::best());
    assert!(index.search(&query, 0, &now()).unwrap().is_empty());
    assert_eq!(index.search(&query, usize::MAX, &now()).unwrap().len(), 9);
}

#[test]
fn equal_scores_come_in_the_order_of_keys() {
    let row = Row::from_embedding(&Numbers(5).unit());
    let index = index_of(&[row; 600], Kernel::best());
    let keys: Vec<_> = index.search(&Numbers(6).unit(), 4, &now()).unwrap().iter().map(|hit| hit.key.0).collect();
    assert_eq!(keys, [0, 1, 2, 3]);
}

#[test]
fn a_key_can_be_hidden_and_shown_again() {
    let rows = mixed_rows(&mut Numbers(7), 50);
    let query = Numbers(8).unit();
    let mut index = index_of(&rows, Kernel::best());
    let best = index.search(&query, 1, &now()).unwrap()[0].key;
    assert!(index.update(Entry { state: FactState::Deleted, ..entry(best.0) }));
    assert_ne!(index.search(&query, 1, &now()).unwrap()[0].key, best);
    index.push(entry(best.0), &rows[best.0 as usize]);
    assert_eq!(index.search(&query, 1, &now()).unwrap()[0].key, best);
    assert_eq!(index.len(), 50, "the row was there already");
    assert!(!index.update(entry(999)), "an unknown key has no row");
}

#[test]
fn validity_is_half_open() {
    let mut index = Index::new(Kernel::best());
    let limited = Entry { valid_from: 10, valid_until: 20, ..entry(0) };
    index.push(limited, &Row::from_embedding(&Numbers(9).unit()));
    let found = |at| index.search(&Numbers(9).unit(), 1, &Filter::active_at(at)).unwrap().len();
    assert_eq!([9, 10, 19, 20].map(found), [0, 1, 1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any mixture of rows, any k, in memory and through a file with a tail behind it, on every kernel.
    #[test]
    fn search_equals_sorting_everything(seed: u64, count in 1_usize..700, k in 1_usize..40, split in 0.0_f64..1.0) {
        let mut numbers = Numbers(seed);
        let rows = mixed_rows(&mut numbers, count);
        let centre = rows[numbers.below(count)].to_embedding();
        let query = numbers.near(&centre, 0.1);
        let base = (count as f64 * split) as usize;
        let folder = tempfile::tempdir().unwrap();
        let header = index_of(&rows[..base], Kernel::best()).write(folder.path(), "image.1.idx", &identity(1)).unwrap();
        let hidden = |key: usize| key % 5 == seed as usize % 5;
        let source = |key: usize| !(key + 1).is_multiple_of(3);
        let facts: HashSet<FactId> = (0..count).filter(|key| source(*key)).map(|key| entry(key as i64).fact).collect();
        let coarse = CoarseKernel::all().into_iter().map(|coarse| (Kernel::best(), coarse));
        for (kernel, coarse) in Kernel::all().into_iter().map(|kernel| (kernel, CoarseKernel::best())).chain(coarse) {
            let file = std::fs::File::open(folder.path().join("image.1.idx")).unwrap();
            let (index, read) = Index::open(file, &header.digest(), kernel).unwrap();
            let mut index = index.with_coarse_kernel(coarse);
            prop_assert_eq!(read, header);
            for (key, row) in rows.iter().enumerate().skip(base) {
                index.push(entry(key as i64), row);
            }
            prop_assert_eq!(bits(&index.search(&query, k, &now()).unwrap()), plain_search(&rows, &query, k, |_| true));
            for key in (0..count).filter(|key| hidden(*key)) {
                index.update(Entry { state: FactState::Disabled, ..entry(key as i64) });
            }
            let filter = now().with_facts(&facts);
            let passes = |key: usize| !hidden(key) && source(key);
            prop_assert_eq!(bits(&index.search(&query, k, &filter).unwrap()), plain_search(&rows, &query, k, passes));
            let disabled = now().with_states(&[FactState::Disabled]);
            prop_assert_eq!(bits(&index.search(&query, k, &disabled).unwrap()), plain_search(&rows, &query, k, hidden));
        }
    }

    /// Rows of one kind only, subnormal ones say, for queries of any size, on every kernel.
    #[test]
    fn rows_of_one_kind_are_searched_exactly(seed: u64, kind in 0..KINDS, count in 1_usize..300, k in 1_usize..20, size in -12_i32..3) {
        let mut numbers = Numbers(seed);
        let rows = rows_of_kinds(&mut numbers, count, |_| kind);
        let mut query = numbers.unit();
        query.0.iter_mut().for_each(|q| *q *= 10_f32.powi(size));
        let wanted = plain_search(&rows, &query, k, |_| true);
        for coarse in CoarseKernel::all() {
            let index = index_of(&rows, Kernel::best()).with_coarse_kernel(coarse);
            prop_assert_eq!(bits(&index.search(&query, k, &now()).unwrap()), wanted.clone());
        }
    }

    /// Several queries in one pass give what each gives alone, on every kernel.
    #[test]
    fn searching_for_many_equals_searching_for_each(seed: u64, count in 0_usize..600, k in 0_usize..30, asked in 0_usize..9) {
        let mut numbers = Numbers(seed);
        let rows = mixed_rows(&mut numbers, count);
        let queries: Vec<Embedding> = (0..asked).map(|_| numbers.unit()).collect();
        for coarse in CoarseKernel::all() {
            let index = index_of(&rows, Kernel::best()).with_coarse_kernel(coarse);
            let many = index.search_many(&queries, k, &now(), NonZero::new(2).unwrap()).unwrap();
            prop_assert_eq!(many.len(), asked);
            for (query, hits) in queries.iter().zip(many) {
                prop_assert_eq!(bits(&hits), plain_search(&rows, query, k, |_| true));
            }
        }
    }

    /// The bound itself: with a row's own score as the floor, its code never rules it out, for rows and queries of any
    /// size and shape; and all kernels rule out the same rows.
    #[test]
    fn a_code_never_rules_out_a_row_that_reaches_the_floor(seed: u64, size in -12_i32..12, sharp in any::<bool>()) {
        let mut numbers = Numbers(seed);
        let rows: Vec<Row> = mixed_rows(&mut numbers, 50);
        let centre = rows[numbers.below(50)].to_embedding();
        let mut query = numbers.near(&centre, 0.5);
        query.0.iter_mut().for_each(|q| *q *= 10_f32.powi(size));
        if sharp {
            query.0[7] *= 1000.0;
        }
        let mut encoder = Encoder::default();
        rows.iter().for_each(|row| encoder.push(row));
        let coarse = CoarseQuery::new(&query, encoder.reach()).unwrap();
        for (slot, row) in rows.iter().enumerate() {
            let floor = plain_score(row, &query);
            let found = CoarseKernel::all().into_iter().map(|kernel| candidates(kernel, &coarse, &encoder, floor));
            let found: Vec<Vec<Candidate>> = found.collect();
            prop_assert!(found[0].iter().any(|c| c.slot == slot as u32 && c.bound >= floor));
            prop_assert!(found.iter().all(|other| *other == found[0]));
        }
    }
}

fn candidates(kernel: CoarseKernel, query: &CoarseQuery, codes: &Encoder, floor: f32) -> Vec<Candidate> {
    let mut found = Vec::new();
    kernel.scan(query, codes.blocks(), 0, floor, &mut found);
    found
}

#[test]
fn threads_change_nothing() {
    let mut numbers = Numbers(15);
    // Enough for three threads, half of it in a file, with equal rows in every part.
    let few = mixed_rows(&mut numbers, 9_000);
    let rows: Vec<Row> = (0..100_000).map(|at| few[at % few.len()]).collect();
    let folder = tempfile::tempdir().unwrap();
    let written = index_of(&rows[..50_000], Kernel::best());
    let header = written.write(folder.path(), "image.1.idx", &identity(1)).unwrap();
    let file = std::fs::File::open(folder.path().join("image.1.idx")).unwrap();
    let (mut index, _) = Index::open(file, &header.digest(), Kernel::best()).unwrap();
    for (key, row) in rows.iter().enumerate().skip(50_000) {
        index.push(entry(key as i64), row);
    }
    let queries: Vec<Embedding> = (0..4).map(|at| numbers.near(&few[at].to_embedding(), 0.1)).collect();
    let some: HashSet<FactId> = (0..100_000).step_by(7).map(|key| entry(key).fact).collect();
    for filter in [now(), now().with_facts(&some)] {
        let alone = queries.iter().map(|query| bits(&index.search_all(query, 30, &filter).unwrap()));
        let alone: Vec<_> = alone.collect();
        for threads in 1..=4 {
            let many = index.search_many(&queries, 30, &filter, NonZero::new(threads).unwrap()).unwrap();
            assert_eq!(many.iter().map(|hits| bits(hits)).collect::<Vec<_>>(), alone, "{threads} threads");
        }
    }
}

#[test]
fn codes_rule_out_nearly_everything() {
    let mut numbers = Numbers(12);
    let rows: Vec<Row> = (0..1600).map(|_| Row::from_embedding(&numbers.unit())).collect();
    let query = numbers.near(&rows[5].to_embedding(), 0.02);
    let mut encoder = Encoder::default();
    rows.iter().for_each(|row| encoder.push(row));
    let coarse = CoarseQuery::new(&query, encoder.reach()).unwrap();
    let hot = candidates(CoarseKernel::best(), &coarse, &encoder, 0.6);
    assert_eq!(hot.iter().map(|c| c.slot).collect::<Vec<_>>(), [5], "one row is near the query");
}

#[test]
fn queries_beyond_the_bound_are_answered_by_the_full_scan() {
    let rows = mixed_rows(&mut Numbers(13), 90);
    let folder = tempfile::tempdir().unwrap();
    let header = index_of(&rows, Kernel::best()).write(folder.path(), "image.1.idx", &identity(1)).unwrap();
    let file = std::fs::File::open(folder.path().join("image.1.idx")).unwrap();
    let (index, _) = Index::open(file, &header.digest(), Kernel::best()).unwrap();
    for size in [0.0, 1e-30, 1e20] {
        let query = Embedding(Numbers(14).unit().0.map(|q| q * size));
        assert!(CoarseQuery::new(&query, 1.0).is_none());
        assert_eq!(bits(&index.search(&query, 9, &now()).unwrap()), plain_search(&rows, &query, 9, |_| true));
    }
}

#[test]
fn deleted_rows_are_not_written() {
    let rows = mixed_rows(&mut Numbers(11), 20);
    let mut index = index_of(&rows, Kernel::best());
    index.update(Entry { state: FactState::Deleted, ..entry(4) });
    let folder = tempfile::tempdir().unwrap();
    let header = index.write(folder.path(), "text.2.idx", &identity(2)).unwrap();
    assert_eq!(header.count, 19);
    let file = std::fs::File::open(folder.path().join("text.2.idx")).unwrap();
    let (index, _) = Index::open(file, &header.digest(), Kernel::best()).unwrap();
    assert!(index.entry(KeyId(4)).is_none() && index.entry(KeyId(5)).is_some());
}
