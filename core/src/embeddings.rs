//! Embeddings of recent photos and texts, so that the same one is encoded once: by a preview, the question after it, and
//! the fact that is then told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::types::{EMBEDDING_DIM, Embedding, RawEmbedding};

/// What the encoders made of one photo or text.
pub(crate) struct Embedded {
    pub(crate) raw: RawEmbedding,
    pub(crate) projected: Embedding,
}

/// What a photo or text is known by: SHA-256 over its kind and its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ContentKey([u8; 32]);

impl ContentKey {
    /// An encoded photo.
    pub(crate) fn photo(bytes: &[u8]) -> Self {
        Self::new(b"photo\0", bytes)
    }

    /// A text.
    pub(crate) fn text(text: &str) -> Self {
        Self::new(b"text\0", text.as_bytes())
    }

    fn new(kind: &[u8], bytes: &[u8]) -> Self {
        Self(Sha256::new().chain_update(kind).chain_update(bytes).finalize().into())
    }
}

/// The latest embeddings within a budget of bytes. It is in memory only, and one encoder's: it goes when that does.
pub(crate) struct EmbeddingCache {
    budget: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<ContentKey, Entry>,
    bytes: usize,
    /// Counts uses.
    clock: u64,
}

struct Entry {
    embedded: Arc<Embedded>,
    used: u64,
}

impl EmbeddingCache {
    /// At most about so many bytes; 0: nothing is kept.
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, state: Mutex::default() }
    }

    pub(crate) fn get(&self, key: &ContentKey) -> Option<Arc<Embedded>> {
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(key)?;
        entry.used = now;
        Some(Arc::clone(&entry.embedded))
    }

    /// Keeps an embedding; those unused for longest make room for it.
    pub(crate) fn put(&self, key: ContentKey, embedded: &Arc<Embedded>) {
        let size = size(embedded);
        if size > self.budget {
            return;
        }
        let mut state = self.state();
        state.remove(&key);
        while state.bytes + size > self.budget {
            let oldest = state.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            state.remove(&oldest);
        }
        state.clock += 1;
        let used = state.clock;
        state.entries.insert(key, Entry { embedded: Arc::clone(embedded), used });
        state.bytes += size;
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.state() = State::default();
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.state().bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, key: &ContentKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= size(&entry.embedded);
        }
    }
}

/// Bytes of an entry, near enough.
fn size(embedded: &Embedded) -> usize {
    (embedded.raw.0.len() + EMBEDDING_DIM) * size_of::<f32>() + size_of::<(ContentKey, Entry)>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(value: f32) -> Arc<Embedded> {
        Arc::new(Embedded { raw: RawEmbedding(vec![value; 16]), projected: Embedding([value; EMBEDDING_DIM]) })
    }

    fn key(number: usize) -> ContentKey {
        ContentKey::text(&number.to_string())
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let one = size(&embedded(0.0));
        let cache = EmbeddingCache::new(3 * one + one / 2);
        for number in 0..3 {
            cache.put(key(number), &embedded(number as f32));
        }
        assert!(cache.get(&key(0)).is_some());
        cache.put(key(3), &embedded(3.0));
        cache.put(key(3), &embedded(4.0));
        let there: Vec<_> = (0..4).map(|number| cache.get(&key(number)).map(|found| found.raw.0[0])).collect();
        assert_eq!(there, [Some(0.0), None, Some(2.0), Some(4.0)]);
        assert_eq!(cache.bytes(), 3 * one);
        cache.clear();
        assert!(cache.bytes() == 0 && cache.get(&key(0)).is_none());
    }

    #[test]
    fn without_a_budget_nothing_is_kept() {
        let cache = EmbeddingCache::new(0);
        cache.put(key(0), &embedded(0.0));
        assert!(cache.get(&key(0)).is_none());
    }

    #[test]
    fn a_text_is_no_photo() {
        assert!(ContentKey::photo(b"a") != ContentKey::text("a"));
        assert!(ContentKey::photo(b"a") == ContentKey::photo(b"a"));
    }
}
