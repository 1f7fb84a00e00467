//! Where models and facts are, and how to talk about them.

use std::env;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crane_core::{CancelToken, Error, ErrorKind, OpenOptions, Result, Runtime};

use crate::args::Place;
use crate::key;

/// The options that every command shares.
pub(crate) struct Context {
    pub(crate) models: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    /// What is remembered beside the library; none where this system has no place for it.
    pub(crate) state: Option<PathBuf>,
    key_file: Option<PathBuf>,
    threads: Option<NonZeroU32>,
}

impl Context {
    pub(crate) fn new(place: Place) -> Self {
        let Place { library, models, key_file, json, verbose, threads } = place;
        let models = models.unwrap_or_else(default_models);
        let library = library.unwrap_or_else(|| default_library(&env_path));
        let state = data_folder(&env_path).map(|data| data.join("crane/state"));
        Self { models, library, json, verbose, state, key_file, threads }
    }

    /// Opens for reading: nothing is created, and other processes don't mind.
    pub(crate) fn reader(&self) -> Result<Runtime> {
        Runtime::open(OpenOptions { read_only: true, ..self.options()? })
    }

    /// Opens for changes.
    pub(crate) fn writer(&self) -> Result<Runtime> {
        Runtime::open(self.options()?)
    }

    /// The error of a command that needs a library where there is none.
    pub(crate) fn no_library(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no library in {}", self.library.display()))
    }

    pub(crate) fn options(&self) -> Result<OpenOptions> {
        let key = self.key_file.as_deref().map(key::read).transpose()?;
        let (threads, state) = (self.threads, self.state.clone());
        Ok(OpenOptions { threads, key, state, ..OpenOptions::new(&self.models, &self.library) })
    }

    /// The file with the library's key, for commands that are about it.
    pub(crate) fn key_file(&self) -> Result<&Path> {
        let missing = "say which file holds the library's key: --key-file FILE";
        self.key_file.as_deref().ok_or_else(|| Error::new(ErrorKind::InvalidInput, missing))
    }
}

/// Ctrl-C asks the work to stop where it leaves nothing half-done.
pub(crate) fn cancelled_by_ctrl_c() -> Result<CancelToken> {
    let cancel = CancelToken::new();
    let token = cancel.clone();
    let handler = move || {
        // Asked twice: whatever is stuck does not matter any more.
        if token.is_cancelled() {
            std::process::exit(130);
        }
        token.cancel();
    };
    let failed = |error| Error::new(ErrorKind::Internal, "Ctrl-C can't be handled").with_source(error);
    ctrlc::set_handler(handler).map_err(failed)?;
    Ok(cancel)
}

/// `models/tiny` in the current folder or the nearest one above that has it.
fn default_models() -> PathBuf {
    let tiny = Path::new("models/tiny");
    let here = env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|folder| folder.join(tiny)).find(|folder| folder.join("bundle.toml").is_file());
    found.unwrap_or_else(|| tiny.to_owned())
}

/// `crane/library` where this system keeps people's data; in the current folder where there is no such place.
fn default_library(env: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    data_folder(env).map_or_else(|| PathBuf::from("crane-library"), |data| data.join("crane/library"))
}

fn data_folder(env: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if cfg!(windows) {
        env("LOCALAPPDATA")
    } else if cfg!(target_vendor = "apple") {
        env("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        env("XDG_DATA_HOME").or_else(|| env("HOME").map(|home| home.join(".local/share")))
    }
}

/// An absolute path from the environment; a relative one means nothing there (XDG base directories say so).
fn env_path(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_a_place_with_and_without_a_home() {
        assert_eq!(default_library(&|_| None), Path::new("crane-library"));
        let homely = default_library(&|name| (name == "HOME" || name == "LOCALAPPDATA").then(|| "/home/ann".into()));
        assert!(homely.starts_with("/home/ann") && homely.ends_with("crane/library"));
    }
}
