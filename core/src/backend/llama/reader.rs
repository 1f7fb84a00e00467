//! llama.cpp's context: what it has read, and where it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::LlamaStateSeqFlags;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::mtmd::{MtmdContext, MtmdInputChunks};
use llama_cpp_2::token::LlamaToken;

use super::load::BATCH;
use crate::CancelToken;
use crate::backend::cost::Cost;
use crate::error::{Error, ErrorKind, Result};

/// The one sequence of the context.
pub(super) const SEQUENCE: i32 = 0;

/// A context and how far it has read. Positions go beyond tokens nowhere and lag behind them after a photo: M-RoPE gives
/// a photo of w x h tokens only max(w, h) positions, and text goes on after those.
pub(super) struct Reader<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    place: Place,
    cost: Cost,
    is_there: Arc<AtomicBool>,
}

/// A place in what was read, to come back to.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// Where the next token goes.
    pub(super) position: i32,
    /// Tokens read, those of photos included.
    pub(super) tokens: usize,
}

impl<'m> Reader<'m> {
    /// `is_there` is true as long as this lives.
    pub(super) fn new(context: LlamaContext<'m>, is_there: Arc<AtomicBool>) -> Self {
        is_there.store(true, Ordering::Relaxed);
        let (batch, place, cost) = (LlamaBatch::new(BATCH as usize, 1), Place::default(), Cost::default());
        Self { context, batch, place, cost, is_there }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// What batches have cost so far.
    pub(super) fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Forgets everything after a place. What comes next is then read as if nothing had been there.
    pub(super) fn back_to(&mut self, place: Place) -> Result<()> {
        let from = place.position as u32;
        match self.context.clear_kv_cache_seq(Some(SEQUENCE as u32), Some(from), None) {
            Ok(true) => {
                self.place = place;
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Internal, "llama.cpp can't take back what it has read")),
        }
    }

    /// Forgets the last tokens of text.
    pub(super) fn take_back(&mut self, tokens: usize) -> Result<()> {
        let Place { position, tokens: read } = self.place;
        self.back_to(Place { position: position - tokens as i32, tokens: read - tokens })
    }

    /// Forgets everything and wipes the memory that it was in.
    pub(super) fn wipe(&mut self) {
        self.context.clear_kv_cache();
        self.place = Place::default();
    }

    /// Reads text, a batch at a time; the last token's logits are there afterwards.
    pub(super) fn read(&mut self, tokens: &[LlamaToken], cancel: &CancelToken) -> Result<()> {
        for batch in tokens.chunks(BATCH as usize) {
            cancel.check()?;
            self.decode(batch, batch.len() - 1)?;
        }
        Ok(())
    }

    /// Reads at most a batch of tokens; afterwards there are logits after each of them from the one numbered `from` on.
    pub(super) fn decode(&mut self, tokens: &[LlamaToken], from: usize) -> Result<()> {
        self.batch.clear();
        for (position, (number, &token)) in (self.place.position..).zip(tokens.iter().enumerate()) {
            let added = self.batch.add(token, position, &[SEQUENCE], number >= from);
            added.map_err(|e| failed("a batch was too long", e))?;
        }
        let started = Instant::now();
        self.context.decode(&mut self.batch).map_err(|e| failed("llama.cpp failed to decode tokens", e))?;
        // A GPU goes on alone until the logits are asked for, which comes next anyway.
        self.context.synchronize();
        self.cost.learn(tokens.len(), started.elapsed().as_secs_f32());
        self.place.position += tokens.len() as i32;
        self.place.tokens += tokens.len();
        Ok(())
    }

    /// llama.cpp's state of everything that was read.
    #[expect(unsafe_code, reason = "the safe wrapper's state can't be stored")]
    pub(super) fn state(&self) -> Vec<u8> {
        let mut state = vec![0; self.context.state_seq_get_size_ext(SEQUENCE, LlamaStateSeqFlags::empty())];
        // SAFETY: the buffer has the size that llama.cpp asked for just now, and nothing was read in between.
        let written =
            unsafe { self.context.state_seq_get_data_ext(state.as_mut_ptr(), SEQUENCE, LlamaStateSeqFlags::empty()) };
        state.truncate(written);
        state
    }

    /// Takes over a state of [`Reader::state`] of so many tokens of text. False: nothing was read.
    #[expect(unsafe_code, reason = "the safe wrapper's state can't be stored")]
    pub(super) fn restore(&mut self, state: &[u8], tokens: usize) -> bool {
        self.wipe();
        // SAFETY: llama.cpp checks layout and lengths against its own and stays within the slice; that it wrote these
        // bytes itself for this model, on this device and in this version, is what `PrefixFile` makes sure of.
        let taken = unsafe { self.context.state_seq_set_data_ext(state, SEQUENCE, LlamaStateSeqFlags::empty()) };
        if !taken || self.context.kv_cache_seq_pos_max(SEQUENCE) + 1 != tokens as i32 {
            self.wipe();
            return false;
        }
        self.place = Place { position: tokens as i32, tokens };
        true
    }

    /// Reads a photo.
    pub(super) fn look(&mut self, vision: &mut MtmdContext, photo: &MtmdInputChunks) -> Result<()> {
        let position = self.place.position;
        self.place.position = photo
            .eval_chunks(vision, &mut self.context, position, SEQUENCE, BATCH as i32, false)
            .map_err(|e| failed("llama.cpp failed to encode a photo", e))?;
        self.place.tokens += photo.total_tokens();
        Ok(())
    }

    /// The logits after the token of this number in the last batch; -1: its last token.
    pub(super) fn logits(&self, number: i32) -> &[f32] {
        self.context.get_logits_ith(number)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.is_there.store(false, Ordering::Relaxed);
    }
}

pub(super) fn failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, what).with_source(error)
}
