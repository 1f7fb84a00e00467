//! Our side of `cargo xtask bench search`: builds an index of given vectors, then answers one command a line.
//!
//! `search_bench VECTORS QUERIES`: files of f32, little-endian, 256 to a vector. Commands and their answers:
//! `one K THREADS` and `full K`: nanoseconds of each query; `many K THREADS SIZE`: of each batch of so many queries;
//! `keys K`: the keys found, a query a line, then an empty line.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench: it answers by printing, and a panic is a report"
)]

use std::fs::File;
use std::io::BufRead;
use std::num::NonZero;
use std::time::Instant;

use crane_core::index::kernel::{CoarseKernel, Kernel};
use crane_core::index::{Entry, Filter, Identity, Index, Row};
use crane_core::{EMBEDDING_DIM, Embedding, FactId, FactState, KeyId, Modality};

fn main() {
    let mut files = std::env::args().skip(1);
    let mut next = || read(&files.next().expect("two files: vectors and queries"));
    let (vectors, queries) = (next(), next());
    let index = index_of(&vectors);
    let bytes = index.memory_bytes() / vectors.len();
    println!("{} and {}, {bytes} bytes a row", Kernel::best().name(), CoarseKernel::best().name());
    let filter = Filter::active_at(0);
    for command in std::io::stdin().lock().lines() {
        let command = command.unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        let threads = || NonZero::new(number(2)).unwrap();
        let search = |queries: &[Embedding]| index.search_many(queries, number(1), &filter, threads()).unwrap();
        match words[0] {
            "one" => time(queries.chunks(1), search),
            "many" => time(queries.chunks_exact(number(3)), search),
            "full" => time(queries.iter(), |query| index.search_all(query, number(1), &filter).unwrap()),
            "keys" => {
                for query in &queries {
                    let hits = index.search(query, number(1), &filter).unwrap();
                    println!("{}", hits.iter().map(|hit| hit.key.0.to_string()).collect::<Vec<_>>().join(" "));
                }
                println!();
            }
            other => panic!("no command {other}"),
        }
    }
}

fn time<Q, T>(queries: impl Iterator<Item = Q>, search: impl Fn(Q) -> T) {
    let time = |query| {
        let begun = Instant::now();
        std::hint::black_box(search(query));
        begun.elapsed().as_nanos().to_string()
    };
    println!("{}", queries.map(time).collect::<Vec<_>>().join(" "));
}

fn read(path: &str) -> Vec<Embedding> {
    let bytes = std::fs::read(path).unwrap();
    let values = |bytes: &[u8; 4 * EMBEDDING_DIM]| {
        Embedding(std::array::from_fn(|at| f32::from_le_bytes(bytes.as_chunks().0[at])))
    };
    bytes.as_chunks().0.iter().map(values).collect()
}

/// As an app has it: written to a file, opened, and in memory.
fn index_of(vectors: &[Embedding]) -> Index {
    let mut memory = Index::new(Kernel::best());
    for (key, vector) in (0..).map(KeyId).zip(vectors) {
        let (fact, state) = (FactId::random(), FactState::Active);
        let entry = Entry { key, fact, state, valid_from: i64::MIN, valid_until: i64::MAX };
        memory.push(entry, &Row::from_embedding(vector));
    }
    let folder = tempfile::tempdir().unwrap();
    let (fingerprint, library) = ([0; 32], [0; 16]);
    let identity = Identity { modality: Modality::Image, generation: 1, change: 1, fingerprint, library };
    let header = memory.write(folder.path(), "image.1.idx", &identity).unwrap();
    let file = File::open(folder.path().join("image.1.idx")).unwrap();
    let (index, _) = Index::open(file, &header.digest(), Kernel::best()).unwrap();
    index.warm_up().unwrap();
    index
}
