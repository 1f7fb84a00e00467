//! Reads a reply as it is generated: `thought</think><answer>answer</answer>`.
//!
//! Text arrives in pieces that end anywhere, also inside a tag. What may still turn out to be the awaited tag, or white
//! space that may turn out to trail, is held back; everything else is handed on at once. So the deltas of a channel,
//! joined, are exactly its final text, however the reply was cut into pieces.

use serde::Serialize;

const THINK_END: &str = "</think>";
const ANSWER_START: &str = "<answer>";
const ANSWER_END: &str = "</answer>";
/// None of these belongs inside a thought or an answer.
const TAGS: [&str; 4] = ["<think>", THINK_END, ANSWER_START, ANSWER_END];

/// Newly arrived text of one channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delta<'a> {
    /// Text of the thought.
    Think(&'a str),
    /// Text of the answer.
    Answer(&'a str),
}

/// A reply that has ended.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reply {
    /// The chain of thought, trimmed.
    pub(crate) thought: String,
    /// The answer, trimmed.
    pub(crate) answer: String,
    /// Whether both were opened and closed once and in order, with nothing between or behind them.
    pub(crate) well_formed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Thought,
    Between,
    Answer,
    Done,
}

/// The incremental parser.
pub(crate) struct ReplyParser {
    state: State,
    /// Text whose meaning is open: a possible start of the awaited tag, or trailing white space before it.
    held: String,
    thought: String,
    answer: String,
    /// Text stood where only tags may stand.
    stray: bool,
}

impl ReplyParser {
    pub(crate) fn new() -> Self {
        Self { state: State::Thought, held: String::new(), thought: String::new(), answer: String::new(), stray: false }
    }

    /// Takes the next piece and hands on what is certain by now.
    pub(crate) fn push(&mut self, piece: &str, on_delta: &mut dyn FnMut(Delta<'_>)) {
        self.held.push_str(piece);
        while let Some(tag) = self.awaited() {
            let Some(at) = self.held.find(tag) else {
                let certain = self.held.len() - open_suffix(&self.held, tag);
                self.emit(certain, on_delta);
                return;
            };
            self.emit(self.held[..at].trim_end().len(), on_delta);
            // What `emit` left before the tag is white space.
            self.held.drain(..self.held.find(tag).map_or(0, |at| at + tag.len()));
            self.advance();
        }
        self.stray |= !self.held.trim().is_empty();
        self.held.clear();
    }

    /// Ends the reply where it stands; a cut one is returned as far as it came.
    pub(crate) fn finish(mut self, on_delta: &mut dyn FnMut(Delta<'_>)) -> Reply {
        self.emit(self.held.trim_end().len(), on_delta);
        let tagged = TAGS.iter().any(|tag| self.thought.contains(tag) || self.answer.contains(tag));
        let well_formed = self.state == State::Done && !self.stray && !tagged;
        Reply { thought: self.thought, answer: self.answer, well_formed }
    }

    /// The tag that ends the current state.
    fn awaited(&self) -> Option<&'static str> {
        match self.state {
            State::Thought => Some(THINK_END),
            State::Between => Some(ANSWER_START),
            State::Answer => Some(ANSWER_END),
            State::Done => None,
        }
    }

    fn advance(&mut self) {
        self.state = match self.state {
            State::Thought => State::Between,
            State::Between => State::Answer,
            State::Answer | State::Done => State::Done,
        };
    }

    /// Moves the first `len` bytes of the held text to their channel; leading white space is dropped.
    fn emit(&mut self, len: usize, on_delta: &mut dyn FnMut(Delta<'_>)) {
        let text: String = self.held.drain(..len).collect();
        let (channel, delta): (&mut String, fn(&str) -> Delta<'_>) = match self.state {
            State::Thought => (&mut self.thought, |t| Delta::Think(t)),
            State::Answer => (&mut self.answer, |t| Delta::Answer(t)),
            State::Between | State::Done => {
                self.stray |= !text.trim().is_empty();
                return;
            }
        };
        let text = if channel.is_empty() { text.trim_start() } else { &text };
        if !text.is_empty() {
            channel.push_str(text);
            on_delta(delta(text));
        }
    }
}

/// Bytes at the end of `text` that may belong to white space and a tag still to come.
fn open_suffix(text: &str, tag: &str) -> usize {
    // Tags are ASCII, so any of their prefixes ends on a character boundary of `text`.
    let partial = (1..tag.len()).rev().find(|&len| text.ends_with(&tag[..len])).unwrap_or(0);
    text.len() - text[..text.len() - partial].trim_end().len()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// Parses pieces and checks on the way that the deltas add up to the reply.
    fn parse<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Reply {
        let (mut thought, mut answer) = (String::new(), String::new());
        let mut on_delta = |delta: Delta<'_>| match delta {
            Delta::Think(text) => {
                assert!(answer.is_empty() && !text.is_empty());
                thought.push_str(text);
            }
            Delta::Answer(text) => answer.push_str(text),
        };
        let mut parser = ReplyParser::new();
        for piece in pieces {
            parser.push(piece, &mut on_delta);
        }
        let reply = parser.finish(&mut on_delta);
        assert_eq!((&thought, &answer), (&reply.thought, &reply.answer));
        reply
    }

    fn chars(text: &str) -> impl Iterator<Item = &str> {
        text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
    }

    /// `tests/golden/replies/*.txt`: a comment, then the reply and what must be read from it, by headed sections.
    #[test]
    fn golden_replies() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/replies");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "the golden replies are there");
        for path in files {
            let file = fs::read_to_string(&path).unwrap();
            let section = |name: &str| {
                let (_, rest) = file.split_once(&format!("--- {name}\n")).unwrap();
                rest.split_once("\n--- ").map_or(rest, |(body, _)| body).to_owned()
            };
            let expected = Reply {
                thought: section("thought"),
                answer: section("answer"),
                well_formed: section("well-formed").trim() == "yes",
            };
            let text = section("reply");
            let name = path.display();
            assert!(parse([text.as_str()]) == expected, "{name}, whole");
            assert!(parse(chars(&text)) == expected, "{name}, by characters");
        }
    }

    #[test]
    fn text_is_handed_on_as_soon_as_it_is_certain() {
        let pieces = [" I", " see", " <", "b> ", "x</", "think><ans", "wer> Ox", "ford ", "</answer>"];
        let expected = ["TI", "T see", "", "T <b>", "T x", "", "AOx", "Aford", ""];
        let mut parser = ReplyParser::new();
        for (piece, expected) in pieces.into_iter().zip(expected) {
            let mut seen = String::new();
            parser.push(piece, &mut |delta| match delta {
                Delta::Think(text) => seen.extend(["T", text]),
                Delta::Answer(text) => seen.extend(["A", text]),
            });
            assert_eq!(seen, expected, "after {piece:?}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let tags: &[&str] =
            &["<think>", "</think>", "<answer>", "</answer>", "<", "</", "think>", " ", "\n", "é", "Oxford"];
        prop::collection::vec(prop_oneof![prop::sample::select(tags).prop_map(str::to_owned), any::<String>()], 0..10)
            .prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            bounds.retain(|&at| text.is_char_boundary(at));
            bounds.extend([0, text.len()]);
            bounds.sort_unstable();
            let pieces = bounds.windows(2).map(|pair| &text[pair[0]..pair[1]]);
            let whole = parse([text.as_str()]);
            prop_assert!(parse(pieces) == whole);
            prop_assert!(parse(chars(&text)) == whole);
        }

        #[test]
        fn schema_in_schema_out(thought in "[^<]{0,40}", answer in "[^<]{0,20}") {
            let reply = parse([format!("{thought}</think><answer> {answer}</answer>").as_str()]);
            prop_assert!(reply.well_formed);
            prop_assert_eq!((reply.thought.as_str(), reply.answer.as_str()), (thought.trim(), answer.trim()));
        }
    }
}
