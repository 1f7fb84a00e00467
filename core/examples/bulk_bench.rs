//! How fast facts are added, alone and in bulk: `cargo run --release --example bulk_bench -- [rounds of 10,000] [raw_dim]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

mod support;

use std::time::{Duration, Instant};

use crane_core::library::{Library, NewRecord};
use support::{RAW_DIM, fingerprint, processor_time, record};

const BULK: u64 = 10_000;

fn main() {
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let rounds: u64 = words.next().unwrap_or(1);
    let raw_dims = words.next().map_or(vec![192, RAW_DIM], |dim| vec![dim as u32]);
    for raw_dim in raw_dims {
        bulk(rounds, raw_dim);
    }
}

fn bulk(rounds: u64, raw_dim: u32) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path(), &fingerprint(raw_dim)).unwrap();
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
