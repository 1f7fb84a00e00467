//! `crane demo`: a person corrects what their model believes, on real pictures; a table and a web page at the end.

mod html;
mod story;
mod table;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crane_core::{Answer, AnswerEvent, CancelToken, Error, ErrorKind, Fact, NewFact, OpenOptions, Question, Runtime};
use serde::Serialize;

use crate::args::DemoArgs;
use crate::ask::{self, Stream};
use crate::context::Context;
use crate::eval::same;
use crate::failure::Failure;
use crate::screen::{self, BAD, BOLD, DIM, GOOD, HEAD};
use story::{Script, Step, Story, StoryFact};

/// A story that was told.
#[derive(Serialize)]
pub(crate) struct Told {
    pub(crate) title: String,
    /// Name and version of the models.
    pub(crate) bundle: String,
    pub(crate) scenes: Vec<Scene>,
}

/// One step of it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Scene {
    Asked(Box<Asked>),
    Corrected(Box<Corrected>),
}

#[derive(Serialize)]
pub(crate) struct Asked {
    pub(crate) caption: String,
    pub(crate) scenario: Option<String>,
    pub(crate) question: String,
    pub(crate) expect: Option<String>,
    /// Whether the answer is the expected one.
    pub(crate) as_expected: Option<bool>,
    #[serde(flatten)]
    pub(crate) answer: Answer,
    #[serde(skip)]
    pub(crate) picture: Option<Vec<u8>>,
}

#[derive(Serialize)]
pub(crate) struct Corrected {
    pub(crate) caption: String,
    pub(crate) fact: Fact,
    #[serde(skip)]
    pub(crate) picture: Option<Vec<u8>>,
}

pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<(), Failure> {
    let folder = args.pictures.clone().unwrap_or_else(|| context.models.join("demo"));
    let story = Story::read(&folder)?;
    let temporary = tempfile::tempdir()
        .map_err(|error| Error::new(ErrorKind::StorageFailed, "no temporary folder can be made").with_source(error))?;
    let library = temporary.path().join("library");
    let runtime = Runtime::open(OpenOptions { library, ..context.options()? })?;

    let told = if context.json {
        tell(&runtime, &story, &mut io::sink())?
    } else {
        tell(&runtime, &story, &mut screen::stdout())?
    };
    write_page(&args.html, &html::page(&told))?;
    if context.json {
        return Ok(screen::json(&told)?);
    }
    let mut out = screen::stdout();
    table::write(&mut out, &told)?;
    writeln!(out, "\n{DIM}The story with its pictures:{DIM:#} {}", args.html.display())?;
    Ok(())
}

/// Tells the story step by step.
fn tell(runtime: &Runtime, story: &Story, out: &mut impl Write) -> Result<Told, Failure> {
    let Script { title, steps, .. } = &story.script;
    writeln!(out, "{BOLD}{title}{BOLD:#}")?;
    let mut scenes = Vec::with_capacity(steps.len());
    for (step, number) in steps.iter().zip(1..) {
        scenes.push(match step {
            Step::Correct { caption, fact } => {
                writeln!(out, "\n{HEAD}{number}. {caption}{HEAD:#}")?;
                Scene::Corrected(Box::new(correct(runtime, story, caption, story.script.fact(fact), out)?))
            }
            Step::Ask { caption, question, image, expect, scenario } => {
                writeln!(out, "\n{HEAD}{number}. {caption}{HEAD:#}")?;
                let picture = image.as_deref().map(|name| story.picture(name)).transpose()?;
                show_question(out, question, image.as_deref())?;
                let question = Question { text: question.clone(), image: picture, ..Question::default() };
                let answer = answer(runtime, &question, out)?;
                let as_expected = expect.as_deref().map(|expect| same(&answer.text, expect));
                show_expected(out, expect.as_deref(), as_expected)?;
                let (caption, scenario, expect) = (caption.clone(), scenario.clone(), expect.clone());
                let Question { text: question, image: picture, .. } = question;
                Scene::Asked(Box::new(Asked { caption, scenario, question, expect, as_expected, answer, picture }))
            }
        });
    }
    let bundle = format!("{} {}", runtime.bundle().name(), runtime.bundle().version());
    Ok(Told { title: title.clone(), bundle, scenes })
}

fn correct(
    runtime: &Runtime,
    story: &Story,
    caption: &str,
    fact: &StoryFact,
    out: &mut impl Write,
) -> Result<Corrected, Failure> {
    let StoryFact { id: _, statement, subject, target, image } = fact;
    let picture = image.as_deref().map(|name| story.picture(name)).transpose()?;
    let new = NewFact {
        statement: statement.clone(),
        subject: subject.clone(),
        target: target.clone(),
        images: picture.iter().cloned().collect(),
        ..NewFact::default()
    };
    let fact = runtime.add_fact(new)?;
    writeln!(
        out,
        "{}{GOOD}{}{GOOD:#}{}",
        screen::label("told"),
        screen::one_line(&fact.statement),
        with(image.as_deref())
    )?;
    Ok(Corrected { caption: caption.to_owned(), fact, picture })
}

fn answer(runtime: &Runtime, question: &Question, out: &mut impl Write) -> Result<Answer, Failure> {
    let mut stream = Stream::new(out);
    let answer = runtime.ask(question, &CancelToken::new(), &mut |event: AnswerEvent| stream.show(&event))?;
    stream.end()?;
    ask::write_summary(out, &answer)?;
    Ok(answer)
}

fn show_question(out: &mut impl Write, question: &str, image: Option<&str>) -> io::Result<()> {
    writeln!(out, "{}{BOLD}{}{BOLD:#}{}", screen::label("question"), screen::one_line(question), with(image))
}

fn with(image: Option<&str>) -> String {
    image.map_or_else(String::new, |image| format!("  {DIM}[{image}]{DIM:#}"))
}

fn show_expected(out: &mut impl Write, expect: Option<&str>, as_expected: Option<bool>) -> io::Result<()> {
    match (expect, as_expected) {
        (Some(_), Some(true)) => writeln!(out, "{}{GOOD}as expected{GOOD:#}", screen::indent()),
        (Some(expect), _) => writeln!(out, "{}{BAD}expected: {expect}{BAD:#}", screen::indent()),
        (None, _) => Ok(()),
    }
}

fn write_page(path: &Path, page: &str) -> crane_core::Result<()> {
    fs::write(path, page).map_err(|error| {
        let message = format!("{} can't be written: name another file with --html", path.display());
        Error::new(ErrorKind::StorageFailed, message).with_source(error)
    })
}
