//! Holds a reply to `thought</think><answer>answer</answer>`, whatever the model wants to say.
//!
//! The machine stands between sampling and decoding: every candidate token's text is offered before the token is used.
//! It works on text, since the tags are single control tokens in one vocabulary and several plain tokens in another.
//! Text that could become a tag is held back until it has or can't any more; so is the beginning of a UTF-8 character.

const THINK: &str = "<think>";
const THINK_END: &str = "</think>";
const ANSWER: &str = "<answer>";
const ANSWER_END: &str = "</answer>";
const TURN: &str = "</think><answer>";
const TAGS: [&str; 4] = [THINK, THINK_END, ANSWER, ANSWER_END];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Thought,
    Answer,
    Done,
}

/// What becomes of an offered token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Decode it and go on.
    Accept,
    /// It would break the format: offer the next best.
    Refuse,
    /// It ends the thought: decode these bytes instead of it, tags interpreted, and go on with the answer.
    Turn(Vec<u8>),
    /// It ends the answer.
    End,
}

/// The state of one reply. It begins inside the thought: the prompt ends with `<think>`.
pub(super) struct Schema {
    phase: Phase,
    /// Text of accepted tokens that isn't out yet: perhaps the beginning of a tag or of a character.
    held: Vec<u8>,
    /// Text that is out and not yet taken.
    out: String,
}

impl Schema {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Thought, held: Vec::new(), out: String::new() }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// The text that became certain since the last call.
    pub(super) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// Decides about a token by its text. Must not be called once done.
    pub(super) fn offer(&mut self, piece: &[u8]) -> Verdict {
        let text = [self.held.as_slice(), piece].concat();
        let Some((at, tag)) = first_tag(&text) else {
            let keep = held_back(&text);
            self.emit(&text[..text.len() - keep]);
            self.held = text[text.len() - keep..].to_vec();
            return Verdict::Accept;
        };
        match (self.phase, tag) {
            // A model that forgets to close its thought still means to answer.
            (Phase::Thought, THINK_END | ANSWER) => Verdict::Turn(self.turn(&text[..at])),
            (Phase::Answer, ANSWER_END) => {
                self.end(&text[..at]);
                Verdict::End
            }
            _ => Verdict::Refuse,
        }
    }

    /// Closes the thought because the model ended or its budget is used up; the bytes to decode next.
    pub(super) fn close_thought(&mut self) -> Vec<u8> {
        let thought = self.held_without(THINK_END);
        self.turn(&thought)
    }

    /// Closes the answer because the model ended or its length is used up.
    pub(super) fn close_answer(&mut self) {
        let answer = self.held_without(ANSWER_END);
        self.end(&answer);
    }

    /// What is held as text, or nothing where it is the beginning of the tag that comes next anyway.
    fn held_without(&self, tag: &str) -> Vec<u8> {
        if tag.as_bytes().starts_with(&self.held) { Vec::new() } else { self.held.clone() }
    }

    /// Enters the answer after `thought`, which begins with what is held. Held text is in the model's memory already,
    /// so only the rest is to be decoded; where the model had begun another tag, the whole turn is.
    fn turn(&mut self, thought: &[u8]) -> Vec<u8> {
        let whole = [thought, TURN.as_bytes()].concat();
        let rest = whole.strip_prefix(self.held.as_slice()).unwrap_or(TURN.as_bytes()).to_vec();
        self.finish(thought, TURN, Phase::Answer);
        rest
    }

    fn end(&mut self, answer: &[u8]) {
        self.finish(answer, ANSWER_END, Phase::Done);
    }

    /// The last text of a phase; a character cut off at its end is dropped.
    fn finish(&mut self, text: &[u8], tag: &str, next: Phase) {
        self.emit(&text[..text.len() - cut_character(text)]);
        self.held.clear();
        self.out.push_str(tag);
        self.phase = next;
    }

    /// Bytes that are no UTF-8 become U+FFFD. Dropping them could join the halves of a tag.
    fn emit(&mut self, bytes: &[u8]) {
        self.out.push_str(&String::from_utf8_lossy(bytes));
    }
}

/// The first whole tag and where it begins.
fn first_tag(text: &[u8]) -> Option<(usize, &'static str)> {
    (0..text.len()).find_map(|at| Some((at, TAGS.into_iter().find(|tag| text[at..].starts_with(tag.as_bytes()))?)))
}

/// Bytes at the end that may still become a tag or a character.
fn held_back(text: &[u8]) -> usize {
    let begins_tag = |tail: &[u8]| TAGS.iter().any(|tag| tag.as_bytes().starts_with(tail));
    let tag = (1..ANSWER_END.len().min(text.len() + 1)).rev().find(|&n| begins_tag(&text[text.len() - n..]));
    tag.unwrap_or_else(|| cut_character(text))
}

/// Length of a character that begins at the end of `text` and isn't whole, 0 to 3.
fn cut_character(text: &[u8]) -> usize {
    let last = text.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    if text.ends_with(last) && is_cut_character(last) { last.len() } else { 0 }
}

/// Whether these bytes begin a character of more bytes. `utf8_chunks` gives a cut character as one invalid piece.
fn is_cut_character(bytes: &[u8]) -> bool {
    let Some(&first) = bytes.first() else { return false };
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return false,
    };
    bytes.len() < length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reply::ReplyParser;

    /// Feeds `pieces` as a model would, a budget closing each phase, and gives back the whole reply.
    fn reply(pieces: &[&[u8]], thought_budget: usize, answer_budget: usize) -> String {
        let mut schema = Schema::new();
        let mut pieces = pieces.iter();
        let mut text = String::new();
        let mut used = 0;
        while schema.phase() != Phase::Done {
            let budget = if schema.phase() == Phase::Thought { thought_budget } else { answer_budget };
            let phase = schema.phase();
            match pieces.next() {
                Some(piece) if used < budget => {
                    schema.offer(piece);
                }
                _ if phase == Phase::Thought => {
                    schema.close_thought();
                }
                _ => schema.close_answer(),
            }
            used = if schema.phase() == phase { used + 1 } else { 0 };
            text += &schema.take_text();
        }
        text
    }

    #[test]
    fn a_well_behaved_model_is_passed_through() {
        let pieces: &[&[u8]] = &[b"It is ", b"Oxford.", b"</think>", b" Oxford", b"</answer>"];
        assert_eq!(reply(pieces, 99, 99), "It is Oxford.</think><answer> Oxford</answer>");
    }

    #[test]
    fn tags_of_several_tokens_are_one_tag() {
        let mut schema = Schema::new();
        for piece in [b"yes".as_slice(), b".</", b"think"] {
            assert_eq!(schema.offer(piece), Verdict::Accept);
        }
        assert_eq!(schema.take_text(), "yes.");
        // The token `><` ends the tag and begins the next; it is replaced by what the model was trained on.
        assert_eq!(schema.offer(b"><"), Verdict::Turn(b"><answer>".to_vec()));
        assert_eq!(schema.take_text(), "</think><answer>");
        assert_eq!(schema.offer(b" Oxford</"), Verdict::Accept);
        assert_eq!(schema.offer(b"answer>\n"), Verdict::End);
        assert_eq!(schema.take_text(), " Oxford</answer>");
    }

    #[test]
    fn text_before_a_tag_in_one_token_is_decoded_too() {
        let mut schema = Schema::new();
        assert_eq!(schema.offer(b"yes.</think>"), Verdict::Turn(b"yes.</think><answer>".to_vec()));
        assert_eq!(schema.take_text(), "yes.</think><answer>");
    }

    #[test]
    fn tags_in_the_wrong_place_are_refused_or_mean_the_answer() {
        let mut schema = Schema::new();
        assert_eq!(schema.offer(b"<think>"), Verdict::Refuse);
        assert_eq!(schema.offer(b"</answer>"), Verdict::Refuse);
        assert_eq!(schema.offer(b"<ans"), Verdict::Accept);
        assert_eq!(schema.offer(b"wer>"), Verdict::Turn(b"</think><answer>".to_vec()));
        for tag in ["<think>", "</think>", "<answer>"] {
            assert_eq!(schema.offer(tag.as_bytes()), Verdict::Refuse);
        }
        schema.close_answer();
        assert_eq!(schema.take_text(), "</think><answer></answer>");
    }

    #[test]
    fn a_budget_completes_a_tag_that_was_begun() {
        let mut schema = Schema::new();
        schema.offer(b"so </th");
        assert_eq!(schema.close_thought(), b"ink><answer>");
        assert_eq!(schema.take_text(), "so </think><answer>");
        schema.offer(b" a<b</ans");
        schema.close_answer();
        assert_eq!(schema.take_text(), " a<b</answer>");
    }

    #[test]
    fn characters_split_over_tokens_come_out_whole() {
        let pieces: &[&[u8]] =
            &[b"caf\xC3", b"\xA9 \xE2\x82", b"\xAC \xFF!", b"\xF0\x9F", b"</think>", b"\xC3", b"</answer>"];
        assert_eq!(reply(pieces, 99, 99), "café € \u{FFFD}!</think><answer></answer>");
    }

    proptest! {
        #[test]
        fn nothing_is_ever_malformed(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just(b"<".to_vec()), Just(b"</".to_vec()), Just(b"think".to_vec()), Just(b"answer".to_vec()),
                    Just(b">".to_vec()), Just(b"><".to_vec()), Just(b"<think>".to_vec()), Just(b"</think>".to_vec()),
                    Just(b"<answer>".to_vec()), Just(b"</answer>".to_vec()), Just(b"</thi".to_vec()),
                    Just(b"nk>".to_vec()), Just(b" Oxford".to_vec()), Just(b"<|im_end|>".to_vec()), Just(Vec::new()),
                    Just(b"x</think><answer>y</answer>z".to_vec()), Just(b"\xE2\x82".to_vec()), Just(b"\xAC".to_vec()), prop::collection::vec(any::<u8>(), 1..4),
                ],
                0..40,
            ),
            thought_budget in 0usize..30,
            answer_budget in 0usize..10,
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let text = reply(&pieces, thought_budget, answer_budget);
            let mut parser = ReplyParser::new();
            parser.push(&text, &mut |_| ());
            prop_assert!(parser.finish(&mut |_| ()).well_formed, "{text:?}");
            let (thought, rest) = text.split_once(TURN).expect("one turn");
            let answer = rest.strip_suffix(ANSWER_END).expect("one end");
            for tag in TAGS {
                prop_assert!(!thought.contains(tag) && !answer.contains(tag), "{text:?}");
            }
        }
    }
}
