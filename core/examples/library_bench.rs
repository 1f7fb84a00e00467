//! Figures of search and of the library: `cargo run --release --example library_bench -- [rows …]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

use std::fs::File;
use std::time::{Duration, Instant};

use crane_core::index::kernel::{CoarseKernel, Kernel};
use crane_core::index::{Entry, Filter, Identity, Index, Row};
use crane_core::library::{ImageKey, Library, NewRecord};
use crane_core::{EMBEDDING_DIM, Embedding, FactId, FactState, Fingerprint, KeyId, Modality, NewFact, RawEmbedding};

const RAW_DIM: u32 = 1152;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    println!("search, k = 5, one thread, random unit vectors; medians in microseconds");
    println!("kernels {} and {}", Kernel::best().name(), CoarseKernel::best().name());
    println!("{:>9} {:>10} {:>10} {:>10}", "rows", "full scan", "certified", "load");
    for rows in sizes {
        search(rows);
    }
    library();
}

fn unit(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut uniform = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| uniform() + uniform() + uniform() + uniform());
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= length);
    Embedding(values)
}

fn search(rows: usize) {
    let mut memory = Index::new(Kernel::best());
    for n in 0..rows {
        let (key, fact) = (KeyId(n as i64), FactId::random());
        let entry = Entry { key, fact, state: FactState::Active, valid_from: i64::MIN, valid_until: i64::MAX };
        memory.push(entry, &Row::from_embedding(&unit(n as u64)));
    }
    let folder = tempfile::tempdir().unwrap();
    let identity =
        Identity { modality: Modality::Image, generation: 1, change: 1, fingerprint: [0; 32], library: [0; 16] };
    let header = memory.write(folder.path(), "image.1.idx", &identity).unwrap();
    let begun = Instant::now();
    let file = File::open(folder.path().join("image.1.idx")).unwrap();
    let (index, _) = Index::open(file, &header.digest(), Kernel::best()).unwrap();
    let load = begun.elapsed();
    index.warm_up().unwrap();
    let queries: Vec<Embedding> = (0..101).map(|n| unit((1 << 40) | n)).collect();
    let filter = Filter::active_at(0);
    let full = median(&queries, |query| index.search_all(query, 5, &filter).unwrap().len());
    let certified = median(&queries, |query| index.search(query, 5, &filter).unwrap().len());
    println!("{rows:>9} {:>10.1} {:>10.1} {:>10.0}", micros(full), micros(certified), micros(load));
    for query in &queries {
        assert_eq!(index.search(query, 5, &filter).unwrap(), index.search_all(query, 5, &filter).unwrap());
    }
}

fn median(queries: &[Embedding], mut work: impl FnMut(&Embedding) -> usize) -> Duration {
    let mut times: Vec<Duration> = Vec::new();
    for query in queries.iter().chain(queries) {
        let begun = Instant::now();
        std::hint::black_box(work(query));
        times.push(begun.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

fn library() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: RAW_DIM };
    let open = || Library::open(folder.path(), &fingerprint).unwrap();
    let library = open();
    let mut adds: Vec<Duration> = (0..100)
        .map(|n| {
            let begun = Instant::now();
            library.add(record(n)).unwrap();
            begun.elapsed()
        })
        .collect();
    adds.sort();
    println!("add, durable: median {:.2} ms", micros(adds[50]) / 1e3);
    let records: Vec<NewRecord> = (0..10_000).map(|n| record(1_000 + n)).collect();
    let begun = Instant::now();
    library.add_all(&records).unwrap();
    println!("add 10,000 in one change: {:.0} facts a second", 10_000.0 / begun.elapsed().as_secs_f64());
    library.close().unwrap();
    let begun = Instant::now();
    open().search(Modality::Image, &unit(5), 5).unwrap();
    println!("open to first search, 10,100 facts: {:.1} ms", micros(begun.elapsed()) / 1e3);
}

fn record(n: u64) -> NewRecord {
    let embedding = unit(n);
    let raw = RawEmbedding(embedding.0.iter().cycle().take(RAW_DIM as usize).copied().collect());
    let fact = NewFact { statement: format!("Building {n} is Brasenose College."), ..NewFact::default() };
    NewRecord { fact, images: vec![ImageKey { raw, embedding, thumbnail: None }], texts: Vec::new() }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
