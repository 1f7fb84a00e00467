//! The fact library: a folder with one SQLite database, which is the truth, and two index files derived from it.
//!
//! ```text
//! Library::open(folder, &fingerprint)            one writer; creates the folder; LibraryLocked for a second writer
//! Library::open_read_only(folder, &fingerprint)  any number, beside the writer; changes give ReadOnly
//!   .add(NewRecord) -> Fact                      .add_all(Vec<NewRecord>) -> Vec<Fact>   one transaction, durable
//!   .get(FactId) -> Fact                         NotFound; deleted facts are still shown here
//!   .list(&FactFilter) -> Vec<Fact>              newest first
//!   .keys(FactId) -> Vec<Key>                    what it is found by; .thumbnail(KeyId) -> Option<Vec<u8>>
//!   .enable(id) .disable(id) .delete(id) -> Fact
//!   .search(Modality, &Embedding, k) -> Vec<Hit> exact, best first, ties by key id; active facts that hold now
//!   .stat() -> Stat   .flush()   .close()
//! ```
//!
//! `Library` is `Send + Sync`, every method takes `&self`. Writers queue on an inner mutex, readers and searches don't
//! wait for them. Every change is one transaction and one row of an append-only history.

mod record;

pub use record::{
    FactFilter, ImageKey, MAX_IMAGE_KEYS, MAX_NAME_CHARS, MAX_RAW_DIM, MAX_TEXT_CHARS, MAX_TEXT_KEYS,
    MAX_THUMBNAIL_BYTES, NewRecord, TextKey,
};
