//! What may stand on the command line.

mod fact;
mod library;

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use fact::{AddArgs, Conflicting, EditArgs, FactCommand};
pub(crate) use library::{ExportArgs, ImportArgs, LibraryCommand};

const ABOUT: &str = "Correct a fact once, on your own device; the model reasons with it from then on.";

pub(crate) const AFTER: &str = "\
Examples:
  crane fact add --image college.jpg --statement \"This building is Brasenose College, in Oxford.\" --target Oxford
  crane ask \"Which city is this in?\" --image another-photo.jpg
  crane preview \"Which city is this in?\" --image another-photo.jpg
  crane demo

Exit codes:
    0  done
    2  the command line is wrong
   11  not found: a fact or a file does not exist
   12  invalid input: something is empty, too long or contradictory
   13  unsupported image: not a photo that can be decoded within the limits
   14  a model file is missing
   15  a model file is damaged or altered
   16  the library was written with other encoders
   17  another process writes to the library
   18  the library is damaged, or newer than this version
   19  the disk is full
   20  not enough memory
   22  the app is in the background (not on this platform)
   23  question and reply do not fit the model's context
   24  a defect of Crane's
   25  the library is read-only
   26  the storage device failed
   28  it was closed before (not from the command line)
   29  the fact pack is damaged, altered or newer than this version
   30  the library is encrypted: its key is missing or another one, or it is not encrypted and a key was given
  130  cancelled (Ctrl-C)";

#[derive(Parser)]
#[command(name = "crane", version, about = ABOUT, after_help = AFTER, max_term_width = 120)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Folder of the fact library [default: `crane/library` in your data folder]
    #[arg(long, global = true, env = "CRANE_LIBRARY", value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,

    /// Folder of the model bundle [default: models/tiny here or in a folder above]
    #[arg(long, global = true, env = "CRANE_MODELS", value_name = "DIR")]
    pub(crate) models: Option<PathBuf>,

    /// File with the key of an encrypted library (see `library encrypt`)
    #[arg(long, global = true, env = "CRANE_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Print one JSON value instead of text; errors become JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Show what was scored, which backends ran and where the time went
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// Threads for the models [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroU32>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add, find, change, undo and forget corrections
    #[command(subcommand)]
    Fact(FactCommand),
    /// Look after the fact library
    #[command(subcommand)]
    Library(LibraryCommand),
    /// Ask a question, with or without a photo
    Ask(AskArgs),
    /// Show which fact would fire on a question, without running the language model
    Preview(QuestionArgs),
    /// Look after the model bundle
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// List what the language model can compute on
    Devices {
        /// Forget that a GPU has crashed, and try it again
        #[arg(long)]
        retry: bool,
    },
    /// Tell the story on real pictures: ask, correct, ask again; ends with a table and a web page
    Demo(DemoArgs),
    /// Run an evaluation set and judge the replies by rule
    #[command(hide = true)]
    Eval(EvalArgs),
}

#[derive(clap::Args)]
pub(crate) struct QuestionArgs {
    /// The question, at most 8,000 characters
    pub(crate) question: String,

    /// The photo that the question is about
    #[arg(long, short, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,

    /// Only facts with exactly this source may fire
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    /// Most tokens of the thought [default: the bundle's]
    #[arg(long, value_name = "N")]
    pub(crate) thinking: Option<u32>,

    /// Answer without a thought
    #[arg(long, conflicts_with = "thinking")]
    pub(crate) answer_only: bool,

    /// Most tokens of the answer [default: the bundle's]
    #[arg(long, value_name = "N")]
    pub(crate) answer_tokens: Option<u32>,

    /// 0: the likeliest words; up to 2: drawn by chance, the more freely the greater it is [default: the bundle's]
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f32>,

    /// What chance draws from: the same seed gives the same reply
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Subcommand)]
pub(crate) enum BundleCommand {
    /// Check every model file against the size and SHA-256 of bundle.toml
    Verify,
    /// Show what the models are: architecture, size, quantisation; none is loaded
    Info,
}

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// The web page to write
    #[arg(long, value_name = "FILE", default_value = "crane-demo.html")]
    pub(crate) html: PathBuf,

    /// Folder with the pictures and story.toml [default: `demo` in the bundle's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) pictures: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct EvalArgs {
    /// The cases, one JSON object a line; facts and photos are beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: PathBuf,

    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Write every reply and its verdict, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) replies: Option<PathBuf>,

    /// Only these scenarios
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,

    /// At most this many cases of each scenario
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_thought_is_wanted_or_not() {
        let asked = |line: &str| match Args::try_parse_from(line.split(' ')).ok()?.command {
            Command::Ask(args) => Some(args.thinking.or(args.answer_only.then_some(0))),
            _ => None,
        };
        assert_eq!(asked("crane ask Why? --thinking 9 --seed 7 --temperature 0.5"), Some(Some(9)));
        assert_eq!(asked("crane ask Why? --answer-only"), Some(Some(0)));
        assert_eq!(asked("crane ask Why? --answer-only --thinking 9"), None);
    }

    #[test]
    fn global_options_may_stand_anywhere() {
        for line in ["crane --json ask Why? -i a.jpg", "crane ask Why? -i a.jpg --json"] {
            let args = Args::try_parse_from(line.split(' ')).ok().unwrap();
            assert!(args.place.json);
        }
    }
}
