//! Whether a thought rests on an edit fact. An answer that is right without its fact is luck, not an edit (paper III-B).

use crate::prompt::neutralise;

/// Whether a thought cites a fact: it holds the fact's statement, or it speaks of the "edit fact" and holds its target.
/// Case, white space and the statement's final punctuation don't matter.
pub fn cites(thought: &str, statement: &str, target: Option<&str>) -> bool {
    let thought = normalise(thought);
    let target_cited = || {
        let target = target.map(normalise).unwrap_or_default();
        thought.contains("edit fact") && holds(&thought, target.trim_end_matches(is_final))
    };
    holds(&thought, normalise(statement).trim_end_matches(is_final)) || target_cited()
}

/// As the model read it (see [`neutralise`]), in lower case.
fn normalise(text: &str) -> String {
    neutralise(text).to_lowercase()
}

fn is_final(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。') || c.is_whitespace()
}

/// Whether `text` holds `words`, not as a part of longer words ("Ur" is not in "your").
fn holds(text: &str, words: &str) -> bool {
    if words.is_empty() {
        return false;
    }
    text.match_indices(words).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + words.len()..].chars().next();
        let first = words.chars().next();
        let last = words.chars().next_back();
        !joined(before, first) && !joined(last, after)
    })
}

fn joined(left: Option<char>, right: Option<char>) -> bool {
    left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str = "This building is [Brasenose] College.";

    #[test]
    fn by_statement() {
        assert!(cites("It says: this  building is (Brasenose)\nCollege, so Oxford.", STATEMENT, None));
        assert!(!cites("It says this building is a college.", STATEMENT, None));
    }

    #[test]
    fn by_target_and_the_word() {
        assert!(cites("However, the edit fact names Oxford.", STATEMENT, Some("Oxford.")));
        assert!(!cites("I know Oxford.", STATEMENT, Some("Oxford")));
        assert!(!cites("The edit fact does not apply.", STATEMENT, Some("Oxford")));
        assert!(!cites("The edit fact does not apply to your photo.", STATEMENT, Some("Ur")));
    }

    #[test]
    fn nothing_is_not_cited() {
        assert!(!cites("The edit fact is empty.", "", Some("")));
        assert!(!cites("The edit fact is empty.", " . ", Some("?")));
        assert!(!cites("", STATEMENT, Some("Oxford")));
    }

    #[test]
    fn a_later_match_counts() {
        assert!(cites("In your edit fact, Ur is the city.", STATEMENT, Some("Ur")));
    }
}
