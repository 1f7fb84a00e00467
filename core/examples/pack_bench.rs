//! Figures of fact packs: `cargo run --release --example pack_bench -- [facts]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it reports by printing, and a panic is a report"
)]

use std::time::Instant;

use crane_core::library::pack::{ExportOptions, ImportOptions, Pack, SecretKey};
use crane_core::library::{ImageKey, Library, NewRecord, TextKey};
use crane_core::{EMBEDDING_DIM, Embedding, Fingerprint, NewFact, RawEmbedding};

/// Of SigLIP so400m.
const RAW_DIM: u32 = 1152;

fn main() {
    let facts: u64 = std::env::args().nth(1).map_or(10_000, |word| word.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: RAW_DIM };
    let open = |name: &str| Library::open(folder.path().join(name), &fingerprint).unwrap();
    let (from, to) = (open("from"), open("to"));
    from.add_all(&(0..facts).map(record).collect::<Vec<_>>()).unwrap();
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

fn record(n: u64) -> NewRecord {
    let statement = format!("Building {n} is Brasenose College.");
    let (embedding, other) = (unit(2 * n), unit(2 * n + 1));
    let text = TextKey { text: statement.clone(), raw: raw(&other), embedding: other };
    let image = ImageKey { raw: raw(&embedding), embedding, thumbnail: None };
    NewRecord { fact: NewFact { statement, ..NewFact::default() }, images: vec![image], texts: vec![text] }
}

fn raw(embedding: &Embedding) -> RawEmbedding {
    RawEmbedding(embedding.0.iter().cycle().take(RAW_DIM as usize).copied().collect())
}

fn unit(seed: u64) -> Embedding {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut values: [f32; EMBEDDING_DIM] = std::array::from_fn(|_| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    });
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter_mut().for_each(|v| *v /= length);
    Embedding(values)
}
