//! A place to run `crane` in.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::outcome::Outcome;
use crate::{bundle, picture};

/// A temporary folder with a library that no other test sees.
pub struct Bench {
    dir: TempDir,
    models: PathBuf,
    library: PathBuf,
}

impl Bench {
    /// A bench with the usual models and a library that does not exist yet.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("the temporary folder is writable");
        let library = dir.path().join("library");
        Self { dir, models: bundle::models(), library }
    }

    /// The same bench with other models.
    #[must_use]
    pub fn with_models(mut self, models: PathBuf) -> Self {
        self.models = models;
        self
    }

    /// The same bench with its library elsewhere.
    #[must_use]
    pub fn with_library(mut self, library: PathBuf) -> Self {
        self.library = library;
        self
    }

    /// The bench's own folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The library's folder.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Writes a file into the bench's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.dir().join(name);
        std::fs::write(&file, bytes).expect("the temporary folder is writable");
        file
    }

    /// `crane` with this bench's models and library and `--json`, ready to be given a subcommand.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.arg("--models").arg(&self.models).arg("--library").arg(&self.library).arg("--json");
        command.stdin(Stdio::null());
        command
    }

    /// Runs `crane` to its end.
    pub fn crane<S: AsRef<OsStr>>(&self, args: &[S]) -> Outcome {
        Outcome::of(self.command().args(args))
    }

    /// Adds a fact with a picture and expects that to work; returns the fact's id.
    pub fn add_fact(&self, statement: &str) -> String {
        let added = self.crane(&[
            OsStr::new("fact"),
            OsStr::new("add"),
            OsStr::new("--statement"),
            OsStr::new(statement),
            OsStr::new("--image"),
            picture("plain.png").as_os_str(),
            // All facts of a bench are about the same picture.
            OsStr::new("--on-conflict"),
            OsStr::new("keep-both"),
        ]);
        let id = added.ok()["id"].as_str().map(str::to_owned);
        id.expect("`fact add --json` answers with the fact")
    }

    /// How many facts `fact list` shows.
    pub fn facts(&self) -> usize {
        self.crane(&["fact", "list"]).ok().as_array().expect("`fact list --json` answers with an array").len()
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

/// The `crane` binary, built in the profile and target folder that these tests were built in.
///
/// Cargo names a binary to tests of its own package only; asking cargo once per process keeps this one from being stale.
/// `CRANE_TEST_BINARY` names another one.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = std::env::var_os("CRANE_TEST_BINARY") {
            return named.into();
        }
        let test = std::env::current_exe().expect("a running test has a path");
        let profile = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
        let target = profile.parent().expect("the profile's folder lies in the target folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(status.success(), "the `crane` binary does not build");
        profile.join(format!("crane{}", std::env::consts::EXE_SUFFIX))
    })
}
