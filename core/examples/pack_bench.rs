//! Figures of fact packs: `cargo run --release --example pack_bench -- [facts]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

mod support;

use std::time::Instant;

use crane_core::library::Library;
use crane_core::library::pack::{ExportOptions, ImportOptions, Pack, SecretKey};
use support::{RAW_DIM, fingerprint, record};

fn main() {
    let facts: u64 = std::env::args().nth(1).map_or(10_000, |word| word.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Library::open(folder.path().join(name), &fingerprint(RAW_DIM)).unwrap();
    let (from, to) = (open("from"), open("to"));
    from.add_all(&(0..facts).map(|n| record(n, RAW_DIM)).collect::<Vec<_>>()).unwrap();
    println!("{facts} facts with a photo and a text each, raw embeddings {RAW_DIM} wide, without thumbnails");

    let told = &mut |_, _| Ok(());
    let file = folder.path().join("facts.cranepack");
    let options = ExportOptions { signer: Some(SecretKey::generate().unwrap()), ..ExportOptions::default() };
    let report = timed("export, synced", facts, || from.export_file(&file, &options, told).unwrap());
    let mut pack = timed("open: everything verified", facts, || Pack::open(&file).unwrap());
    let options = ImportOptions::default();
    timed("preview", facts, || to.preview_import(&mut pack, &options, told).unwrap());
    let imported = timed("import, durable", facts, || to.import(&mut pack, &options, told).unwrap());
    assert_eq!(imported.added.len() as u64, facts);
    timed("preview of what is all there", facts, || to.preview_import(&mut pack, &options, told).unwrap());
    println!("{:.0} bytes a fact", report.bytes as f64 / facts as f64);
}

fn timed<T>(what: &str, facts: u64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what:30} {seconds:7.2} s {:10.0} facts a second", facts as f64 / seconds);
    result
}
