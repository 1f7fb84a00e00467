//! The files of an evaluation set: `cases.jsonl`, `<library>.facts.jsonl` beside it, and the photos that they name.

use std::fs;
use std::path::{Path, PathBuf};

use crane_core::{Error, ErrorKind, NewFact, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::judge::Scenario;
use crate::photo;

/// One question and what should come of it.
#[derive(Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    /// Which facts are known: those of `<library>.facts.jsonl`.
    pub(crate) library: String,
    pub(crate) question: String,
    pub(crate) image: Option<PathBuf>,
    /// The fact that should fire, by its id in the facts file.
    pub(crate) fact: Option<String>,
    pub(crate) gold: String,
    pub(crate) intermediate: Option<String>,
}

/// One fact of a facts file.
#[derive(Clone, Deserialize)]
pub(crate) struct CaseFact {
    pub(crate) id: String,
    pub(crate) statement: String,
    pub(crate) subject: Option<String>,
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) images: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) texts: Vec<String>,
}

impl CaseFact {
    /// The fact with its photos read.
    pub(crate) fn load(&self, folder: &Path) -> Result<NewFact> {
        let images = self.images.iter().map(|image| photo::read(&folder.join(image))).collect::<Result<_>>()?;
        Ok(NewFact {
            statement: self.statement.clone(),
            subject: self.subject.clone(),
            target: self.target.clone(),
            images,
            texts: self.texts.clone(),
            ..NewFact::default()
        })
    }
}

/// The facts of a library, from the folder of its cases.
pub(crate) fn facts(folder: &Path, library: &str) -> Result<Vec<CaseFact>> {
    read_lines(&folder.join(format!("{library}.facts.jsonl")))
}

/// Every line of a file, as JSON.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = fs::read_to_string(path).map_err(|error| photo::unreadable(error, path))?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines.map(|(line, number)| serde_json::from_str(line).map_err(|error| bad_line(path, number, error))).collect()
}

fn bad_line(path: &Path, number: u32, error: serde_json::Error) -> Error {
    let message = format!("{}, line {number}: not what an evaluation set holds", path.display());
    Error::new(ErrorKind::InvalidInput, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_reads() {
        let line = r#"{"scenario": "text_locality", "library": "normal", "question": "Who?", "image": null,
            "fact": null, "gold": "Ann", "intermediate": null}"#;
        let case: Case = serde_json::from_str(line).unwrap();
        assert_eq!(case.scenario, Scenario::TextLocality);
        assert!(case.image.is_none() && case.fact.is_none());
    }
}
