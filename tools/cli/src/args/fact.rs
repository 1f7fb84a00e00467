//! What may stand behind `crane fact`.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};

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
