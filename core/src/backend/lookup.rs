//! Guesses the next tokens from what stands in the prompt, in the reply itself and in earlier replies: a thought quotes the
//! fact and the question, an answer quotes the thought, and the words between the quotes are those of other thoughts.
//!
//! Where the last tokens have stood before, what followed them then is likely to follow now. The model checks a whole
//! guess in one batch. Whether that pays depends on the model and the machine, which are measured ([`Cost`]), and on how
//! often guesses of this kind were right, which is counted: text that does not repeat is soon left alone.

use zeroize::Zeroize;

use super::cost::{Cost, LONGEST_DRAFT};

/// Fewest tokens that must have stood before.
const SHORTEST_MATCH: usize = 2;
/// Beyond this, a longer match says nothing more.
const LONGEST_MATCH: usize = 8;
/// How often a guessed token is right behind a match of 2 to 8 tokens, before there is experience: as counted over the
/// tiny model's replies, rounded down. In the prompt and the reply, and in earlier replies.
const FIRST_RATES: [[f32; LONGEST_MATCH - SHORTEST_MATCH + 1]; 2] =
    [[0.45, 0.55, 0.65, 0.7, 0.75, 0.8, 0.8], [0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92]];
/// That counts as much as so many guessed tokens.
const FIRST_WEIGHT: f32 = 6.0;
/// What experience is worth after one more token.
const FADE: f32 = 0.98;
/// A guess must promise to save this much more than it costs.
const PROFIT: f32 = 1.1;
/// Tokens' worth of time that guessing may lose in one reply: a fiftieth of one that is not short.
const MOST_LOSS: f32 = 1.5;
/// Most tokens of earlier replies that are remembered: some eighty replies, searched in microseconds.
const MOST_EARLIER: usize = 4_000;
/// Stands between two texts; no token has this id.
const BREAK: Word = Word { id: -1, varies: true };

/// A token of some text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    id: i32,
    /// Other replies went on differently here: a name, where the words around it are the same in all of them.
    varies: bool,
}

/// Earlier replies, each behind the end of its prompt.
#[derive(Clone, Default)]
pub(super) struct Earlier(Vec<Word>);

impl Earlier {
    /// As if these replies had been written, each behind a prompt that ends like this.
    pub(super) fn from_examples(replies: &[Vec<i32>], prompt: &[i32]) -> Self {
        // Wherever something can be guessed, so that it is known where replies differ.
        let cost = Cost::even(0.05);
        replies.iter().fold(Self::default(), |earlier, reply| {
            let mut lookup = Lookup::new(earlier, prompt);
            lookup.follow(reply, &cost);
            lookup.into_earlier()
        })
    }

    /// They are as personal as what they quote.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|word| word.id.zeroize());
        self.0.clear();
    }
}

/// The text so far, and how guessing went.
pub(super) struct Lookup {
    /// Earlier replies, the prompt, and the reply.
    history: Vec<Word>,
    /// Where the prompt begins, and the reply.
    prompt: usize,
    reply: usize,
    /// By place and length of the match: guessed tokens that were right and that were tried, both faded.
    experience: [[Experience; FIRST_RATES[0].len()]; 2],
    /// What guessing has saved, in batches of one.
    balance: f32,
    /// The next token stands where other replies went on differently.
    at_variation: bool,
}

#[derive(Clone, Copy, Default)]
struct Experience {
    right: f32,
    tried: f32,
}

/// A guess: where it stood, and behind how many tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) matched: usize,
    pub(super) start: usize,
    pub(super) length: usize,
    /// In batches of one.
    pub(super) cost: f32,
}

impl Lookup {
    /// `prompt`: its tokens in order; what is no text is left out.
    pub(super) fn new(earlier: Earlier, prompt: &[i32]) -> Self {
        let mut history = earlier.0;
        history.push(BREAK);
        let start = history.len();
        history.extend(prompt.iter().map(|&id| Word { id, varies: false }));
        let (prompt, reply) = (start, history.len());
        Self { history, prompt, reply, experience: Default::default(), balance: 0.0, at_variation: false }
    }

    /// What is left for the next reply.
    pub(super) fn into_earlier(self) -> Earlier {
        let Self { mut history, prompt, reply, .. } = self;
        // The prompt's end is where every reply begins.
        history.drain(prompt..reply.saturating_sub(LONGEST_MATCH).max(prompt));
        history.drain(..history.len().saturating_sub(MOST_EARLIER));
        Earlier(history)
    }

    /// A token of the reply.
    pub(super) fn push(&mut self, id: i32) {
        self.history.push(Word { id, varies: std::mem::take(&mut self.at_variation) });
        for Experience { right, tried } in self.experience.as_flattened_mut() {
            (*right, *tried) = (*right * FADE, *tried * FADE);
        }
    }

    /// The tokens that are likely to come behind `unread` ones that are not read yet, at most `most`, where checking them
    /// pays; often none.
    pub(super) fn draft(&mut self, unread: usize, most: usize, cost: &Cost) -> Option<Draft> {
        let places = [self.longest_match(self.prompt, self.history.len()), self.longest_match(0, self.prompt)];
        self.at_variation = places[1].is_some_and(|(start, _)| self.history[start].varies);
        let (alone, affordable) = (cost.of(unread)?, self.balance + MOST_LOSS);
        let price = |length| {
            let price = cost.of(unread + length).map(|all| (all - alone).max(0.0));
            price.filter(|price| *price <= affordable).unwrap_or(f32::INFINITY)
        };
        let guesses = places.into_iter().flatten().map(|(start, matched)| {
            let (length, saved) = worthwhile(self.rate(start, matched), self.usual(start).min(most), price);
            (Draft { matched, start, length, cost: price(length) }, saved)
        });
        let best = guesses.max_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map(|(draft, _)| draft).filter(|draft| draft.length > 0)
    }

    /// A guess's tokens.
    pub(super) fn tokens(&self, draft: Draft) -> impl Iterator<Item = i32> {
        self.history[draft.start..draft.start + draft.length].iter().map(|word| word.id)
    }

    /// Learns how many tokens of a guess were right, before the token is pushed that comes behind them.
    pub(super) fn judge(&mut self, draft: Draft, right: usize) {
        let earlier = self.is_earlier(draft.start);
        let experience = &mut self.experience[usize::from(earlier)][draft.matched - SHORTEST_MATCH];
        experience.right += right as f32;
        // Behind the first wrong one nothing was tried.
        experience.tried += draft.length.min(right + 1) as f32;
        self.balance += right as f32 - draft.cost;
        if earlier {
            let next = &mut self.history[draft.start + right];
            next.varies |= right < draft.length;
            self.at_variation = next.varies;
        }
    }

    /// Guesses through a reply that is known; how many tokens were guessed right, and how many wrong.
    fn follow(&mut self, reply: &[i32], cost: &Cost) -> (usize, usize) {
        let (mut hits, mut misses, mut rest) = (0, 0, reply);
        while let Some((&token, behind)) = rest.split_first() {
            self.push(token);
            rest = behind;
            let Some(draft) = self.draft(1, rest.len(), cost) else { continue };
            let right = self.tokens(draft).zip(rest).take_while(|(one, other)| one == *other).count();
            rest[..right].iter().for_each(|&token| self.push(token));
            self.judge(draft, right);
            (hits, misses, rest) = (hits + right, misses + draft.length - right, &rest[right..]);
        }
        (hits, misses)
    }

    /// So many tokens had to be read again because of guessing.
    pub(super) fn charge(&mut self, tokens: usize) {
        self.balance -= tokens as f32;
    }

    fn is_earlier(&self, at: usize) -> bool {
        at < self.prompt
    }

    fn rate(&self, start: usize, matched: usize) -> f32 {
        let (place, length) = (usize::from(self.is_earlier(start)), matched - SHORTEST_MATCH);
        let Experience { right, tried } = self.experience[place][length];
        (right + FIRST_WEIGHT * FIRST_RATES[place][length]) / (tried + FIRST_WEIGHT)
    }

    /// How many tokens from here on can be guessed: of earlier replies, what they have in common.
    fn usual(&self, start: usize) -> usize {
        let rest = &self.history[start..];
        let usual = rest.iter().take_while(|word| word.id != BREAK.id && !(word.varies && self.is_earlier(start)));
        usual.count()
    }

    /// Where the last tokens stood before, in what begins and ends here: the end of the longest match, the latest of
    /// several; and its length.
    fn longest_match(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let history = &self.history;
        let last = history.last()?.id;
        let same = |(one, other): &(&Word, &Word)| one.id == other.id;
        let mut best = (0, SHORTEST_MATCH - 1);
        for end in (from + 1..to).rev().filter(|end| history[end - 1].id == last) {
            let before = history[from..end].iter().rev();
            let matched = before.zip(history.iter().rev()).take(LONGEST_MATCH).take_while(same).count();
            if matched > best.1 {
                best = (end, matched);
            }
            if matched == LONGEST_MATCH {
                break;
            }
        }
        (best.0 > 0).then_some(best)
    }
}

/// How many tokens to guess of at most `most`, and how many batches of one that saves: each is right as often as the one
/// before it. Longer ones are tried even where a shorter one does not pay: what a batch costs grows in steps.
fn worthwhile(rate: f32, most: usize, price: impl Fn(usize) -> f32) -> (usize, f32) {
    let (mut chance, mut right, mut best) = (1.0, 0.0, (0, 0.0));
    for length in 1..=most.min(LONGEST_DRAFT) {
        chance *= rate;
        right += chance;
        let saved = right - PROFIT * price(length);
        if saved > best.1 {
            best = (length, saved);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fresh(prompt: &[i32]) -> Lookup {
        Lookup::new(Earlier::default(), prompt)
    }

    fn guess(lookup: &mut Lookup, most: usize) -> Vec<i32> {
        let draft = lookup.draft(1, most, &Cost::even(0.05));
        draft.map_or_else(Vec::new, |draft| lookup.tokens(draft).collect())
    }

    #[test]
    fn what_followed_the_longest_and_latest_match_is_guessed() {
        let mut lookup = fresh(&[1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 6]);
        assert!(guess(&mut lookup, 9).is_empty());
        lookup.push(2);
        assert!(guess(&mut lookup, 9).is_empty());
        lookup.push(3);
        assert_eq!(guess(&mut lookup, 9), [7, 8, 6], "the later of two");
        assert_eq!(guess(&mut lookup, 2), [7, 8]);
        let mut lookup = fresh(&[1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 1]);
        lookup.push(2);
        lookup.push(3);
        assert_eq!(guess(&mut lookup, 4), [4, 5, 9, 2], "the longer of two");
    }

    #[test]
    fn guesses_are_as_long_as_they_pay() {
        for (rate, cost, length) in [(0.9, 0.5, 5), (0.9, 0.95, 0), (0.5, 0.2, 2), (0.5, 1.0, 0), (1.0, 0.1, 16)] {
            let (found, saved) = worthwhile(rate, 99, |length| cost * length as f32);
            assert_eq!(found, length, "{rate} {cost}");
            assert_eq!(saved > 0.0, length > 0);
        }
        // Kernels that take four tokens in the time of two.
        assert_eq!(worthwhile(0.9, 4, |length| [0.0, 1.0, 1.0, 1.0, 3.0][length]).0, 3);
    }

    #[test]
    fn experience_decides_and_fades() {
        let cost = Cost::even(0.3);
        let mut lookup = fresh(&(0..40).chain(0..8).collect::<Vec<_>>());
        let draft = lookup.draft(1, 99, &cost).expect("a guess");
        assert!(draft.length > 2 && draft.matched == LONGEST_MATCH);
        let wrong = Draft { cost: 0.01, ..draft };
        lookup.judge(wrong, 0);
        lookup.judge(wrong, 0);
        assert!(lookup.draft(1, 99, &cost).expect("a guess").length < draft.length);
        (0..99).for_each(|token| lookup.push(100 + token));
        (0..8).for_each(|token| lookup.push(token));
        assert_eq!(lookup.draft(1, 99, &cost).expect("a guess").length, draft.length);
    }

    #[test]
    fn no_reply_loses_more_than_it_may() {
        let prompt: Vec<i32> = (0..40).chain(0..8).collect();
        let (cost, mut lookup, mut lost) = (Cost::even(0.2), fresh(&prompt), 0.0);
        while let Some(draft) = lookup.draft(1, 99, &cost) {
            lookup.judge(draft, 0);
            lost += draft.cost;
        }
        assert!(lost > MOST_LOSS / 2.0 && lost <= MOST_LOSS);
        let mut lookup = fresh(&prompt);
        lookup.charge(2);
        assert_eq!(lookup.draft(1, 99, &cost), None);
    }

    /// Writes a reply as a writer does, wherever something can be guessed; how many tokens were guessed right and wrong.
    fn write(earlier: Earlier, prompt: &[i32], reply: &[i32]) -> (usize, usize, Earlier) {
        let mut lookup = Lookup::new(earlier, prompt);
        let (hits, misses) = lookup.follow(reply, &Cost::even(0.05));
        (hits, misses, lookup.into_earlier())
    }

    #[test]
    fn what_replies_have_in_common_is_guessed_and_names_are_left_out() {
        // 1 to 9 are words of every reply, 50 and more are names.
        let reply = |name: i32| [1, 2, 3, 4, name, name + 1, 5, 6, 7, 8, 9, name + 2, 1, 9];
        let mut earlier = Earlier::default();
        let mut last = (0, 0);
        for name in [50, 60, 70, 80, 90] {
            let (hits, misses, rest) = write(earlier, &[30, 31, 32], &reply(name));
            (earlier, last) = (rest, (hits, misses));
        }
        assert!(last.0 >= 6 && last.1 <= 1, "{last:?}");
        earlier.forget();
        assert_eq!(write(earlier, &[30, 31, 32], &reply(50)).0, 0);
        // Examples serve as well, from the first reply on.
        let earlier = Earlier::from_examples(&[50, 60, 70].map(|name| reply(name).to_vec()), &[31, 32]);
        let (hits, misses, _) = write(earlier, &[30, 31, 32], &reply(80));
        assert!(hits >= 6 && misses <= 1, "{hits} {misses}");
    }

    #[test]
    fn so_much_is_remembered_and_no_more() {
        let mut earlier = Earlier::default();
        for turn in 0..90 {
            let reply: Vec<i32> = (0..100).map(|token| turn * 100 + token).collect();
            earlier = write(earlier, &[7; 20], &reply).2;
        }
        assert_eq!(earlier.0.len(), MOST_EARLIER);
        assert_eq!(earlier.0.last().map(|word| word.id), Some(8_999));
    }

    proptest! {
        #[test]
        fn a_guess_is_text_that_stood_behind_the_same_tokens(
            history in prop::collection::vec(0..6_i32, 0..80),
            most in 0_usize..20,
        ) {
            let mut lookup = fresh(&history);
            let draft = guess(&mut lookup, most);
            prop_assert!(draft.len() <= most.min(LONGEST_DRAFT));
            if !draft.is_empty() {
                let tail = &history[history.len() - SHORTEST_MATCH..];
                let stood = |at: usize| history[at..].starts_with(&[tail, &draft].concat());
                prop_assert!((0..history.len()).any(stood));
            }
        }

        #[test]
        fn any_replies_are_remembered_without_harm(
            replies in prop::collection::vec(prop::collection::vec(0..9_i32, 0..60), 1..12),
        ) {
            let mut earlier = Earlier::default();
            for reply in replies {
                let (hits, _, rest) = write(earlier, &[1, 2, 3], &reply);
                prop_assert!(hits <= reply.len());
                earlier = rest;
            }
        }
    }
}
