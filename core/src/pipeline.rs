//! One question, end to end: route, embed, search, gate, recall, prompt, generate, reply.
//!
//! [`ask`] is the product's main job. Everything that decides something is a pure function beside it; everything that
//! computes is behind the traits of [`crate::model`]; everything stored is in the [`Library`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer::{Answer, AnswerEvent, Preview};
use crate::bundle::{LanguageSpec, RetrievalSpec};
use crate::cancel::CancelToken;
use crate::cite::cites;
use crate::device::CpuReason;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Decision, decide};
use crate::image::Rgb;
use crate::index::Filter;
use crate::library::{Library, MAX_NAME_CHARS, now_ms};
use crate::memory::MemoryUsage;
use crate::model::{
    Ahead, GenerateRequest, Generated, Generator, ImageEncoder, MAX_TEMPERATURE, Projection, PromptPart, Sampling,
    TextEncoder,
};
use crate::prompt::PromptTemplate;
use crate::reply::{Delta, Reply, ReplyParser};
use crate::route::{Route, route};
use crate::trace::{ReplyTrace, StageTimes, Trace};
use crate::types::{AskOptions, Embedding, Fact, Hit, Modality, Question};

/// Most characters of a question.
pub const MAX_QUESTION_CHARS: usize = 8_000;

/// How many hits a search returns: enough for the trace and for a runner-up behind a fact of several keys.
const TOP: usize = 8;

/// Both towers and the head of one bundle.
pub(crate) struct Encoders {
    pub(crate) image: Arc<dyn ImageEncoder>,
    pub(crate) text: Arc<dyn TextEncoder>,
    pub(crate) head: Arc<dyn Projection>,
    /// Loads what one modality needs, where that has not happened yet.
    pub(crate) warm_up: Box<dyn Fn(Modality) -> Result<()> + Send + Sync>,
    /// Bytes that they take by now.
    pub(crate) memory: Box<dyn Fn() -> u64 + Send + Sync>,
    /// What runs them.
    pub(crate) backend: String,
}

/// The language model and where it runs.
pub(crate) struct Language {
    pub(crate) generator: Arc<dyn Generator>,
    pub(crate) device: String,
    /// Why that is no GPU, which an app in the background may not use; none: it is one.
    pub(crate) cpu_reason: Option<CpuReason>,
    /// Whether it reads a photo while that is still being embedded.
    pub(crate) reads_ahead: bool,
    /// What it takes.
    pub(crate) memory: Box<dyn Fn() -> MemoryUsage + Send + Sync>,
}

impl Language {
    pub(crate) fn is_on_gpu(&self) -> bool {
        self.cpu_reason.is_none()
    }
}

/// Gives what models make when it is needed; loading and keeping is its business. Whoever is cancelled doesn't wait.
pub(crate) trait Models {
    /// Says that the language model will be needed soon.
    fn expect_language(&self);
    /// Embeds what the question is routed by: the photo where there is one, else the words (see [`route`]). `on_photo` is
    /// handed the photo once it is decoded; without it, and where its embedding is known, it is not.
    fn encode(
        &self,
        question: &Question,
        on_photo: Option<OnPhoto<'_>>,
        cancel: &CancelToken,
        times: &mut StageTimes,
    ) -> Result<Encoded>;
    /// The language model if it is loaded and nobody else may want it before this question does.
    fn idle_language(&self) -> Option<Arc<Language>>;
    fn language(&self, cancel: &CancelToken) -> Result<Arc<Language>>;
}

/// Told of the decoded photo, and whether it has yet to be embedded, which takes time.
pub(crate) type OnPhoto<'a> = &'a mut dyn FnMut(Arc<Rgb>, bool);

/// What the encoders made of a question.
pub(crate) struct Encoded {
    pub(crate) query: Embedding,
    /// What ran them.
    pub(crate) encoder: String,
}

/// What a question is answered with.
pub(crate) struct Pipeline<'a> {
    pub(crate) models: &'a dyn Models,
    /// None where nothing has been stored yet.
    pub(crate) library: Option<&'a Library>,
    pub(crate) retrieval: &'a RetrievalSpec,
    pub(crate) template: &'a PromptTemplate,
    /// How to reply where the question doesn't say.
    pub(crate) language: &'a LanguageSpec,
}

/// What retrieval found.
struct Found {
    fact: Option<Fact>,
    trace: Trace,
}

/// Answers one question and tells `on_event` on the way.
pub(crate) fn ask(
    pipeline: &Pipeline<'_>,
    question: &Question,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(AnswerEvent),
) -> Result<Answer> {
    let start = Instant::now();
    check_question(question)?;
    // It loads while the encoders work.
    pipeline.models.expect_language();

    let (mut photo, mut ahead) = (None, None);
    let mut on_photo = |decoded: Arc<Rgb>, is_new: bool| {
        ahead = is_new.then(|| read_ahead(pipeline, &decoded, cancel)).flatten();
        photo = Some(decoded);
    };
    let Found { fact, mut trace } = retrieve(pipeline, question, Some(&mut on_photo), cancel, on_event)?;

    let statement = fact.as_ref().map(|fact| fact.statement.as_str());
    let prompt = pipeline.template.build(photo.is_some(), statement, &question.text);
    let request = request(prompt.parts(photo.as_deref()), &question.options, pipeline.language);
    let language = timed(&mut trace.times.load_us, || pipeline.models.language(cancel))?;
    cancel.check()?;
    let mut on_delta = |delta: Delta<'_>| {
        if trace.times.first_text_us == 0 {
            trace.times.first_text_us = us(start.elapsed());
        }
        on_event(match delta {
            Delta::Think(text) => AnswerEvent::ThinkDelta(text.to_owned()),
            Delta::Answer(text) => AnswerEvent::AnswerDelta(text.to_owned()),
        });
    };
    let (reply, mut generated) = generate(&*language.generator, &request, cancel, &mut on_delta)?;
    if let Some(ahead) = ahead {
        add_ahead(&mut generated, &ahead.figures());
    }

    add_times(&mut trace.times, &generated, start);
    trace.reply = Some(reply_trace(&reply, &generated, fact.as_ref(), &language));
    Ok(Answer { text: reply.answer, thought: reply.thought, fact, trace })
}

/// Finds the fact that would fire, and stops there.
pub(crate) fn preview(pipeline: &Pipeline<'_>, question: &Question, cancel: &CancelToken) -> Result<Preview> {
    let start = Instant::now();
    check_question(question)?;
    let Found { fact, mut trace } = retrieve(pipeline, question, None, cancel, &mut |_| ())?;
    trace.times.total_us = us(start.elapsed());
    Ok(Preview { fact, trace })
}

/// Has the language model read the photo while that is being embedded, which changes nothing but the time.
fn read_ahead(pipeline: &Pipeline<'_>, photo: &Rgb, cancel: &CancelToken) -> Option<Ahead> {
    let language = pipeline.models.idle_language().filter(|language| language.reads_ahead)?;
    let prompt = pipeline.template.build(true, None, "");
    let mut parts = prompt.parts(Some(photo));
    let before = parts.iter().position(|part| matches!(part, PromptPart::Image(_)))?;
    parts.truncate(before + 1);
    Some(language.generator.read_ahead(&parts, cancel))
}

/// What was read ahead was not kept from an earlier question, and took its time.
fn add_ahead(generated: &mut Generated, ahead: &Generated) {
    let read = ahead.prompt_tokens - ahead.kept_tokens;
    generated.kept_tokens = generated.kept_tokens.saturating_sub(read);
    generated.image_us += ahead.image_us;
    generated.prompt_us += ahead.prompt_us;
}

/// Route, decode, embed, search, gate, recall.
fn retrieve(
    pipeline: &Pipeline<'_>,
    question: &Question,
    on_photo: Option<OnPhoto<'_>>,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(AnswerEvent),
) -> Result<Found> {
    let mut times = StageTimes::default();
    let route = route(question);
    on_event(AnswerEvent::Routed(route));

    let Encoded { query, encoder } = pipeline.models.encode(question, on_photo, cancel, &mut times)?;
    cancel.check()?;

    let gate = pipeline.retrieval.gate(route.modality());
    let hits = timed(&mut times.search_us, || search(pipeline.library, route, &query, question.source.as_deref()))?;
    let decision = decide(&hits, gate);
    let fact = timed(&mut times.recall_us, || recall(pipeline.library, &decision))?;
    on_event(AnswerEvent::Decided { decision, fact: fact.clone().map(Box::new) });

    let threshold = gate.threshold;
    let trace = Trace { route, hits, decision, threshold, encoder, reply: None, times };
    Ok(Found { fact, trace })
}

fn search(library: Option<&Library>, route: Route, query: &Embedding, source: Option<&str>) -> Result<Vec<Hit>> {
    let Some(library) = library else { return Ok(Vec::new()) };
    let Some(source) = source else { return library.search(route.modality(), query, TOP) };
    let facts = library.facts_from(source)?;
    library.search_with(route.modality(), query, TOP, &Filter::active_at(now_ms()).with_facts(&facts))
}

fn recall(library: Option<&Library>, decision: &Decision) -> Result<Option<Fact>> {
    let (Some(library), Some(id)) = (library, decision.fired()) else { return Ok(None) };
    library.get(id).map(Some)
}

fn request<'a>(parts: Vec<PromptPart<'a>>, options: &AskOptions, bundle: &LanguageSpec) -> GenerateRequest<'a> {
    GenerateRequest {
        parts,
        thought_tokens: options.thought_tokens.unwrap_or(bundle.thought_tokens),
        answer_tokens: options.answer_tokens.unwrap_or(bundle.answer_tokens),
        sampling: Sampling { temperature: options.temperature.unwrap_or(bundle.temperature), seed: options.seed },
    }
}

/// Runs the language model and reads its reply.
fn generate(
    generator: &dyn Generator,
    request: &GenerateRequest<'_>,
    cancel: &CancelToken,
    on_delta: &mut dyn FnMut(Delta<'_>),
) -> Result<(Reply, Generated)> {
    let mut parser = ReplyParser::new();
    let generated = generator.generate(request, cancel, &mut |piece| parser.push(piece, on_delta))?;
    Ok((parser.finish(on_delta), generated))
}

fn reply_trace(reply: &Reply, generated: &Generated, fact: Option<&Fact>, language: &Language) -> ReplyTrace {
    ReplyTrace {
        device: language.device.clone(),
        cpu_reason: language.cpu_reason,
        cited: fact.map(|fact| cites(&reply.thought, &fact.statement, fact.target.as_deref())),
        well_formed: reply.well_formed,
        finish: generated.finish,
        prompt_tokens: generated.prompt_tokens,
        kept_tokens: generated.kept_tokens,
        reply_tokens: generated.reply_tokens,
        drafted_tokens: generated.drafted_tokens,
        accepted_tokens: generated.accepted_tokens,
    }
}

fn add_times(times: &mut StageTimes, generated: &Generated, start: Instant) {
    times.image_us = generated.image_us;
    times.prompt_us = generated.prompt_us;
    times.generate_us = generated.generate_us;
    times.total_us = us(start.elapsed());
}

/// A question has words, and not too many of them; its options lie within their ranges.
fn check_question(question: &Question) -> Result<()> {
    let text = &question.text;
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if text.trim().is_empty() {
        return invalid("the question is empty: ask something".to_owned());
    }
    // A character is at most 4 bytes: a huge text is refused without counting it.
    if text.len() > MAX_QUESTION_CHARS * 4 || text.chars().count() > MAX_QUESTION_CHARS {
        return invalid(format!("the question is longer than {MAX_QUESTION_CHARS} characters: shorten it"));
    }
    if let Some(source) = &question.source
        && (source.trim().is_empty() || source.chars().count() > MAX_NAME_CHARS)
    {
        return invalid(format!("the source is empty, or longer than {MAX_NAME_CHARS} characters"));
    }
    if question.options.answer_tokens == Some(0) {
        return invalid("an answer needs at least one token".to_owned());
    }
    match question.options.temperature {
        Some(temperature) if !(0.0..=MAX_TEMPERATURE).contains(&temperature) => {
            invalid(format!("the temperature must be 0 to {MAX_TEMPERATURE}"))
        }
        _ => Ok(()),
    }
}

/// Runs a stage and adds its time to `spent`.
pub(crate) fn timed<T>(spent: &mut u64, stage: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = stage();
    *spent += us(start.elapsed());
    result
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
