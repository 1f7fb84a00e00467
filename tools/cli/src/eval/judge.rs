//! The rule judge: what a reply is worth, decided without a model (after the paper, III-B).
//!
//! - *exact*: the answer is the expected one, case, articles and punctuation aside.
//! - *grounded* (a fact should fire): it is exact, the expected fact fired, and the thought cites it.
//! - *uses the fact's entity* (several hops): the expected fact fired, and the thought names the entity on the way.
//! - *independent* (no fact should matter): if a fact fired all the same, neither thought nor answer takes it over.
//! - *well-formed*: the reply kept its schema.

use crane_core::cites;
use serde::{Deserialize, Serialize};

/// What a case is there to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// The fact says what the photo doesn't show.
    Normal,
    /// The fact contradicts what the photo shows.
    Conflict,
    /// The fact is found by words alone.
    Text,
    /// The fact is one step of a longer chain.
    Multihop,
    /// A photo that no fact is about.
    Locality,
    /// Words that no fact is about.
    TextLocality,
    /// There are no facts: does the model still know what it knew?
    Plain,
    /// Nothing tells the answer: does the model say so?
    Unknown,
}

impl Scenario {
    pub(crate) const ALL: [Self; 8] = [
        Self::Normal,
        Self::Conflict,
        Self::Text,
        Self::Multihop,
        Self::Locality,
        Self::TextLocality,
        Self::Plain,
        Self::Unknown,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Conflict => "conflict",
            Self::Text => "text",
            Self::Multihop => "multihop",
            Self::Locality => "locality",
            Self::TextLocality => "text_locality",
            Self::Plain => "plain",
            Self::Unknown => "unknown",
        }
    }

    /// What success means here, as a column's name.
    pub(crate) fn success(self) -> &'static str {
        match self {
            Self::Normal | Self::Conflict | Self::Text => "grounded",
            Self::Multihop => "entity used",
            Self::Locality | Self::TextLocality => "exact, independent",
            Self::Plain | Self::Unknown => "exact",
        }
    }
}

/// A fact as the judge needs it.
#[derive(Clone, Copy)]
pub(crate) struct FactWords<'a> {
    pub(crate) statement: &'a str,
    pub(crate) target: Option<&'a str>,
}

/// What was expected.
pub(crate) struct Expected<'a> {
    pub(crate) scenario: Scenario,
    pub(crate) gold: &'a str,
    /// Whether a fact should fire.
    pub(crate) wants_fact: bool,
    /// The entity that must be named on the way.
    pub(crate) intermediate: Option<&'a str>,
}

/// What came.
pub(crate) struct Given<'a> {
    pub(crate) thought: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) well_formed: bool,
    /// The fact that fired.
    pub(crate) fired: Option<FactWords<'a>>,
    /// Whether it is the expected one.
    pub(crate) as_expected: bool,
}

/// The judge's findings; `None` where a question doesn't arise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) success: bool,
    pub(crate) exact: bool,
    pub(crate) grounded: Option<bool>,
    pub(crate) entity_used: Option<bool>,
    pub(crate) independent: Option<bool>,
    pub(crate) well_formed: bool,
}

pub(crate) fn judge(expected: &Expected<'_>, given: &Given<'_>) -> Verdict {
    let exact = same(given.answer, expected.gold);
    let cited = given.fired.is_some_and(|fact| cites(given.thought, fact.statement, fact.target));
    let grounded = expected.wants_fact.then_some(exact && given.as_expected && cited);
    let entity_used = expected.intermediate.map(|entity| given.as_expected && holds(given.thought, entity));
    let independent =
        (!expected.wants_fact).then(|| !given.fired.is_some_and(|fact| takes_over(expected, given, fact)));
    let success = match expected.scenario {
        Scenario::Normal | Scenario::Conflict | Scenario::Text => grounded == Some(true),
        Scenario::Multihop => entity_used == Some(true),
        Scenario::Locality | Scenario::TextLocality => exact && independent == Some(true),
        Scenario::Plain | Scenario::Unknown => exact,
    };
    Verdict { success, exact, grounded, entity_used, independent, well_formed: given.well_formed }
}

/// Whether a fact that has nothing to do with the question got into the reply. A thought may say what the fact is about,
/// to set it aside; it may not quote what the fact says.
fn takes_over(expected: &Expected<'_>, given: &Given<'_>, fact: FactWords<'_>) -> bool {
    let foreign = fact.target.filter(|target| !same(target, expected.gold));
    let in_answer = foreign.is_some_and(|target| holds(given.answer, target));
    in_answer || cites(given.thought, fact.statement, foreign)
}

/// Whether two short answers say the same.
pub(crate) fn same(left: &str, right: &str) -> bool {
    normalise(left) == normalise(right)
}

/// Whether a text names something, as whole words.
fn holds(text: &str, name: &str) -> bool {
    let (text, name) = (normalise(text), normalise(name));
    !name.is_empty() && format!(" {text} ").contains(&format!(" {name} "))
}

/// Lower case, words only, no leading article.
fn normalise(text: &str) -> String {
    let lower = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '-';
    let mut words: Vec<&str> = lower.split(|c| !is_word(c)).map(|w| w.trim_matches(['\'', '-'])).collect();
    words.retain(|word| !word.is_empty());
    if words.len() > 1 && ["the", "a", "an"].contains(&words[0]) {
        words.remove(0);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACT: FactWords<'_> = FactWords { statement: "Aldora was founded by Bertil.", target: Some("Bertil") };

    fn expected(scenario: Scenario, gold: &str) -> Expected<'_> {
        let wants_fact =
            matches!(scenario, Scenario::Normal | Scenario::Conflict | Scenario::Text | Scenario::Multihop);
        Expected { scenario, gold, wants_fact, intermediate: None }
    }

    fn given<'a>(thought: &'a str, answer: &'a str, fired: Option<FactWords<'a>>, as_expected: bool) -> Given<'a> {
        Given { thought, answer, well_formed: true, fired, as_expected }
    }

    #[test]
    fn a_right_answer_without_its_fact_is_not_grounded() {
        let expected = expected(Scenario::Normal, "Bertil");
        let cited = "The edit fact says Aldora was founded by Bertil.";
        assert!(judge(&expected, &given(cited, " bertil.", Some(FACT), true)).success);
        assert!(!judge(&expected, &given("I guess.", "Bertil", Some(FACT), true)).success);
        assert!(!judge(&expected, &given(cited, "Bertil", Some(FACT), false)).success);
        assert!(!judge(&expected, &given(cited, "Bertil", None, false)).success);
        let wrong = judge(&expected, &given(cited, "Cedric", Some(FACT), true));
        assert_eq!((wrong.exact, wrong.grounded, wrong.independent), (false, Some(false), None));
    }

    #[test]
    fn a_longer_chain_needs_its_entity() {
        let expected = Expected { intermediate: Some("Orla"), ..expected(Scenario::Multihop, "Norland") };
        let fact = FactWords { statement: "Aldora lies in Orla.", target: Some("Orla") };
        let verdict = judge(&expected, &given("Aldora lies in Orla. Orla is in Norland.", "Sudland", Some(fact), true));
        assert!(verdict.success && !verdict.exact);
        assert!(!judge(&expected, &given("It is in Orlando.", "Norland", Some(fact), true)).success);
    }

    #[test]
    fn a_fact_may_be_named_to_be_set_aside() {
        let expected = expected(Scenario::Locality, "Cedric");
        let aside = "The edit fact is about Aldora, not Corin, so it does not apply.";
        assert!(judge(&expected, &given(aside, "Cedric", Some(FACT), false)).success);
        assert!(judge(&expected, &given("I remember Cedric.", "Cedric", None, false)).success);
        let taken = judge(&expected, &given(aside, "Bertil", Some(FACT), false));
        assert_eq!((taken.success, taken.independent), (false, Some(false)));
        let believed = judge(&expected, &given("Aldora was founded by Bertil.", "Cedric", Some(FACT), false));
        assert_eq!((believed.success, believed.exact, believed.independent), (false, true, Some(false)));
    }

    #[test]
    fn a_coincidence_is_no_contamination() {
        let expected = expected(Scenario::TextLocality, "Bertil");
        let thought = "The edit fact is about Aldora. I remember that Corin was founded by Bertil.";
        assert!(judge(&expected, &given(thought, "Bertil", Some(FACT), false)).success);
    }

    #[test]
    fn answers_are_compared_by_their_words() {
        assert!(same("The  Lion.", "lion") && same("Saint-Malo", "saint-malo") && same("«Köln»", "köln"));
        assert!(!same("lion rampant", "lion") && !same("a", "b") && same("a", "A"));
    }
}
