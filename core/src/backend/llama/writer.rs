//! Writes one reply: chooses token after token under the schema, and has guesses checked a batch at a time.
//!
//! `core/docs/GENERATION.md` has the argument why guessing changes no greedy reply.

use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::reader::{Place, Reader};
use super::worker::Listener;
use super::{Guessing, Scripted};
use crate::CancelToken;
use crate::backend::broken::{Fault, Watch};
use crate::backend::cost::Cost;
use crate::backend::lookup::{Draft, Earlier, Lookup};
use crate::backend::margin::Margin;
use crate::backend::sample::Sampler;
use crate::backend::schema::{Phase, Schema, Verdict};
use crate::error::Result;
use crate::model::{Finish, Generated, Sampling};

/// What a further token in a batch is taken to cost where guessing is wanted whether it pays or not.
const WANTED: f32 = 0.1;

/// Most tokens of each phase.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) thought: u32,
    pub(super) answer: u32,
}

/// How tokens are chosen.
#[derive(Clone)]
pub(super) struct Style {
    pub(super) sampling: Sampling,
    /// Without effect where chance decides.
    pub(super) guessing: Guessing,
    /// What the model is to say, whatever it wants to: for measuring the time that a known reply takes.
    pub(super) script: Option<Vec<Scripted>>,
}

/// What a writer works with.
pub(super) struct Desk<'a, 'm> {
    pub(super) reader: &'a mut Reader<'m>,
    pub(super) vocab: LlamaVocab<'a>,
    /// Tokens that may never be said.
    pub(super) barred: &'a [bool],
    /// Tokens that prompt and reply may have together.
    pub(super) capacity: usize,
    pub(super) margin: &'a mut Margin,
    /// Where greedy replies are remembered.
    pub(super) earlier: &'a mut Earlier,
}

/// What comes next.
enum Choice {
    /// These tokens, read in one batch.
    Say(Vec<LlamaToken>),
    End,
}

pub(super) struct Writer<'a, 'm> {
    reader: &'a mut Reader<'m>,
    vocab: LlamaVocab<'a>,
    barred: &'a [bool],
    capacity: usize,
    limits: Limits,
    sampler: Sampler,
    lookup: Option<Lookup>,
    guessing: Guessing,
    margin: &'a mut Margin,
    earlier: &'a mut Earlier,
    script: Option<std::iter::Peekable<std::vec::IntoIter<Scripted>>>,
    schema: Schema,
    watch: Watch,
    /// Which token of the last batch has the logits of what comes next; -1: the last.
    row: i32,
    /// Guessed tokens that were read and are not confirmed yet.
    ahead: Vec<LlamaToken>,
    /// The guess that they come from.
    draft: Draft,
    /// What was read in batches that hold guesses. None: the context is as it would be without guessing.
    guessed: Option<Guessed>,
    figures: Generated,
}

/// The part of the reply that was read with guesses.
struct Guessed {
    /// Where it begins.
    start: Place,
    /// Its tokens in the batches in which they would have been read without guessing.
    steps: Vec<Vec<LlamaToken>>,
}

impl<'a, 'm> Writer<'a, 'm> {
    /// `prompt`: the text of what was read; the last token's logits are there.
    pub(super) fn new(desk: Desk<'a, 'm>, limits: Limits, style: &Style, prompt: &[i32]) -> Self {
        let Desk { reader, vocab, barred, capacity, margin, earlier } = desk;
        let (sampler, guessing) = (Sampler::new(style.sampling), style.guessing);
        let guesses = guessing != Guessing::Never && sampler.is_greedy();
        let lookup = guesses.then(|| Lookup::new(std::mem::take(earlier), prompt));
        let script = style.script.clone().map(|tokens| tokens.into_iter().peekable());
        Self {
            reader,
            vocab,
            barred,
            capacity,
            limits,
            sampler,
            lookup,
            guessing,
            margin,
            earlier,
            script,
            schema: Schema::new(),
            watch: Watch::new(),
            row: -1,
            ahead: Vec::new(),
            draft: Draft::default(),
            guessed: None,
            figures: Generated::default(),
        }
    }

    /// Writes the reply and hands its text to `listener`.
    pub(super) fn write(mut self, cancel: &CancelToken, listener: &Listener) -> Result<Generated> {
        let written = self.write_on(cancel, listener);
        if let Some(lookup) = self.lookup {
            *self.earlier = lookup.into_earlier();
        }
        written
    }

    fn write_on(&mut self, cancel: &CancelToken, listener: &Listener) -> Result<Generated> {
        let (mut in_phase, mut fault) = (0, None);
        loop {
            cancel.check()?;
            let phase = self.schema.phase();
            let limit = if phase == Phase::Thought { self.limits.thought } else { self.limits.answer };
            let choice = if let Some(fault) = fault.take() {
                self.stop(fault)
            } else if in_phase < limit {
                self.choose(cancel)?
            } else {
                self.note(Finish::Length);
                self.close()
            };
            let text = self.schema.take_text();
            let Choice::Say(tokens) = choice else {
                listener.say(text)?;
                self.figures.reply_tokens += 1;
                return Ok(self.figures);
            };
            self.figures.reply_tokens += tokens.len() as u32;
            if self.schema.phase() == phase {
                in_phase += 1;
                fault = tokens.iter().find_map(|token| self.watch.see(token.0, &text));
            } else {
                (in_phase, self.watch) = (0, Watch::new());
            }
            listener.say(text)?;
            self.read(tokens, limit.saturating_sub(in_phase) as usize, cancel)?;
        }
    }

    /// The best token that the schema takes.
    fn choose(&mut self, cancel: &CancelToken) -> Result<Choice> {
        if self.script.is_some() {
            return self.follow_script(cancel);
        }
        let mut refused: Vec<usize> = Vec::new();
        loop {
            let logits = self.reader.logits(self.row);
            let best = self.sampler.choose(logits, |id| !self.barred[id] && !refused.contains(&id));
            // Nothing acceptable is left, or the logits are no numbers.
            let Some(best) = best else { return Ok(self.close()) };
            if self.is_doubtful(best.lead) {
                self.settle(cancel)?;
            } else if let Some(choice) = self.offer(LlamaToken(best.id as i32)) {
                return Ok(choice);
            } else {
                refused.push(best.id);
            }
        }
    }

    fn follow_script(&mut self, cancel: &CancelToken) -> Result<Choice> {
        while let Some(&Scripted { id, lead }) = self.script.as_mut().and_then(|script| script.peek()) {
            if self.is_doubtful(lead) {
                self.settle(cancel)?;
            }
            self.script.as_mut().and_then(Iterator::next);
            // The runtime's own tags stand in the script too.
            if let Some(choice) = self.offer(LlamaToken(id)) {
                return Ok(choice);
            }
        }
        Ok(self.close())
    }

    /// Whether guessing may have a part in a decision, or there is something to be learned about that.
    fn is_doubtful(&self, lead: f32) -> bool {
        let teaches = !self.margin.is_known() && self.ahead.is_empty();
        self.guessed.is_some() && (teaches || self.margin.is_close(lead))
    }

    /// What a token leads to; none where the schema refuses it.
    fn offer(&mut self, token: LlamaToken) -> Option<Choice> {
        if self.vocab.is_eog(token) {
            return Some(self.close());
        }
        match self.schema.offer(&self.vocab.token_to_piece(token, true, None)) {
            Verdict::Accept => Some(Choice::Say(vec![token])),
            Verdict::Turn(bytes) => Some(Choice::Say(self.vocab.tokenize(&bytes, false, true))),
            Verdict::End => Some(Choice::End),
            Verdict::Refuse => None,
        }
    }

    /// Closes the current phase for the model.
    fn close(&mut self) -> Choice {
        if self.schema.phase() == Phase::Thought {
            let tags = self.schema.close_thought();
            return Choice::Say(self.vocab.tokenize(&tags, false, true));
        }
        self.schema.close_answer();
        Choice::End
    }

    /// Ends what is broken. A model that has lost itself in a thought may still answer; from one that no longer writes
    /// text nothing is to be expected.
    fn stop(&mut self, fault: Fault) -> Choice {
        match fault {
            Fault::Repeating => {
                self.note(Finish::Repeating);
                self.close()
            }
            Fault::Garbled => {
                self.note(Finish::Garbled);
                if self.schema.phase() == Phase::Thought {
                    self.schema.close_thought();
                }
                self.schema.close_answer();
                Choice::End
            }
        }
    }

    /// The graver reason counts.
    fn note(&mut self, finish: Finish) {
        self.figures.finish = self.figures.finish.max(finish);
    }

    /// Sees to it that the context holds `tokens`, and that there are logits after them: where they were guessed they are
    /// there already. Otherwise they are read, with a guess at what follows, of at most `room` tokens.
    fn read(&mut self, tokens: Vec<LlamaToken>, room: usize, cancel: &CancelToken) -> Result<()> {
        let guessed = self.ahead.starts_with(&tokens);
        if !guessed && !self.ahead.is_empty() {
            self.judge(self.draft.length - self.ahead.len());
            self.reader.take_back(self.ahead.len())?;
            self.ahead.clear();
        }
        if let Some(lookup) = &mut self.lookup {
            tokens.iter().for_each(|token| lookup.push(token.0));
        }
        if let Some(guessed) = &mut self.guessed {
            guessed.steps.push(tokens.clone());
        }
        if guessed {
            self.ahead.drain(..tokens.len());
            self.row += tokens.len() as i32;
            self.figures.accepted_tokens += tokens.len() as u32;
            if self.ahead.is_empty() {
                self.judge(self.draft.length);
            }
            return Ok(());
        }
        self.ahead = self.guess(room, tokens.len());
        if self.ahead.is_empty() {
            self.row = -1;
            return self.reader.read(&tokens, cancel);
        }
        self.figures.drafted_tokens += self.ahead.len() as u32;
        let (start, last) = (self.reader.place(), tokens.len() - 1);
        let batch = [tokens.as_slice(), &self.ahead].concat();
        self.guessed.get_or_insert_with(|| Guessed { start, steps: vec![tokens] });
        self.row = last as i32;
        self.reader.decode(&batch, last)
    }

    /// What may follow, as far as there is room in the context behind `next` tokens.
    fn guess(&mut self, most: usize, next: usize) -> Vec<LlamaToken> {
        let Some(lookup) = &mut self.lookup else { return Vec::new() };
        let free = self.capacity.saturating_sub(self.reader.place().tokens + next);
        let wanted = Cost::even(WANTED);
        let cost = if self.guessing == Guessing::Always { &wanted } else { self.reader.cost() };
        let Some(draft) = lookup.draft(next, most.min(free), cost) else { return Vec::new() };
        let sayable = |token: &LlamaToken| !self.barred[token.0 as usize] && !self.vocab.is_eog(*token);
        let tokens: Vec<_> = lookup.tokens(draft).map(LlamaToken).take_while(sayable).collect();
        self.draft = Draft { length: tokens.len(), ..draft };
        tokens
    }

    fn judge(&mut self, right: usize) {
        if let Some(lookup) = &mut self.lookup {
            lookup.judge(self.draft, right);
        }
    }

    /// Reads again, token by token, what was read with guesses, so that context and logits are exactly what they would be
    /// without.
    fn settle(&mut self, cancel: &CancelToken) -> Result<()> {
        let Some(Guessed { start, steps }) = self.guessed.take() else { return Ok(()) };
        let guessing = self.reader.logits(self.row).to_vec();
        let again = self.reader.place().tokens - self.ahead.len() - start.tokens;
        self.ahead.clear();
        self.row = -1;
        self.reader.back_to(start)?;
        steps.iter().try_for_each(|step| self.reader.read(step, cancel))?;
        // The first ones are done once, to learn.
        if let Some(lookup) = self.lookup.as_mut().filter(|_| self.margin.is_known()) {
            lookup.charge(again);
        }
        self.margin.compare(&guessing, self.reader.logits(-1));
        Ok(())
    }
}
