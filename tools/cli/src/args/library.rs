//! What may stand behind `crane library`.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};
use crane_core::library::pack::OnConflict;

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
