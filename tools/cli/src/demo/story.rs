//! `story.toml`: what is asked and told, in which order, with which pictures.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crane_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::photo;

const FILE: &str = "story.toml";

/// A story and the folder of its pictures.
pub(crate) struct Story {
    pub(crate) folder: PathBuf,
    pub(crate) script: Script,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) title: String,
    #[serde(rename = "fact")]
    pub(crate) facts: Vec<StoryFact>,
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Step>,
}

/// A correction that is told in some step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoryFact {
    pub(crate) id: String,
    pub(crate) statement: String,
    pub(crate) subject: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) image: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// The person asks.
    Ask {
        caption: String,
        question: String,
        image: Option<String>,
        /// The right answer at this point of the story.
        expect: Option<String>,
        /// What the step shows ("conflict", "multihop").
        scenario: Option<String>,
    },
    /// The person tells a fact.
    Correct {
        caption: String,
        /// The fact's id.
        fact: String,
    },
}

impl Story {
    /// Reads the story of a folder and checks that everything it names is there.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| photo::unreadable(error, &path))?;
        let script = Script::parse(&text)?;
        Ok(Self { folder: folder.to_owned(), script })
    }

    /// The bytes of a picture of the story.
    pub(crate) fn picture(&self, name: &str) -> Result<Vec<u8>> {
        photo::read(&self.folder.join(name))
    }
}

impl Script {
    fn parse(text: &str) -> Result<Self> {
        let script: Self = toml::from_str(text).map_err(|error| {
            let message = format!("{FILE} can't be understood: {}", error.message());
            Error::new(ErrorKind::InvalidInput, message).with_source(error)
        })?;
        let known: HashSet<&str> = script.facts.iter().map(|fact| fact.id.as_str()).collect();
        for step in &script.steps {
            if let Step::Correct { fact, .. } = step
                && !known.contains(fact.as_str())
            {
                return Err(Error::new(ErrorKind::InvalidInput, format!("{FILE} tells a fact {fact:?} that it lacks")));
            }
        }
        Ok(script)
    }

    /// The fact of an id; [`Script::parse`] has made sure that it is there.
    pub(crate) fn fact(&self, id: &str) -> &StoryFact {
        self.facts.iter().find(|fact| fact.id == id).expect("every told fact was found when the story was read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = r#"
        title = "A story"
        [[fact]]
        id = "name"
        statement = "This emblem belongs to Aldora."
        target = "Aldora"
        image = "a.jpg"
        [[step]]
        kind = "ask"
        caption = "First"
        question = "Whose emblem is this?"
        image = "a.jpg"
        expect = "Corin"
        scenario = "prior"
        [[step]]
        kind = "correct"
        caption = "Then"
        fact = "name"
    "#;

    #[test]
    fn a_story_reads() {
        let script = Script::parse(STORY).unwrap();
        assert_eq!(script.steps.len(), 2);
        assert_eq!(script.fact("name").target.as_deref(), Some("Aldora"));
    }

    #[test]
    fn a_story_without_its_fact_is_refused() {
        let error = Script::parse(&STORY.replace("fact = \"name\"", "fact = \"other\"")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
