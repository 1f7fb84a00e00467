//! Reads a prompt, as far as it isn't in the context yet, and has a reply written to it.

use std::time::{Duration, Instant};

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::mtmd::{MtmdContext, MtmdInputChunks};
use llama_cpp_2::token::LlamaToken;

use super::prefix::PrefixFile;
use super::prompt::{self, OwnedPart, PhotoName, Segment};
use super::reader::{Place, Reader};
use super::writer::{Desk, Limits, Style, Writer};
use super::{Probe, worker::Listener};
use crate::CancelToken;
use crate::backend::lookup::Earlier;
use crate::backend::margin::Margin;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Generated;
use crate::prompt::ASSISTANT;

/// Every tag that the runtime may have to force, to count their tokens.
const FORCED: &[u8] = b"</think><answer></answer>";

/// Model and vision tower, and a context with what is in it. Fields are dropped in this order.
pub(super) struct Engine<'m> {
    reader: Option<Reader<'m>>,
    vision: MtmdContext,
    model: &'m LlamaModel,
    /// Makes a context where there is none.
    make: Box<dyn Fn() -> Result<Reader<'m>> + 'm>,
    /// Tokens that prompt and reply may have together.
    capacity: usize,
    /// Tokens that may never be generated: control tokens other than the schema's tags and the ends of a turn.
    barred: Vec<bool>,
    /// What the context holds of the last prompt, segment by segment.
    kept: Vec<Kept>,
    prefix: Option<PrefixFile>,
    /// How much batches of several tokens differ from batches of one.
    margin: Margin,
    earlier: Earlier,
    /// What is left of it when it is forgotten: the bundle's own replies.
    examples: Earlier,
}

/// A segment that was read.
struct Kept {
    segment: Name,
    /// Where it ends.
    end: Place,
}

/// What a segment is known by.
#[derive(PartialEq)]
enum Name {
    Text(Vec<LlamaToken>),
    Photo(PhotoName),
}

/// A segment that is to be read.
enum Unread {
    Text(Vec<LlamaToken>),
    Photo(PhotoName, MtmdInputChunks),
}

/// A prompt, compared with what is kept.
struct Plan {
    /// Segments that are there already.
    kept: usize,
    unread: Vec<Unread>,
    /// Tokens in all, and those of them that are there already.
    tokens: usize,
    kept_tokens: usize,
    /// The text of all of it.
    text: Vec<i32>,
    /// Whether the first segment is of the template, and so no person's.
    impersonal: bool,
}

#[derive(Default)]
struct PromptTime {
    image: Duration,
    text: Duration,
    /// Tokens that came from disk.
    restored: usize,
}

impl<'m> Engine<'m> {
    /// `make` makes another context, once the first was dropped.
    pub(super) fn new(
        model: &'m LlamaModel,
        vision: MtmdContext,
        first: Reader<'m>,
        make: impl Fn() -> Result<Reader<'m>> + 'm,
        prefix: Option<PrefixFile>,
        capacity: u32,
        replies: &[String],
    ) -> Self {
        let (make, barred, margin) = (Box::new(make), barred(model), Margin::default());
        let (reader, capacity, kept) = (Some(first), capacity as usize, Vec::new());
        let examples = examples(model, replies);
        let earlier = examples.clone();
        Self { reader, vision, model, make, capacity, barred, kept, prefix, margin, earlier, examples }
    }

    /// Replies to a prompt; `listener` is handed the reply's text piece by piece.
    pub(super) fn generate(
        &mut self,
        parts: &[OwnedPart],
        limits: Limits,
        style: &Style,
        cancel: &CancelToken,
        listener: &Listener,
    ) -> Result<Generated> {
        cancel.check()?;
        let started = Instant::now();
        let plan = self.plan(parts)?;
        if !plan.ends_with_text() {
            return Err(Error::new(ErrorKind::InvalidInput, "a prompt must end with text"));
        }
        self.check_room(&plan, limits)?;
        let planned = started.elapsed();
        let (prompt_tokens, kept_tokens, text) = (plan.tokens, plan.kept_tokens, plan.text.clone());
        let time = self.read(plan, cancel)?;
        let generating = Instant::now();
        let (reader, vocab) = (self.reader.as_mut().ok_or_else(no_context)?, self.model.vocab());
        let Self { barred, margin, earlier, .. } = self;
        let desk = Desk { reader, vocab, barred, capacity: self.capacity, margin, earlier };
        let written = Writer::new(desk, limits, style, &text).write(cancel, listener)?;
        Ok(Generated {
            prompt_tokens: prompt_tokens as u32,
            kept_tokens: (kept_tokens + time.restored) as u32,
            image_us: micros(time.image),
            prompt_us: micros(planned + time.text),
            generate_us: micros(generating.elapsed()),
            ..written
        })
    }

    /// Reads what a prompt begins with, so that it is kept.
    pub(super) fn read_ahead(&mut self, parts: &[OwnedPart], cancel: &CancelToken) -> Result<Generated> {
        cancel.check()?;
        let plan = self.plan(parts)?;
        self.check_room(&plan, Limits { thought: 0, answer: 0 })?;
        let (prompt_tokens, kept_tokens) = (plan.tokens, plan.kept_tokens);
        let time = self.read(plan, cancel)?;
        Ok(Generated {
            prompt_tokens: prompt_tokens as u32,
            kept_tokens: (kept_tokens + time.restored) as u32,
            image_us: micros(time.image),
            prompt_us: micros(time.text),
            ..Generated::default()
        })
    }

    /// Drops everything that was read; with `context`, the memory for it too.
    pub(super) fn forget(&mut self, context: bool) {
        self.kept.clear();
        self.earlier.forget();
        self.earlier.clone_from(&self.examples);
        if context {
            self.reader = None;
        }
        if let Some(reader) = &mut self.reader {
            reader.wipe();
        }
    }

    /// The logits after every token of the prompt's last segment.
    pub(super) fn probe(&mut self, parts: &[OwnedPart]) -> Result<Probe> {
        let cancel = CancelToken::new();
        let mut plan = self.plan(parts)?;
        let Some(Unread::Text(last)) = plan.unread.pop() else { return Err(no_context()) };
        self.read(plan, &cancel)?;
        let reader = self.reader.as_mut().ok_or_else(no_context)?;
        let logits = last.iter().map(|token| {
            reader.read(std::slice::from_ref(token), &cancel)?;
            Ok(reader.logits(-1).to_vec())
        });
        Ok(Probe { logits: logits.collect::<Result<_>>()?, ids: last.iter().map(|token| token.0).collect() })
    }

    /// Tokenises a prompt and finds out what of it is there already. Text at its end is read in any case: the reply
    /// begins with its logits.
    fn plan(&self, parts: &[OwnedPart]) -> Result<Plan> {
        let segments = prompt::segments(&self.model.vocab(), parts);
        let most = segments.len() - usize::from(matches!(segments.last(), Some(Segment::Text(_))));
        let kept = self.kept.iter().zip(&segments[..most]).take_while(|(kept, segment)| kept.is(segment)).count();
        let kept_tokens = self.kept[..kept].last().map_or(0, |kept| kept.end.tokens);
        let impersonal = matches!(parts.first(), Some(OwnedPart::Template(_)));
        let (unread, text) = (Vec::new(), Vec::new());
        let mut plan = Plan { kept, unread, tokens: kept_tokens, kept_tokens, text, impersonal };
        for (number, segment) in segments.into_iter().enumerate() {
            if let Segment::Text(tokens) = &segment {
                plan.text.extend(tokens.iter().map(|token| token.0));
            }
            if number < kept {
                continue;
            }
            let unread = match segment {
                Segment::Text(tokens) => Unread::Text(tokens),
                Segment::Photo(photo, name) => Unread::Photo(name, prompt::chunks(&self.vision, photo)?),
            };
            plan.tokens += unread.tokens();
            plan.unread.push(unread);
        }
        Ok(plan)
    }

    /// Makes sure that the prompt and the longest reply fit.
    fn check_room(&self, plan: &Plan, limits: Limits) -> Result<()> {
        let prompt = plan.tokens;
        let tags = prompt::tokenise(&self.model.vocab(), FORCED, true).len();
        let reply = (limits.thought as usize).saturating_add(limits.answer as usize).saturating_add(tags);
        let over = prompt.saturating_add(reply).saturating_sub(self.capacity);
        if over == 0 {
            return Ok(());
        }
        let message = format!(
            "the prompt has {prompt} tokens and the reply may take {reply}: {over} more than the {} of the model's \
             context: shorten the question or the fact",
            self.capacity
        );
        Err(Error::new(ErrorKind::ContextOverflow, message))
    }

    /// Fills the context with the rest of the prompt. What was read in whole is kept, also when it is cancelled.
    fn read(&mut self, plan: Plan, cancel: &CancelToken) -> Result<PromptTime> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert((self.make)()?),
        };
        self.kept.truncate(plan.kept);
        let end = self.kept.last().map_or_else(Place::default, |kept| kept.end);
        if reader.back_to(end).is_err() {
            // Of the sequence nothing is left then that could be trusted.
            reader.wipe();
            self.kept.clear();
            return Err(Error::new(ErrorKind::Internal, "what was kept of the last question is lost: ask again"));
        }
        let mut time = PromptTime::default();
        for unread in plan.unread {
            cancel.check()?;
            let started = Instant::now();
            let segment = match unread {
                Unread::Text(tokens) => {
                    // The first segment is the bundle's system message.
                    let prefix = self.prefix.as_ref().filter(|_| plan.impersonal && self.kept.is_empty());
                    if prefix.is_some_and(|prefix| prefix.restore(reader, &tokens)) {
                        time.restored = tokens.len();
                    } else {
                        reader.read(&tokens, cancel)?;
                        if let Some(prefix) = prefix {
                            prefix.save(reader, &tokens);
                        }
                    }
                    time.text += started.elapsed();
                    Name::Text(tokens)
                }
                Unread::Photo(name, chunks) => {
                    reader.look(&mut self.vision, &chunks)?;
                    time.image += started.elapsed();
                    Name::Photo(name)
                }
            };
            self.kept.push(Kept { segment, end: reader.place() });
        }
        Ok(time)
    }
}

impl Kept {
    fn is(&self, segment: &Segment<'_>) -> bool {
        match (&self.segment, segment) {
            (Name::Text(kept), Segment::Text(tokens)) => kept == tokens,
            (Name::Photo(kept), Segment::Photo(_, name)) => kept == name,
            _ => false,
        }
    }
}

impl Plan {
    /// A reply can't begin otherwise.
    fn ends_with_text(&self) -> bool {
        matches!(self.unread.last(), Some(Unread::Text(tokens)) if !tokens.is_empty())
    }
}

impl Unread {
    fn tokens(&self) -> usize {
        match self {
            Self::Text(tokens) => tokens.len(),
            Self::Photo(_, chunks) => chunks.total_tokens(),
        }
    }
}

fn examples(model: &LlamaModel, replies: &[String]) -> Earlier {
    let ids = |text: &str| -> Vec<i32> {
        let tokens = prompt::tokenise(&model.vocab(), text.as_bytes(), true);
        tokens.iter().map(|token| token.0).collect()
    };
    let replies: Vec<_> = replies.iter().map(|reply| ids(reply)).collect();
    Earlier::from_examples(&replies, &ids(ASSISTANT))
}

fn barred(model: &LlamaModel) -> Vec<bool> {
    let vocab = model.vocab();
    let is_tag = |token| {
        let piece = vocab.token_to_piece(token, true, None);
        [b"</think>".as_slice(), b"<answer>", b"</answer>"].contains(&piece.as_slice())
    };
    vocab.tokens().map(|token| vocab.is_control(token) && !vocab.is_eog(token) && !is_tag(token)).collect()
}

fn no_context() -> Error {
    Error::new(ErrorKind::Internal, "a prompt was not read")
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
