//! Notices that a reply has stopped making sense: the same over and over, or no text any more (the paper's "broken"
//! outputs, III-B).
//!
//! Both rules would rather miss a broken reply, which its budget ends anyway, than end a good one: a list, a rhyme or a
//! table repeats its form, but not fifty tokens of itself word for word.

use std::collections::VecDeque;

/// The longest stretch whose repetition is looked for, in tokens.
const LONGEST_PERIOD: usize = 64;
/// So many tokens must be mere repetition,
const REPEATED: usize = 48;
/// and the stretch must have come so many times.
const TIMES: usize = 3;
/// Of the last so many characters
const WINDOW: usize = 64;
/// so many are no text.
const GARBAGE: usize = 16;

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It says the same over and over.
    Repeating,
    /// It is no text.
    Garbled,
}

/// Follows one thought or one answer.
pub(super) struct Watch {
    /// The last tokens, as many as the longest period.
    last: VecDeque<i32>,
    /// By period, less one: how many tokens up to now equal the one a period before them.
    runs: [usize; LONGEST_PERIOD],
    /// Whether each of the last characters is garbage.
    window: VecDeque<bool>,
    garbage: usize,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { last: VecDeque::new(), runs: [0; LONGEST_PERIOD], window: VecDeque::new(), garbage: 0 }
    }

    /// Takes the next token and the text that became certain with it.
    pub(super) fn see(&mut self, token: i32, text: &str) -> Option<Fault> {
        let repeating = self.see_token(token);
        for c in text.chars() {
            self.see_character(c);
        }
        if self.garbage >= GARBAGE { Some(Fault::Garbled) } else { repeating.then_some(Fault::Repeating) }
    }

    fn see_token(&mut self, token: i32) -> bool {
        let mut repeating = false;
        for (before, run) in
            self.last.iter().zip(&mut self.runs).zip(1..).map(|((token, run), period)| ((token, period), run))
        {
            let (earlier, period) = before;
            *run = if *earlier == token { *run + 1 } else { 0 };
            repeating |= *run >= REPEATED.max(period * (TIMES - 1));
        }
        self.last.push_front(token);
        self.last.truncate(LONGEST_PERIOD);
        repeating
    }

    fn see_character(&mut self, c: char) {
        let bad = is_garbage(c);
        self.window.push_back(bad);
        self.garbage += usize::from(bad);
        if self.window.len() > WINDOW && self.window.pop_front() == Some(true) {
            self.garbage -= 1;
        }
    }
}

/// What no language writes: the replacement of broken bytes, control characters, private and no characters.
fn is_garbage(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    let private = matches!(u32::from(c), 0xE000..=0xF8FF | 0xF_0000..);
    let no_character = u32::from(c) & 0xFFFE == 0xFFFE || matches!(u32::from(c), 0xFDD0..=0xFDEF);
    control || private || no_character || c == char::REPLACEMENT_CHARACTER
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// After how many tokens something is wrong.
    fn fault(tokens: impl IntoIterator<Item = i32>) -> Option<(usize, Fault)> {
        let mut watch = Watch::new();
        tokens.into_iter().zip(1..).find_map(|(token, count)| Some((count, watch.see(token, "")?)))
    }

    /// Words as tokens, so that a test reads as what a model says.
    fn words(text: &str) -> Vec<i32> {
        let mut known: Vec<&str> = Vec::new();
        let id = |word| {
            known.iter().position(|&other| other == word).unwrap_or_else(|| {
                known.push(word);
                known.len() - 1
            }) as i32
        };
        text.split_whitespace().map(id).collect()
    }

    fn garbled(text: &str) -> bool {
        let mut watch = Watch::new();
        text.chars().zip(0..).any(|(c, token)| watch.see(token, c.encode_utf8(&mut [0; 4])) == Some(Fault::Garbled))
    }

    #[test]
    fn loops_are_noticed_soon() {
        let looping = |period: i32| fault((0..1_000).map(|at| at % period)).expect("it loops");
        assert_eq!(looping(1), (49, Fault::Repeating));
        assert_eq!(looping(7), (7 + 48, Fault::Repeating));
        assert_eq!(looping(64), (64 * 3, Fault::Repeating));
        assert_eq!(fault((0..1_000).map(|at| at % 65)), None);
    }

    #[test]
    fn lists_rhymes_and_tables_are_no_loops() {
        let list: String = (0..60).map(|n| format!("{n} . the flag number {n} is red and white , ")).collect();
        let table = "| a | b |\n| --- | --- |\n".to_owned() + &"| yes | no |\n".repeat(6);
        let rhyme = "row row row your boat gently down the stream merrily merrily merrily merrily life is but a dream ";
        for text in [list.as_str(), &table, &rhyme.repeat(2), &"ha ".repeat(40)] {
            assert_eq!(fault(words(text)), None, "{text}");
        }
        assert!(fault(words(&rhyme.repeat(9))).is_some());
    }

    #[test]
    fn garbage_is_no_language() {
        let letters = "Größe, 東京都, ქართული, नमस्ते, 👩‍👩‍👧 x\u{301}\r\n\t".repeat(9);
        assert!(!garbled(&letters));
        assert!(!garbled(&("a caf\u{fffd} was hard to read, ".repeat(20))), "one character in thirty");
        for c in ['\u{fffd}', '\u{0}', '\u{e123}', '\u{10ffff}', '\u{fdd0}', '\u{85}'] {
            assert!(garbled(&String::from(c).repeat(16)) && !garbled(&String::from(c).repeat(15)));
        }
    }

    /// What the tiny model and others really said.
    #[test]
    fn golden_replies_are_fine() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/replies");
        for file in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(fault(words(&text)).is_none() && !garbled(&text));
        }
    }

    proptest! {
        #[test]
        fn whatever_came_before_a_loop_is_noticed(
            before in prop::collection::vec(0..50_i32, 0..200),
            period in prop::collection::vec(0..50_i32, 1..=64),
        ) {
            let repeats = REPEATED.div_ceil(period.len()).max(TIMES - 1) + 1;
            let looping = before.iter().chain(period.iter().cycle().take(period.len() * repeats)).copied();
            prop_assert!(fault(looping).is_some());
        }

        #[test]
        fn no_stretch_that_came_twice_is_a_loop(stretch in prop::collection::vec(0..2_000_i32, 1..48)) {
            prop_assert!(fault([stretch.clone(), stretch].concat()).is_none());
        }

        #[test]
        fn text_of_many_tokens_is_fine(tokens in prop::collection::vec(0..4_i32, 0..600)) {
            // Four tokens at random: as monotonous as text gets, and never the same fifty twice.
            prop_assert!(fault(tokens).is_none());
        }
    }
}
