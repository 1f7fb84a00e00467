//! `crane ask` and `crane preview`.

use std::io::{self, Write};

use crane_core::{Answer, AnswerEvent, AskOptions, Fact, Question, Trace};
use serde::Serialize;

use crate::args::{AskArgs, QuestionArgs};
use crate::context::{Context, cancelled_by_ctrl_c};
use crate::failure::Failure;
use crate::photo;
use crate::screen::{self, BAD, BOLD, DIM, GOOD};

/// What `preview --json` prints.
#[derive(Serialize)]
struct PreviewView<'a> {
    fact: Option<&'a Fact>,
    #[serde(flatten)]
    trace: &'a Trace,
}

pub(crate) fn ask(context: &Context, args: &AskArgs) -> Result<(), Failure> {
    let question = question(&args.question, options(args))?;
    let cancel = cancelled_by_ctrl_c()?;
    let runtime = context.reader()?;
    if context.json {
        let answer = runtime.ask(&question, &cancel, &mut |_| ())?;
        return Ok(screen::json(&answer)?);
    }
    let mut out = screen::stdout();
    let mut stream = Stream::new(&mut out);
    let answer = runtime.ask(&question, &cancel, &mut |event| stream.show(&event))?;
    stream.end()?;
    write_summary(&mut out, &answer)?;
    if context.verbose {
        screen::write_details(&mut out, &answer.trace)?;
    }
    Ok(())
}

pub(crate) fn preview(context: &Context, args: &QuestionArgs) -> Result<(), Failure> {
    let question = question(args, AskOptions::default())?;
    let preview = context.reader()?.preview(&question)?;
    let (fact, trace) = (preview.fact.as_ref(), &preview.trace);
    if context.json {
        return Ok(screen::json(&PreviewView { fact, trace })?);
    }
    let mut out = screen::stdout();
    screen::write_decision(&mut out, &trace.decision, fact)?;
    if context.verbose {
        screen::write_details(&mut out, trace)?;
    }
    Ok(())
}

fn question(args: &QuestionArgs, options: AskOptions) -> crane_core::Result<Question> {
    let image = args.image.as_deref().map(photo::read).transpose()?;
    Ok(Question { text: args.question.clone(), image, source: args.source.clone(), options })
}

fn options(args: &AskArgs) -> AskOptions {
    let AskArgs { thinking, answer_only, answer_tokens, temperature, seed, .. } = *args;
    AskOptions { thought_tokens: thinking.or(answer_only.then_some(0)), answer_tokens, temperature, seed }
}

/// Shows an answer while it comes: the fact, the thought (dim), the answer (bold).
pub(crate) struct Stream<'a, W: Write> {
    out: &'a mut W,
    channel: Channel,
    /// The first error of `out`; events can't return it.
    failed: Option<io::Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    None,
    Thought,
    Answer,
}

impl<'a, W: Write> Stream<'a, W> {
    pub(crate) fn new(out: &'a mut W) -> Self {
        Self { out, channel: Channel::None, failed: None }
    }

    pub(crate) fn show(&mut self, event: &AnswerEvent) {
        if self.failed.is_none() {
            self.failed = self.write(event).err();
        }
    }

    /// Ends the last line.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.switch(Channel::None)?;
        self.failed.map_or(Ok(()), Err)
    }

    fn write(&mut self, event: &AnswerEvent) -> io::Result<()> {
        match event {
            AnswerEvent::Routed(_) => Ok(()),
            AnswerEvent::Decided { decision, fact } => screen::write_decision(self.out, decision, fact.as_deref()),
            AnswerEvent::ThinkDelta(text) => {
                self.switch(Channel::Thought)?;
                self.piece(DIM, text)
            }
            AnswerEvent::AnswerDelta(text) => {
                self.switch(Channel::Answer)?;
                self.piece(BOLD, text)
            }
        }
    }

    fn piece(&mut self, style: anstyle::Style, text: &str) -> io::Result<()> {
        let text = screen::printable(text).replace('\n', &format!("\n{}", screen::indent()));
        write!(self.out, "{style}{text}{style:#}")?;
        self.out.flush()
    }

    fn switch(&mut self, to: Channel) -> io::Result<()> {
        if self.channel == to {
            return Ok(());
        }
        if self.channel != Channel::None {
            writeln!(self.out)?;
        }
        self.channel = to;
        match to {
            Channel::None => Ok(()),
            Channel::Thought => write!(self.out, "{}", screen::label("thought")),
            Channel::Answer => write!(self.out, "{}", screen::label("answer")),
        }
    }
}

/// Whether the thought rests on the fact, and how long it all took.
pub(crate) fn write_summary(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let cited = match answer.trace.reply.as_ref().and_then(|reply| reply.cited) {
        Some(true) => format!("{GOOD}cites the fact{GOOD:#} · "),
        Some(false) => format!("{BAD}does not cite the fact{BAD:#} · "),
        None => String::new(),
    };
    let times = &answer.trace.times;
    let (total, first) = (screen::time(times.total_us), screen::time(times.first_text_us));
    writeln!(out, "{}{cited}{DIM}{total}, first words after {first}{DIM:#}", screen::indent())
}
