//! What encryption costs, plain and encrypted in turns:
//! `cargo run --release --no-default-features --features encryption --example encryption_bench -- [facts] [rounds]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use crane_core::library::{Library, NewRecord};
use crane_core::{Fingerprint, LibraryKey, Modality};
use support::{RAW_DIM, fingerprint, processor_time, record, unit};

const PRINT: Fingerprint = fingerprint(RAW_DIM);
const BULK: u64 = 10_000;

fn main() {
    let mut words = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let (facts, rounds) = (words.next().unwrap_or(100_000), words.next().unwrap_or(11));
    let folder = tempfile::tempdir().unwrap();
    let keys = [None, Some(LibraryKey::from_bytes([7; 32]))];
    let paths = ["plain", "sealed"].map(|name| folder.path().join(name));
    let mut tables: [Table; 2] = Default::default();
    for round in 0..facts / BULK {
        for (side, table) in tables.iter_mut().enumerate() {
            fill(&paths[side], keys[side].as_ref(), round, table);
        }
    }
    for round in 0..rounds {
        for (side, table) in tables.iter_mut().enumerate() {
            open(&paths[side], keys[side].as_ref(), round, table);
        }
    }
    println!("{facts} facts, a photo and a text key each, raw_dim {RAW_DIM}; medians of {rounds} rounds, in turns");
    println!(
        "{:27} {:>27} {:>7}   {:>27} {:>7}",
        "", "by the clock: plain, sealed", "ratio", "of processor time", "ratio"
    );
    let [plain, sealed] = &tables;
    for (at, (name, _)) in plain.0.iter().enumerate() {
        let [clock, worked] = [0, 1].map(|which| (plain.median(at, which), sealed.median(at, which)));
        let columns = [clock, worked].map(|(a, b)| format!("{a:>13.3} {b:>13.3} {:>7.2}", b / a));
        println!("{name:27} {}", columns.join("   "));
    }
    change_keys(&paths[0]);
}

/// What was measured, by name, in the order of its first time.
#[derive(Default)]
struct Table(Vec<(&'static str, Vec<[f64; 2]>)>);

impl Table {
    fn note(&mut self, name: &'static str, values: [f64; 2]) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.push(values),
            None => self.0.push((name, vec![values])),
        }
    }

    /// By the clock, and of this thread's processor time: on a busy machine it says more.
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let (begun, worked) = (Instant::now(), processor_time());
        let done = work();
        self.note(name, [begun.elapsed(), processor_time().saturating_sub(worked)].map(millis));
        done
    }

    fn median(&self, at: usize, which: usize) -> f64 {
        let mut values: Vec<f64> = self.0[at].1.iter().map(|values| values[which]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }
}

fn fill(path: &Path, key: Option<&LibraryKey>, round: u64, table: &mut Table) {
    let records: Vec<NewRecord> = (0..BULK).map(|n| record(round * BULK + n, RAW_DIM)).collect();
    let library = Library::open_with(path, &PRINT, key).unwrap();
    table.time("bulk import of 10,000, ms", || library.add_all(&records).unwrap());
    table.time("flush, ms", || library.flush().unwrap());
    library.close().unwrap();
}

fn open(path: &Path, key: Option<&LibraryKey>, round: u64, table: &mut Table) {
    let query = unit(round);
    let library = table.time("open to first search, ms", || {
        let library = Library::open_with(path, &PRINT, key).unwrap();
        library.search(Modality::Image, &query, 5).unwrap();
        library
    });
    table.time("second search, ms", || library.search(Modality::Image, &unit(round + 1), 5).unwrap());
    table.time("reading all rows, ms", || library.warm_up().unwrap());
    for n in 0..5 {
        table.time("search in memory, ms", || library.search(Modality::Image, &unit(round + 7 * n), 5).unwrap());
    }
    let one = record((1 << 40) + round, RAW_DIM);
    let fact = table.time("add, durable, ms", || library.add(one).unwrap());
    table.time("reading a fact, ms", || library.get(fact.id).unwrap());
    table.time("full-text lookup, ms", || library.lookup("Brasenose", 20).unwrap());
    library.undo().unwrap();
    library.close().unwrap();
    let size = |wanted: fn(&str) -> bool| {
        let files = std::fs::read_dir(path).unwrap().map(Result::unwrap);
        let files = files.filter(|file| wanted(&file.file_name().to_string_lossy()));
        files.map(|file| file.metadata().unwrap().len()).sum::<u64>() as f64 / 1e6
    };
    table.note("database, MB", [size(|name| name == "library.db"); 2]);
    table.note("index files, MB", [size(|name| name.ends_with(".idx")); 2]);
}

/// Encrypts the plain library, changes the key and decrypts it again.
fn change_keys(path: &Path) {
    let keys = [LibraryKey::from_bytes([8; 32]), LibraryKey::from_bytes([9; 32])];
    let mut table = Table::default();
    table.time("encrypt", || Library::encrypt(path, &keys[0]).unwrap());
    table.time("rekey", || Library::rekey(path, &keys[0], &keys[1]).unwrap());
    table.time("decrypt", || Library::decrypt(path, &keys[1]).unwrap());
    let passphrase = LibraryKey::from_passphrase("a horse of another colour").unwrap();
    Library::encrypt(path, &passphrase).unwrap();
    table.time("open with a passphrase", || Library::open_with(path, &PRINT, Some(&passphrase)).unwrap());
    for (name, values) in table.0 {
        println!("{name:27} {:>10.0} ms {:>10.0} ms of processor time", values[0][0], values[0][1]);
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
