//! Figures of search and of the library: `cargo run --release --example library_bench -- [rows …]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

mod support;

use std::fs::File;
use std::time::{Duration, Instant};

use crane_core::index::kernel::{CoarseKernel, Kernel};
use crane_core::index::{Entry, Filter, Identity, Index, Row};
use crane_core::library::{Library, NewRecord};
use crane_core::{Embedding, FactId, FactState, KeyId, Modality};
use support::{RAW_DIM, fingerprint, record, unit};

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
    let open = || Library::open(folder.path(), &fingerprint(RAW_DIM)).unwrap();
    let library = open();
    let records: Vec<NewRecord> = (0..10_000).map(|n| record(n, RAW_DIM)).collect();
    library.add_all(&records).unwrap();
    library.close().unwrap();
    let begun = Instant::now();
    open().search(Modality::Image, &unit(5), 5).unwrap();
    println!("open to first search, 10,000 facts: {:.1} ms", micros(begun.elapsed()) / 1e3);
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
