//! Decoding a prompt and generating a reply to it.

use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::mtmd::{MtmdContext, MtmdInputChunks};
use llama_cpp_2::token::LlamaToken;

use super::Probe;
use super::load::BATCH;
use super::prompt::{self, OwnedPart, Segment};
use crate::CancelToken;
use crate::backend::schema::{Phase, Schema, Verdict};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Finish, Generated};

/// The one sequence of the context.
const SEQUENCE: i32 = 0;
/// Every tag that the runtime may have to force, to count their tokens.
const FORCED: &[u8] = b"</think><answer></answer>";

/// Most tokens of each phase.
#[derive(Clone, Copy)]
pub(super) struct Budgets {
    pub(super) thought: u32,
    pub(super) answer: u32,
}

/// Model, vision tower and context with what is in the context. Fields are dropped in this order.
pub(super) struct Engine<'m> {
    context: LlamaContext<'m>,
    vision: MtmdContext,
    model: &'m LlamaModel,
    batch: LlamaBatch<'static>,
    /// Tokens that prompt and reply may have together.
    capacity: usize,
    /// Tokens that may never be generated: control tokens other than the schema's tags and the ends of a turn.
    barred: Vec<bool>,
    /// The prompt's first segment as it stands in the context, kept between requests.
    prefix: Vec<LlamaToken>,
    /// Where the next token goes. An image takes fewer positions than tokens.
    position: i32,
}

#[derive(Default)]
struct PromptTime {
    image: Duration,
    text: Duration,
}

/// The token to use next, and what to decode for it.
enum Choice {
    Decode(Vec<LlamaToken>),
    End,
}

impl<'m> Engine<'m> {
    pub(super) fn new(model: &'m LlamaModel, vision: MtmdContext, context: LlamaContext<'m>, capacity: u32) -> Self {
        let batch = LlamaBatch::new(BATCH as usize, 1);
        let (barred, capacity) = (barred(model), capacity as usize);
        Self { context, vision, model, batch, capacity, barred, prefix: Vec::new(), position: 0 }
    }

    /// Replies to a prompt; `say` is handed the reply's text piece by piece.
    pub(super) fn generate(
        &mut self,
        parts: &[OwnedPart],
        budgets: Budgets,
        cancel: &CancelToken,
        say: &mut dyn FnMut(String) -> Result<()>,
    ) -> Result<Generated> {
        cancel.check()?;
        let started = Instant::now();
        let segments = prompt::segments(self.model, &self.vision, parts)?;
        let prompt_tokens = self.check_room(&segments, budgets)?;
        let tokenised = started.elapsed();
        let time = self.read_prompt(&segments, cancel)?;
        let generating = Instant::now();
        let (finish, reply_tokens) = self.reply(budgets, cancel, say)?;
        Ok(Generated {
            finish,
            prompt_tokens: prompt_tokens as u32,
            reply_tokens,
            image_us: micros(time.image),
            prompt_us: micros(tokenised + time.text),
            generate_us: micros(generating.elapsed()),
            ..Generated::default()
        })
    }

    /// Drops everything that was read.
    pub(super) fn forget(&mut self, _context: bool) {
        self.context.clear_kv_cache();
        self.prefix.clear();
        self.position = 0;
    }

    /// The logits after every token of the prompt's last segment.
    pub(super) fn probe(&mut self, parts: &[OwnedPart]) -> Result<Probe> {
        let mut segments = prompt::segments(self.model, &self.vision, parts)?;
        let Some(Segment::Text(last)) = segments.pop() else {
            return Err(Error::new(ErrorKind::InvalidInput, "a prompt must end with text"));
        };
        self.read_prompt(&segments, &CancelToken::new())?;
        let logits = last.iter().map(|&token| {
            self.decode(&[token])?;
            Ok(self.context.get_logits_ith(-1).to_vec())
        });
        Ok(Probe { logits: logits.collect::<Result<_>>()?, ids: last.iter().map(|token| token.0).collect() })
    }

    /// The prompt's tokens, once prompt and longest reply are known to fit.
    fn check_room(&self, segments: &[Segment], budgets: Budgets) -> Result<usize> {
        let prompt: usize = segments.iter().map(Segment::tokens).sum();
        let tags = prompt::tokenise(&self.model.vocab(), FORCED, true).len();
        let reply = (budgets.thought as usize).saturating_add(budgets.answer as usize).saturating_add(tags);
        let over = prompt.saturating_add(reply).saturating_sub(self.capacity);
        if over > 0 {
            let message = format!(
                "the prompt has {prompt} tokens and the reply may take {reply}: {over} more than the {} of the model's \
                 context: shorten the question or the fact",
                self.capacity
            );
            return Err(Error::new(ErrorKind::ContextOverflow, message));
        }
        Ok(prompt)
    }

    /// Fills the context with the prompt, starting after the prefix if it is there already.
    fn read_prompt(&mut self, segments: &[Segment], cancel: &CancelToken) -> Result<PromptTime> {
        let mut time = PromptTime::default();
        let kept = self.keep_prefix(segments.first());
        for (index, segment) in segments.iter().enumerate().skip(usize::from(kept)) {
            cancel.check()?;
            let started = Instant::now();
            match segment {
                Segment::Text(tokens) => {
                    self.read_text(tokens, cancel)?;
                    time.text += started.elapsed();
                    if index == 0 {
                        self.prefix.clone_from(tokens);
                    }
                }
                Segment::Image(chunks) => {
                    self.read_image(chunks)?;
                    time.image += started.elapsed();
                }
            }
        }
        Ok(time)
    }

    /// Removes the last request from the context, and the prefix too unless the new prompt begins with it.
    fn keep_prefix(&mut self, first: Option<&Segment>) -> bool {
        let same = matches!(first, Some(Segment::Text(tokens)) if !self.prefix.is_empty() && *tokens == self.prefix);
        let end = self.prefix.len() as u32;
        if same && matches!(self.context.clear_kv_cache_seq(Some(SEQUENCE as u32), Some(end), None), Ok(true)) {
            self.position = end as i32;
            return true;
        }
        self.context.clear_kv_cache();
        self.prefix.clear();
        self.position = 0;
        false
    }

    fn read_text(&mut self, tokens: &[LlamaToken], cancel: &CancelToken) -> Result<()> {
        for batch in tokens.chunks(BATCH as usize) {
            cancel.check()?;
            self.decode(batch)?;
        }
        Ok(())
    }

    /// Decodes at most a batch of tokens; the last one's logits are ready afterwards.
    fn decode(&mut self, tokens: &[LlamaToken]) -> Result<()> {
        self.batch.clear();
        for (index, &token) in tokens.iter().enumerate() {
            let last = index + 1 == tokens.len();
            self.batch.add(token, self.position, &[SEQUENCE], last).map_err(|e| failed("a batch was too long", e))?;
            self.position += 1;
        }
        self.context.decode(&mut self.batch).map_err(|e| failed("llama.cpp failed to decode tokens", e))
    }

    fn read_image(&mut self, chunks: &MtmdInputChunks) -> Result<()> {
        self.position = chunks
            .eval_chunks(&mut self.vision, &mut self.context, self.position, SEQUENCE, BATCH as i32, false)
            .map_err(|e| failed("llama.cpp failed to encode a photo", e))?;
        Ok(())
    }

    /// Greedy decoding under the schema.
    fn reply(
        &mut self,
        budgets: Budgets,
        cancel: &CancelToken,
        say: &mut dyn FnMut(String) -> Result<()>,
    ) -> Result<(Finish, u32)> {
        let mut schema = Schema::new();
        let (mut finish, mut tokens, mut in_phase) = (Finish::Complete, 0, 0);
        loop {
            cancel.check()?;
            let phase = schema.phase();
            let budget = if phase == Phase::Thought { budgets.thought } else { budgets.answer };
            let choice = if in_phase < budget {
                self.choose(&mut schema)
            } else {
                finish = Finish::Length;
                self.close(&mut schema)
            };
            let text = schema.take_text();
            if !text.is_empty() {
                say(text)?;
            }
            let Choice::Decode(next) = choice else { return Ok((finish, tokens + 1)) };
            tokens += next.len() as u32;
            in_phase = if schema.phase() == phase { in_phase + 1 } else { 0 };
            self.read_text(&next, cancel)?;
        }
    }

    /// The likeliest token that the schema takes.
    fn choose(&self, schema: &mut Schema) -> Choice {
        let vocab = self.model.vocab();
        let logits = self.context.get_logits_ith(-1);
        let mut refused: Vec<usize> = Vec::new();
        while let Some(best) = likeliest(logits, |id| !self.barred[id] && !refused.contains(&id)) {
            let token = LlamaToken(best as i32);
            if vocab.is_eog(token) {
                return self.close(schema);
            }
            match schema.offer(&vocab.token_to_piece(token, true, None)) {
                Verdict::Accept => return Choice::Decode(vec![token]),
                Verdict::Turn(bytes) => return Choice::Decode(prompt::tokenise(&vocab, &bytes, true)),
                Verdict::End => return Choice::End,
                Verdict::Refuse => refused.push(best),
            }
        }
        // Nothing acceptable is left, or the logits are no numbers.
        self.close(schema)
    }

    /// Closes the current phase for the model.
    fn close(&self, schema: &mut Schema) -> Choice {
        if schema.phase() == Phase::Thought {
            return Choice::Decode(prompt::tokenise(&self.model.vocab(), &schema.close_thought(), true));
        }
        schema.close_answer();
        Choice::End
    }
}

/// The first of the greatest logits among the allowed tokens; NaN is never greatest.
fn likeliest(logits: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best = None;
    let mut greatest = f32::NEG_INFINITY;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > greatest && allowed(id) {
            (best, greatest) = (Some(id), logit);
        }
    }
    best
}

fn barred(model: &LlamaModel) -> Vec<bool> {
    let vocab = model.vocab();
    let is_tag = |token| {
        let piece = vocab.token_to_piece(token, true, None);
        [b"</think>".as_slice(), b"<answer>", b"</answer>"].contains(&piece.as_slice())
    };
    vocab.tokens().map(|token| vocab.is_control(token) && !vocab.is_eog(token) && !is_tag(token)).collect()
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

fn failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, what).with_source(error)
}
