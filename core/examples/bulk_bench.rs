//! How fast facts are added, alone and in bulk: `cargo run --release --example bulk_bench -- [rounds of 10,000] [raw_dim]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

use std::time::{Duration, Instant};

use crane_core::library::{ImageKey, Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, Fingerprint, NewFact, RawEmbedding};

const BULK: u64 = 10_000;

fn main() {
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let rounds: u64 = words.next().unwrap_or(1);
    let raw_dims = words.next().map_or(vec![192, 1152], |dim| vec![dim as u32]);
    for raw_dim in raw_dims {
        bulk(rounds, raw_dim);
    }
}

fn bulk(rounds: u64, raw_dim: u32) {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim };
    let library = Library::open(folder.path(), &fingerprint).unwrap();
    println!("raw_dim {raw_dim}, one photo key and one text key each");
    println!("{:>9} {:>14} {:>17} {:>14}", "facts", "bulk facts/s", "of processor time", "add, median");
    for round in 0..rounds {
        let records: Vec<NewRecord> = (0..BULK).map(|n| record(round * BULK + n, raw_dim)).collect();
        let (begun, worked) = (Instant::now(), processor_time());
        library.add_all(&records).unwrap();
        let (taken, worked) = (begun.elapsed(), processor_time() - worked);
        let per_second = |time: Duration| BULK as f64 / time.as_secs_f64();
        let single = single_adds(&library, round, raw_dim);
        let facts = (round + 1) * BULK;
        println!(
            "{facts:>9} {:>14.0} {:>17.0} {:>11.2} ms",
            per_second(taken),
            per_second(worked),
            single.as_secs_f64() * 1e3
        );
    }
}

fn single_adds(library: &Library, round: u64, raw_dim: u32) -> Duration {
    let mut times: Vec<Duration> = (0..50)
        .map(|n| {
            let one = record((1 << 40) + round * 100 + n, raw_dim);
            let begun = Instant::now();
            library.add(one).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// What this thread has spent on a processor, where Linux tells: on a busy machine it says more than the clock.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}

fn record(n: u64, raw_dim: u32) -> NewRecord {
    let embedding = unit(n);
    let raw = RawEmbedding(embedding.0.iter().cycle().take(raw_dim as usize).copied().collect());
    let statement = format!("Building number {n} is Brasense College, which stands in {} Lane in Oxford.", n * 7919);
    let fact = NewFact {
        statement: statement.clone(),
        subject: Some(format!("Building {n}")),
        target: Some("Oxford".into()),
        ..NewFact::default()
    };
    let image = ImageKey { raw: raw.clone(), embedding: embedding.clone(), thumbnail: None };
    NewRecord { fact, images: vec![image], texts: vec![TextKey { text: statement, raw, embedding }] }
}

fn unit(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    });
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= length);
    Embedding(values)
}
