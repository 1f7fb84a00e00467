//! What may stand on the command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use crane_core::library::pack::OnConflict;

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

#[derive(Subcommand)]
pub(crate) enum FactCommand {
    /// Store a correction
    Add(AddArgs),
    /// List the facts, newest first
    List {
        /// Deleted facts too
        #[arg(long)]
        all: bool,
    },
    /// Show one fact and what it is found by
    Show(IdArg),
    /// Let a disabled fact fire again
    Enable(IdArg),
    /// Keep a fact, but don't let it fire
    Disable(IdArg),
    /// Delete a fact; its history stays, and `enable` brings it back
    Delete(IdArg),
    /// Change what a fact says, or add to what it is found by
    Edit(EditArgs),
    /// Store a correction in place of another one, which stays in the history
    Supersede {
        /// The fact to replace, by its id or first digits
        id: String,
        #[command(flatten)]
        new: AddArgs,
    },
    /// Take back the newest change
    Undo,
    /// Bring back what was undone last
    Redo,
    /// Show the changes, newest first
    History {
        /// Of this fact only, by its id or first digits
        id: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
    /// Make a fact what it was right after a change of the history
    Restore {
        /// The fact, by its id or first digits
        id: String,
        /// The change's number, as `history` shows it
        #[arg(long, value_name = "NUMBER")]
        change: i64,
    },
    /// Erase a fact for good, from every file of the library; a receipt remains
    Forget {
        /// The fact, by its id or first digits
        id: String,
        /// Without being asked
        #[arg(long, short)]
        yes: bool,
    },
    /// Find facts by their words
    Search {
        /// Words that the facts hold; the last one may be begun only
        #[arg(required = true)]
        words: Vec<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
}

#[derive(Subcommand)]
pub(crate) enum LibraryCommand {
    /// Show how much the library holds, and where
    Stat,
    /// Check database, history, full text and index files against each other; changes nothing
    Check,
    /// Check, and make anew what is derived; facts and history are never touched
    Repair,
    /// Save what can be read of a damaged library into a new one; the damaged one stays as it is
    Salvage {
        /// Folder of the new library, empty or not there yet
        into: PathBuf,
    },
    /// Go over to other models: make every vector anew
    Reembed {
        /// Erase photos' keys of which no copy is kept, since other encoders can't read them again
        #[arg(long)]
        erase_unreadable: bool,
    },
    /// Write facts into one file, a fact pack, for another library
    Export(ExportArgs),
    /// Take in a fact pack: look at it first, then all of it at once
    Import(ImportArgs),
    /// Encrypt the library with the key in `--key-file`; where there is no such file, a new key is written to it
    Encrypt,
    /// Make the library plain again
    Decrypt,
    /// Encrypt the library anew with another key
    Rekey {
        /// The file with the new key; where there is none, a new key is written to it
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
    /// Make a key to sign fact packs with
    Keygen {
        /// The file to write the secret key to; it must not exist yet
        file: PathBuf,
    },
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The fact pack to write, such as facts.cranepack
    pub(crate) file: PathBuf,

    /// Only this fact, by its id or first digits; may be given several times [default: every fact that is not deleted]
    #[arg(long, value_name = "ID", action = ArgAction::Append)]
    pub(crate) fact: Vec<String>,

    /// Leave the small copies of photos out
    #[arg(long)]
    pub(crate) no_thumbnails: bool,

    /// Leave out what the facts said before, and when they were changed
    #[arg(long)]
    pub(crate) no_history: bool,

    /// Sign the pack with the key in this file (see `library keygen`)
    #[arg(long, value_name = "KEYFILE")]
    pub(crate) sign: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// The fact pack
    pub(crate) file: PathBuf,

    /// Only show what an import would do
    #[arg(long)]
    pub(crate) preview: bool,

    /// Import without being asked
    #[arg(long, short, conflicts_with = "preview")]
    pub(crate) yes: bool,

    /// Trust packs signed with this public key, `cranepub1:…` or a file that holds it; may be given several times
    #[arg(long, value_name = "PUBKEY", action = ArgAction::Append)]
    pub(crate) trust: Vec<String>,

    /// What becomes of facts that something here stands against
    #[arg(long, value_enum, default_value_t = Policy::Skip)]
    pub(crate) on_conflict: Policy,

    /// From which similarity two photos are taken for the same picture, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) similarity: f32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Policy {
    /// They stay outside
    Skip,
    /// They are added beside
    KeepBoth,
    /// They replace what stands against them
    Supersede,
}

impl From<Policy> for OnConflict {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Skip => Self::Skip,
            Policy::KeepBoth => Self::KeepBoth,
            Policy::Supersede => Self::Supersede,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct IdArg {
    /// The fact's id, or its first digits (at least 4)
    pub(crate) id: String,
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// The fact in one or two sentences, at most 2,000 characters
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) statement: String,

    /// What the fact is about, such as "Brasenose College"
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,

    /// The expected answer, such as "Oxford"
    #[arg(long, value_name = "TEXT")]
    pub(crate) target: Option<String>,

    /// A photo of what the fact is about (JPEG, PNG, WebP, GIF, BMP, TIFF); may be given several times
    #[arg(long, short, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) image: Vec<PathBuf>,

    /// A further text under which the fact is found; may be given several times
    #[arg(long, value_name = "TEXT", action = ArgAction::Append)]
    pub(crate) text: Vec<String>,

    /// Where the fact comes from, such as "museum label"
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,

    /// A remark of your own
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,

    /// Keep a small copy of each photo in the library, so that later encoders can read it again
    #[arg(long)]
    pub(crate) keep_thumbnails: bool,

    /// When a fact in force says otherwise of the same subject, or has nearly the same photo
    #[arg(long, value_enum, default_value_t = Conflicting::Ask)]
    pub(crate) on_conflict: Conflicting,

    /// From which similarity two photos are taken for the same picture, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) similarity: f32,
}

/// What becomes of a new fact that something stands against.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflicting {
    /// You are asked; where nobody can be asked, nothing is stored
    Ask,
    /// It replaces what stands against it
    Supersede,
    /// It is stored beside it; the better match fires, of equal ones the older
    KeepBoth,
    /// Nothing is stored
    Cancel,
}

#[derive(clap::Args)]
pub(crate) struct EditArgs {
    /// The fact's id, or its first digits (at least 4)
    pub(crate) id: String,

    /// What it says from now on; it is found by that in place of the old statement
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) statement: Option<String>,

    /// What it is about; empty: nothing in particular
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,

    /// The expected answer; empty: none
    #[arg(long, value_name = "TEXT")]
    pub(crate) target: Option<String>,

    /// Where it comes from; empty: it is not said
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,

    /// A remark of your own; empty: none
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,

    /// A further photo by which it is found; may be given several times
    #[arg(long, short, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) image: Vec<PathBuf>,

    /// A further text by which it is found; may be given several times
    #[arg(long, value_name = "TEXT", action = ArgAction::Append)]
    pub(crate) text: Vec<String>,

    /// Keep a small copy of each photo in the library, so that later encoders can read it again
    #[arg(long)]
    pub(crate) keep_thumbnails: bool,
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
