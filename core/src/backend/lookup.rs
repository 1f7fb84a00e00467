//! Guesses the next tokens from what stands in the prompt and in the reply itself: a thought quotes the fact and the
//! question, and an answer quotes the thought.
//!
//! Where the last tokens have stood before, what followed them then is likely to follow now. The model checks a whole
//! guess in one batch. Whether that pays depends on the model and the machine, which are measured ([`Cost`]), and on how
//! often guesses of this kind were right, which is counted: text that does not repeat is soon left alone.

/// Fewest tokens that must have stood before.
const SHORTEST_MATCH: usize = 2;
/// Beyond this, a longer match says nothing more.
const LONGEST_MATCH: usize = 8;
/// Most tokens guessed at once.
const LONGEST_DRAFT: usize = 16;
/// How often a guessed token is right behind a match of 2 to 8 tokens, before there is experience: as counted over the
/// tiny model's replies, rounded down.
const FIRST_RATES: [f32; LONGEST_MATCH - SHORTEST_MATCH + 1] = [0.45, 0.55, 0.65, 0.7, 0.75, 0.8, 0.8];
/// That counts as much as so many guessed tokens.
const FIRST_WEIGHT: f32 = 6.0;
/// What experience is worth after one more token.
const FADE: f32 = 0.98;
/// A guess must promise to save this much more than it costs.
const PROFIT: f32 = 1.1;
/// Tokens' worth of time that guessing may lose in one reply.
const MOST_LOSS: f32 = 2.0;

/// What one more token in a batch costs, as a share of what a batch of one costs: near 0 where reading the weights from
/// memory is the work, near 1 where computing is.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds of a batch of one.
    single: Option<f32>,
    /// Seconds of each further token.
    further: Option<f32>,
}

impl Cost {
    /// Learns from a batch.
    pub(super) fn learn(&mut self, tokens: usize, seconds: f32) {
        match (tokens, self.single) {
            (0, _) => {}
            (1, _) => blend(&mut self.single, seconds),
            (_, Some(single)) => blend(&mut self.further, (seconds - single).max(0.0) / (tokens - 1) as f32),
            // The prompt comes first. A wide batch computes for the most part.
            (_, None) => blend(&mut self.further, seconds / tokens as f32),
        }
    }

    /// The share; none before there is anything to compare.
    pub(super) fn share(&self) -> Option<f32> {
        Some(self.further? / self.single?.max(f32::MIN_POSITIVE))
    }
}

/// Follows a figure slowly; a moment in which something else had the processor counts little.
fn blend(figure: &mut Option<f32>, sample: f32) {
    *figure =
        Some(figure.map_or(sample, |figure| figure + 0.1 * (sample.min(2.0 * figure + f32::MIN_POSITIVE) - figure)));
}

/// The text so far, and how guessing went.
pub(super) struct Lookup {
    history: Vec<i32>,
    /// By length of the match: guessed tokens that were right and that were tried, both faded.
    experience: [Experience; FIRST_RATES.len()],
    /// What guessing has saved, in batches of one.
    balance: f32,
}

#[derive(Clone, Copy, Default)]
struct Experience {
    right: f32,
    tried: f32,
}

/// A guess: where it stood, and behind how many tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) matched: usize,
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Lookup {
    /// `prompt`: its tokens in order; what is no text is left out.
    pub(super) fn new(prompt: Vec<i32>) -> Self {
        Self { history: prompt, experience: [Experience::default(); FIRST_RATES.len()], balance: 0.0 }
    }

    /// A token of the reply.
    pub(super) fn push(&mut self, token: i32) {
        self.history.push(token);
        for Experience { right, tried } in &mut self.experience {
            (*right, *tried) = (*right * FADE, *tried * FADE);
        }
    }

    /// The tokens that are likely to come, at most `most`, where checking them pays at this cost; often none.
    pub(super) fn draft(&self, most: usize, cost: f32) -> Option<Draft> {
        if self.balance < -MOST_LOSS || most == 0 {
            return None;
        }
        let (start, matched) = self.longest_match()?;
        let worth = worthwhile(self.rate(matched), cost * PROFIT);
        let length = worth.min(LONGEST_DRAFT).min(most).min(self.history.len() - start);
        (length > 0).then_some(Draft { matched, start, length })
    }

    /// A guess's tokens.
    pub(super) fn tokens(&self, draft: Draft) -> &[i32] {
        &self.history[draft.start..draft.start + draft.length]
    }

    /// Learns how many tokens of a guess were right.
    pub(super) fn judge(&mut self, draft: Draft, right: usize, cost: f32) {
        let experience = &mut self.experience[draft.matched - SHORTEST_MATCH];
        experience.right += right as f32;
        // Behind the first wrong one nothing was tried.
        experience.tried += draft.length.min(right + 1) as f32;
        self.balance += right as f32 - cost * draft.length as f32;
    }

    /// So many tokens had to be read again because of guessing.
    pub(super) fn charge(&mut self, tokens: usize) {
        self.balance -= tokens as f32;
    }

    fn rate(&self, matched: usize) -> f32 {
        let Experience { right, tried } = self.experience[matched - SHORTEST_MATCH];
        (right + FIRST_WEIGHT * FIRST_RATES[matched - SHORTEST_MATCH]) / (tried + FIRST_WEIGHT)
    }

    /// Where the last tokens stood before: the end of the longest match, the latest of several; and its length.
    fn longest_match(&self) -> Option<(usize, usize)> {
        let history = &self.history;
        let mut best = (0, SHORTEST_MATCH - 1);
        for end in (1..history.len()).rev() {
            let before = history[..end].iter().rev();
            let matched = before.zip(history.iter().rev()).take(LONGEST_MATCH).take_while(|(a, b)| a == b).count();
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

/// How many tokens to guess: the last one must be right more often than it costs.
fn worthwhile(rate: f32, cost: f32) -> usize {
    let (mut chance, mut length) = (rate, 0);
    while chance > cost && length < LONGEST_DRAFT {
        chance *= rate;
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHEAP: f32 = 0.05;

    fn guess(lookup: &Lookup, most: usize) -> Vec<i32> {
        lookup.draft(most, CHEAP).map_or_else(Vec::new, |draft| lookup.tokens(draft).to_vec())
    }

    #[test]
    fn what_followed_the_longest_and_latest_match_is_guessed() {
        let mut lookup = Lookup::new(vec![1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 6]);
        assert!(guess(&lookup, 9).is_empty());
        lookup.push(2);
        assert!(guess(&lookup, 9).is_empty());
        lookup.push(3);
        assert_eq!(guess(&lookup, 9), [7, 8, 6], "the later of two");
        assert_eq!(guess(&lookup, 2), [7, 8]);
        let mut lookup = Lookup::new(vec![1, 2, 3, 4, 5, 9, 2, 3, 7, 8, 1]);
        lookup.push(2);
        lookup.push(3);
        assert_eq!(guess(&lookup, 9), [4, 5, 9, 2], "the longer of two");
    }

    #[test]
    fn guesses_are_as_long_as_they_pay() {
        for (rate, cost, length) in [(0.9, 0.5, 6), (0.9, 0.95, 0), (0.5, 0.2, 2), (0.5, 1.0, 0), (1.0, 0.1, 16)] {
            assert_eq!(worthwhile(rate, cost), length, "{rate} {cost}");
        }
    }

    #[test]
    fn experience_decides_and_fades() {
        let mut lookup = Lookup::new((0..40).chain(0..8).collect());
        let draft = lookup.draft(99, 0.3).expect("a guess");
        assert!(draft.length > 2 && draft.matched == LONGEST_MATCH);
        lookup.judge(draft, 0, 0.01);
        lookup.judge(draft, 0, 0.01);
        assert!(lookup.draft(99, 0.3).expect("a guess").length < draft.length);
        (0..99).for_each(|token| lookup.push(100 + token));
        (0..8).for_each(|token| lookup.push(token));
        assert_eq!(lookup.draft(99, 0.3).expect("a guess").length, draft.length);
    }

    #[test]
    fn no_reply_loses_more_than_it_may() {
        let mut lookup = Lookup::new((0..40).chain(0..8).collect());
        let mut lost = 0.0;
        while let Some(draft) = lookup.draft(99, 0.2) {
            lookup.judge(draft, 0, 0.2);
            lost += 0.2 * draft.length as f32;
        }
        assert!(lost < MOST_LOSS + 0.2 * LONGEST_DRAFT as f32);
        let mut lookup = Lookup::new((0..40).chain(0..8).collect());
        lookup.charge(3);
        assert_eq!(lookup.draft(99, CHEAP), None);
    }

    #[test]
    fn costs_are_learnt_from_batches() {
        let mut cost = Cost::default();
        cost.learn(50, 1.0);
        assert_eq!(cost.share(), None);
        cost.learn(1, 0.1);
        let share = cost.share().expect("known");
        assert!((0.19..0.21).contains(&share), "{share}");
        for _ in 0..100 {
            cost.learn(1, 0.1);
            cost.learn(5, 0.3);
        }
        let share = cost.share().expect("known");
        assert!((0.49..0.51).contains(&share), "{share}");
        cost.learn(1, 1_000.0);
        assert!(cost.share().expect("known") > 0.4, "one interruption changes little");
    }

    proptest! {
        #[test]
        fn a_guess_is_text_that_stood_behind_the_same_tokens(
            history in prop::collection::vec(0..6_i32, 0..80),
            most in 0_usize..20,
        ) {
            let lookup = Lookup::new(history.clone());
            let draft = guess(&lookup, most);
            prop_assert!(draft.len() <= most.min(LONGEST_DRAFT));
            if !draft.is_empty() {
                let tail = &history[history.len() - SHORTEST_MATCH..];
                let stood = |at: usize| history[at..].starts_with(&[tail, &draft].concat());
                prop_assert!((0..history.len()).any(stood));
            }
        }
    }
}
