//! What a run of `crane` answered.

use std::process::{Command, Output};

use serde_json::Value;

/// Exit code and output of one run.
pub struct Outcome {
    shown: String,
    output: Output,
}

impl Outcome {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let shown = format!("{command:?}").chars().take(400).collect();
        let output = command.output().expect("the `crane` binary starts");
        Self { shown, output }
    }

    /// The exit code; a run that a signal ended has none and fails the test.
    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap_or_else(|| panic!("{}\nended by a signal: {}", self.shown, self.output.status))
    }

    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Expects success, and one JSON value (of several lines, the last one) on standard output.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.code(), 0, "{}\n{}{}", self.shown, self.stdout(), self.stderr());
        self.json()
    }

    /// The last JSON value on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let out = self.stdout();
        let mut values = serde_json::Deserializer::from_str(&out).into_iter::<Value>();
        let last = values.by_ref().last();
        match last {
            Some(Ok(value)) => value,
            _ => panic!("{}\nno JSON on standard output:\n{out}\n{}", self.shown, self.stderr()),
        }
    }

    /// Expects failure of one kind, told as one line of JSON on standard error with the documented exit code and a
    /// message for a person, and nothing on standard output; returns the message.
    #[track_caller]
    pub fn fails(&self, kind: &str) -> String {
        let error = self.error();
        assert_eq!(error["kind"], kind, "{}\n{error}", self.shown);
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.len() > 10, "a message that says nothing: {error}");
        message
    }

    /// The kind of the error that this run ended with.
    #[track_caller]
    pub fn error_kind(&self) -> String {
        self.error()["kind"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn error(&self) -> Value {
        assert_ne!(self.code(), 0, "{}\nsucceeded: {}", self.shown, self.stdout());
        let told = self.stderr();
        let error: Value = serde_json::from_str(told.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{}\nno JSON on standard error:\n{told}", self.shown));
        let error = error["error"].clone();
        assert_eq!(error["exit_code"], self.code(), "{}\n{error}", self.shown);
        error
    }
}
