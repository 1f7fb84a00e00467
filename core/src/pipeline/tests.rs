//! The main job over fake models and a real library: what is asked of whom, in which order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::*;
use crate::gate::{Calibration, Gate, PassReason};
use crate::library::{ImageKey, NewRecord, TextKey};
use crate::types::{EMBEDDING_DIM, Fingerprint, NewFact, RawEmbedding};

const PRINT: Fingerprint = Fingerprint { encoders: [1; 32], head: [2; 32], raw_dim: 1 };
/// A photo of one pixel, as PNG.
const PHOTO: &[u8] = include_bytes!("../../../tests/data/one-pixel.png");

/// Photos lie along the first axis. A text lies along the axis of its first byte.
struct FakeEncoder;

impl ImageEncoder for FakeEncoder {
    fn embed_image(&self, _: &Rgb) -> Result<RawEmbedding> {
        Ok(RawEmbedding(vec![0.0]))
    }
}

impl TextEncoder for FakeEncoder {
    fn embed_text(&self, text: &str) -> Result<RawEmbedding> {
        Ok(RawEmbedding(vec![f32::from(text.as_bytes()[0])]))
    }
}

impl Projection for FakeEncoder {
    fn project(&self, raw: &RawEmbedding) -> Result<Embedding> {
        let mut axes = [0.0; EMBEDDING_DIM];
        axes[raw.0[0] as usize] = 1.0;
        Ok(Embedding(axes))
    }
}

/// Replies as it was told, and remembers the prompt, what of it was read ahead, and how it was to reply.
struct FakeGenerator {
    reply: &'static str,
    prompt: Arc<Mutex<String>>,
    ahead: Arc<Mutex<String>>,
    asked: Arc<Mutex<(u32, u32, Sampling)>>,
}

impl Generator for FakeGenerator {
    fn generate(
        &self,
        request: &GenerateRequest<'_>,
        cancel: &CancelToken,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generated> {
        *self.prompt.lock().unwrap() = shown(&request.parts);
        *self.asked.lock().unwrap() = (request.thought_tokens, request.answer_tokens, request.sampling);
        for piece in self.reply.split_inclusive(' ') {
            cancel.check()?;
            on_text(piece);
        }
        Ok(Generated { prompt_tokens: 7, kept_tokens: 4, reply_tokens: 5, image_us: 1, ..Generated::default() })
    }

    fn read_ahead(&self, parts: &[PromptPart<'_>], _: &CancelToken) -> Ahead {
        *self.ahead.lock().unwrap() = shown(parts);
        let (read, figures) = std::sync::mpsc::channel();
        read.send(Generated { prompt_tokens: 4, kept_tokens: 1, image_us: 20, ..Generated::default() }).unwrap();
        Ahead::new(figures, false)
    }

    fn forget(&self, _: bool) {}
}

fn shown(parts: &[PromptPart<'_>]) -> String {
    let shown = parts.iter().map(|part| match part {
        PromptPart::Template(text) | PromptPart::Data(text) => *text,
        PromptPart::Image(_) => "<photo>",
    });
    shown.collect()
}

struct Fakes {
    encoder: FakeEncoder,
    language: Arc<Language>,
    expected: AtomicBool,
    prompt: Arc<Mutex<String>>,
    ahead: Arc<Mutex<String>>,
    asked: Arc<Mutex<(u32, u32, Sampling)>>,
}

impl Models for Fakes {
    fn expect_language(&self) {
        self.expected.store(true, Ordering::Relaxed);
    }

    fn encode(
        &self,
        question: &Question,
        on_photo: Option<OnPhoto<'_>>,
        _: &CancelToken,
        _: &mut StageTimes,
    ) -> Result<Encoded> {
        let photo = question.image.as_deref().map(Rgb::decode).transpose()?.map(Arc::new);
        if let (Some(on_photo), Some(photo)) = (on_photo, &photo) {
            on_photo(Arc::clone(photo), question.text != "Known?");
        }
        let raw = match &photo {
            Some(photo) => self.encoder.embed_image(photo)?,
            None => self.encoder.embed_text(&question.text)?,
        };
        Ok(Encoded { query: self.encoder.project(&raw)?, encoder: "fake".into() })
    }

    fn idle_language(&self) -> Option<Arc<Language>> {
        Some(Arc::clone(&self.language))
    }

    fn language(&self, _: &CancelToken) -> Result<Arc<Language>> {
        assert!(self.expected.load(Ordering::Relaxed), "the language model loads ahead of its use");
        Ok(Arc::clone(&self.language))
    }
}

struct Bench {
    models: Fakes,
    library: Library,
    retrieval: RetrievalSpec,
    template: PromptTemplate,
    language: LanguageSpec,
    _folder: TempDir,
}

impl Bench {
    fn new(reply: &'static str) -> Self {
        Self::with(reply, true)
    }

    fn with(reply: &'static str, reads_ahead: bool) -> Self {
        let (prompt, ahead, asked) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<String>>::default(), Arc::default());
        let (said, read, wanted) = (Arc::clone(&prompt), Arc::clone(&ahead), Arc::clone(&asked));
        let generator = Arc::new(FakeGenerator { reply, prompt: said, ahead: read, asked: wanted });
        let language = Arc::new(Language {
            generator,
            device: "nowhere".into(),
            cpu_reason: Some(CpuReason::NotBuiltIn),
            reads_ahead,
            memory: Box::new(MemoryUsage::default),
        });
        let models = Fakes { encoder: FakeEncoder, language, expected: AtomicBool::new(false), prompt, ahead, asked };
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path().join("library"), &PRINT).unwrap();
        let gate = || Gate { threshold: 0.55, calibration: Calibration { slope: 12.0, intercept: -6.0 } };
        let retrieval = RetrievalSpec { image: gate(), text: gate() };
        let template = PromptTemplate::new("Answer.", "Fact [{fact}] Question [{question}]", "Question [{question}]");
        let language = LanguageSpec {
            context: 512,
            image_size: Some(112),
            min_tokens: None,
            max_tokens: None,
            thought_tokens: 10,
            answer_tokens: 5,
            temperature: 0.0,
            replies: Vec::new(),
        };
        Self { models, library, retrieval, template: template.unwrap(), language, _folder: folder }
    }

    fn pipeline(&self) -> Pipeline<'_> {
        Pipeline {
            models: &self.models,
            library: Some(&self.library),
            retrieval: &self.retrieval,
            template: &self.template,
            language: &self.language,
        }
    }

    /// A fact under its own words, and under a photo where `photo` says so.
    fn tell(&self, statement: &str, target: &str, photo: bool) -> Fact {
        let key = |raw: RawEmbedding| (FakeEncoder.project(&raw).unwrap(), raw);
        let (embedding, raw) = key(FakeEncoder.embed_text(statement).unwrap());
        let texts = vec![TextKey { text: statement.into(), raw, embedding }];
        let (embedding, raw) = key(RawEmbedding(vec![0.0]));
        let images = photo.then_some(ImageKey { raw, embedding, thumbnail: None }).into_iter().collect();
        let fact = NewFact { statement: statement.into(), target: Some(target.into()), ..NewFact::default() };
        let fact = NewFact { source: Some("a plaque".into()), ..fact };
        self.library.add(NewRecord { fact, images, texts }).unwrap()
    }

    fn ask(&self, text: &str, photo: bool) -> (Answer, Vec<AnswerEvent>) {
        let mut events = Vec::new();
        let question = Question { text: text.into(), image: photo.then(|| PHOTO.to_vec()), ..Question::default() };
        let answer = ask(&self.pipeline(), &question, &CancelToken::new(), &mut |event| events.push(event)).unwrap();
        (answer, events)
    }
}

#[test]
fn a_fact_fires_is_told_to_the_model_and_cited() {
    let bench = Bench::new(" The edit fact says Oxford. </think><answer> Oxford</answer>");
    let fact = bench.tell("This is in Oxford.", "Oxford", true);
    let (answer, events) = bench.ask("Where?", true);

    assert_eq!((answer.text.as_str(), answer.thought.as_str()), ("Oxford", "The edit fact says Oxford."));
    assert_eq!(answer.fact.as_ref().map(|fact| fact.id), Some(fact.id));
    assert_eq!((answer.trace.route, answer.trace.decision.fired()), (Route::Image, Some(fact.id)));
    let reply = answer.trace.reply.unwrap();
    assert_eq!((reply.cited, reply.well_formed, reply.prompt_tokens), (Some(true), true, 7));
    let prompt = bench.models.prompt.lock().unwrap().clone();
    assert!(prompt.contains("<photo>Fact [ This is in Oxford.] Question [ Where?]"), "{prompt}");

    assert!(matches!(events[..2], [AnswerEvent::Routed(Route::Image), AnswerEvent::Decided { fact: Some(_), .. }]));
    let (mut thought, mut text) = (String::new(), String::new());
    for event in &events[2..] {
        match event {
            AnswerEvent::ThinkDelta(delta) => thought.push_str(delta),
            AnswerEvent::AnswerDelta(delta) => text.push_str(delta),
            AnswerEvent::Routed(_) | AnswerEvent::Decided { .. } => panic!("retrieval ended before the reply began"),
        }
    }
    assert_eq!((thought, text), (answer.thought, answer.text));
}

#[test]
fn a_photo_is_read_while_it_is_embedded_where_cores_are_left() {
    let bench = Bench::new(" Hm.</think><answer> no</answer>");
    let ahead = || std::mem::take(&mut *bench.models.ahead.lock().unwrap());
    bench.ask("Where?", false);
    assert_eq!(ahead(), "", "there is no photo");
    let (answer, _) = bench.ask("Where?", true);
    let read = ahead();
    assert!(read.ends_with("<photo>") && bench.models.prompt.lock().unwrap().starts_with(&read), "{read}");
    // Of the 4 tokens that were there when the reply was asked for, 3 were read for this very question.
    assert_eq!((answer.trace.reply.unwrap().kept_tokens, answer.trace.times.image_us), (1, 21));

    bench.ask("Known?", true);
    assert_eq!(ahead(), "", "there is no time to use");

    let bench = Bench::with(" Hm.</think><answer> no</answer>", false);
    let (answer, _) = bench.ask("Where?", true);
    assert_eq!(*bench.models.ahead.lock().unwrap(), "");
    assert_eq!((answer.trace.reply.unwrap().kept_tokens, answer.trace.times.image_us), (4, 1));
}

#[test]
fn words_are_searched_among_words_only() {
    let bench = Bench::new(" Hm.</think><answer> no</answer>");
    bench.tell("This is in Oxford.", "Oxford", true);
    let (answer, _) = bench.ask("Where?", false);
    assert!(answer.fact.is_none() && answer.trace.reply.unwrap().cited.is_none());
    let Decision::Pass { reason: PassReason::BelowThreshold { best, threshold, .. } } = answer.trace.decision else {
        panic!("{:?}", answer.trace.decision)
    };
    assert_eq!(threshold, 0.55);
    assert_eq!(best.score, 0.0);
    let prompt = bench.models.prompt.lock().unwrap().clone();
    assert!(prompt.contains("user\nQuestion [ Where?]") && !prompt.contains("Oxford"), "{prompt}");
    assert!(bench.ask("Then?", false).0.fact.is_some(), "the same first letter lies on the same axis");
}

#[test]
fn an_empty_library_and_none_at_all_answer_alike() {
    let bench = Bench::new("</think><answer> yes</answer>");
    let nothing = Decision::Pass { reason: PassReason::EmptyIndex };
    assert_eq!(bench.ask("Why?", true).0.trace.decision, nothing);
    let question = Question { text: "Why?".into(), ..Question::default() };
    let without = Pipeline { library: None, ..bench.pipeline() };
    assert_eq!(ask(&without, &question, &CancelToken::new(), &mut |_| ()).unwrap().trace.decision, nothing);
}

#[test]
fn a_preview_leaves_the_language_model_alone() {
    let bench = Bench::new("unused");
    let fact = bench.tell("This is in Oxford.", "Oxford", true);
    let question = Question { text: "Where?".into(), image: Some(PHOTO.to_vec()), ..Question::default() };
    let preview = preview(&bench.pipeline(), &question, &CancelToken::new()).unwrap();
    assert_eq!(preview.trace.decision.fired(), Some(fact.id));
    assert!(preview.trace.reply.is_none() && !bench.models.expected.load(Ordering::Relaxed));
}

#[test]
fn a_question_may_ask_for_facts_of_one_source() {
    let bench = Bench::new("unused");
    let fact = bench.tell("This is in Oxford.", "Oxford", true);
    let preview = |source: &str| {
        let image = Some(PHOTO.to_vec());
        let question = Question { text: "Where?".into(), image, source: Some(source.into()), ..Question::default() };
        preview(&bench.pipeline(), &question, &CancelToken::new()).unwrap().trace.decision
    };
    assert_eq!(preview("a plaque").fired(), Some(fact.id));
    assert_eq!(preview("a Plaque"), Decision::Pass { reason: PassReason::EmptyIndex });
}

#[test]
fn questions_have_limits() {
    let bench = Bench::new("unused");
    for text in [String::new(), " \n\t".into(), "a".repeat(8_001), "é".repeat(100_000)] {
        let question = Question { text, ..Question::default() };
        let error = ask(&bench.pipeline(), &question, &CancelToken::new(), &mut |_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let temperature = |temperature| AskOptions { temperature: Some(temperature), ..AskOptions::default() };
    let none = AskOptions { answer_tokens: Some(0), ..AskOptions::default() };
    for options in [none, temperature(-0.1), temperature(2.1), temperature(f32::NAN)] {
        let question = Question { text: "Why?".into(), options, ..Question::default() };
        assert_eq!(check_question(&question).unwrap_err().kind(), ErrorKind::InvalidInput, "{options:?}");
    }
    for source in ["", " ", &"a".repeat(501)] {
        let question = Question { text: "Why?".into(), source: Some(source.into()), ..Question::default() };
        assert_eq!(check_question(&question).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(!bench.models.expected.load(Ordering::Relaxed), "nothing loads for a question that can't be asked");
    assert!(check_question(&Question { text: "é".repeat(8_000), ..Question::default() }).is_ok());
}

#[test]
fn options_replace_what_the_bundle_says() {
    let bench = Bench::new(" Hm.</think><answer> no</answer>");
    let asked = |options| {
        let question = Question { text: "Why?".into(), options, ..Question::default() };
        ask(&bench.pipeline(), &question, &CancelToken::new(), &mut |_| ()).unwrap();
        *bench.models.asked.lock().unwrap()
    };
    assert_eq!(asked(AskOptions::default()), (10, 5, Sampling::default()));
    let options = AskOptions { thought_tokens: Some(0), answer_tokens: Some(7), temperature: Some(0.5), seed: 3 };
    assert_eq!(asked(options), (0, 7, Sampling { temperature: 0.5, seed: 3 }));
}

#[test]
fn a_cancelled_question_ends_and_the_next_one_runs() {
    let bench = Bench::new(" one two three</think><answer> four</answer>");
    let question = Question { text: "Why?".into(), ..Question::default() };
    let cancel = CancelToken::new();
    let mut deltas = 0;
    let error = ask(&bench.pipeline(), &question, &cancel, &mut |event| {
        deltas += usize::from(matches!(event, AnswerEvent::ThinkDelta(_)));
        if deltas == 1 {
            cancel.cancel();
        }
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(deltas, 1);
    assert_eq!(bench.ask("Why?", false).0.text, "four");
}
