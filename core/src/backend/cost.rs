//! What a batch of some tokens costs on this model and machine, measured while it works.
//!
//! Nearly as much as a batch of one where reading the weights from memory is the work, as many times that as it has tokens
//! where computing is; and in steps, since kernels take four or sixteen tokens together.

/// Most tokens guessed at once.
pub(super) const LONGEST_DRAFT: usize = 16;
/// A token and the longest guess behind it; what is wider is a prompt's.
const WIDEST: usize = LONGEST_DRAFT + 1;

/// How far one batch moves a figure.
const SPEED: f32 = 0.3;

/// In batches of one, by the number of tokens; what was not measured lies on the line between what was.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds of a batch of one.
    one: Option<f32>,
    /// Of wider ones, in batches of one of the same time: whatever else wants the processor slows both.
    shares: [Option<f32>; WIDEST],
    /// Seconds of each token of a wide batch.
    wide: Option<f32>,
}

impl Cost {
    /// Where each further token costs the same share of a batch of one.
    pub(super) fn even(share: f32) -> Self {
        let shares = std::array::from_fn(|further| Some(1.0 + share * further as f32));
        Self { one: Some(1.0), shares, wide: None }
    }

    /// Learns from a batch.
    pub(super) fn learn(&mut self, tokens: usize, seconds: f32) {
        match tokens {
            0 => {}
            1 => {
                let one = *self.one.get_or_insert(seconds);
                self.one = Some(follow(one, seconds.min(2.0 * one)));
            }
            2..=WIDEST => {
                let Some(one) = self.one else { return };
                // Less than a batch of one, or more than its tokens one by one, is an interruption's doing.
                let share = (seconds / one.max(f32::MIN_POSITIVE)).clamp(1.0, tokens as f32);
                // The first batch of a width does not overrule what those beside it say.
                self.shares[tokens - 1] = Some(follow(self.of(tokens).unwrap_or(share), share));
            }
            _ => {
                let each = seconds / tokens as f32;
                self.wide = Some(follow(self.wide.unwrap_or(each), each));
            }
        }
    }

    /// In batches of one; none before there is anything to compare.
    pub(super) fn of(&self, tokens: usize) -> Option<f32> {
        let (tokens, one) = (tokens.clamp(1, WIDEST), self.one?);
        let known = |tokens: usize| self.shares[tokens - 1].map(|share| (tokens as f32, share));
        let below = (2..=tokens).rev().find_map(known).unwrap_or((1.0, 1.0));
        // A batch this wide costs what each of its tokens does in a wider one.
        let wide =
            || self.wide.map(|each| (WIDEST as f32, below.1.max(each / one.max(f32::MIN_POSITIVE) * WIDEST as f32)));
        let above = (tokens..=WIDEST).find_map(known).or_else(wide);
        let above = if tokens == 1 { below } else { above? };
        let part = if above.0 > below.0 { (tokens as f32 - below.0) / (above.0 - below.0) } else { 0.0 };
        // None costs more than a wider one.
        let widers = (tokens..=WIDEST).filter_map(known).map(|(_, share)| share);
        Some(widers.fold(below.1 + part * (above.1 - below.1), f32::min))
    }
}

fn follow(figure: f32, sample: f32) -> f32 {
    figure + SPEED * (sample - figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(cost: &Cost, tokens: usize, expected: f32) -> bool {
        cost.of(tokens).is_some_and(|found| (found - expected).abs() < 0.02 * expected)
    }

    #[test]
    fn what_was_not_measured_lies_between_what_was() {
        let mut cost = Cost::default();
        cost.learn(50, 5.0);
        assert_eq!(cost.of(4), None, "nothing to compare");
        cost.learn(1, 0.5);
        assert!(near(&cost, 1, 1.0) && near(&cost, 17, 3.4) && near(&cost, 9, 2.2));
        (0..20).for_each(|_| cost.learn(5, 0.6));
        assert!(near(&cost, 5, 1.2) && near(&cost, 3, 1.1) && near(&cost, 11, 2.3));
        assert!(near(&cost, 99, 3.4), "as the widest");
        cost.learn(0, 1.0);
        assert!(near(&Cost::even(0.25), 5, 2.0));
    }

    #[test]
    fn interruptions_count_little_and_are_forgotten_soon() {
        let mut cost = Cost::default();
        cost.learn(64, 6.4 * 0.3);
        cost.learn(1, 0.1);
        cost.learn(3, 10.0);
        assert!(near(&cost, 3, 1.96), "not even what its tokens cost alone");
        (0..20).for_each(|_| cost.learn(3, 0.11));
        cost.learn(2, 0.2);
        assert!(near(&cost, 3, 1.1) && near(&cost, 2, 1.1), "the narrower costs no more");
    }

    #[test]
    fn what_slows_all_batches_changes_no_share() {
        let mut cost = Cost::default();
        for slower in [1.0, 3.0, 1.0] {
            for _ in 0..40 {
                cost.learn(1, 0.1 * slower);
                cost.learn(4, 0.15 * slower);
            }
            assert!(near(&cost, 4, 1.5));
        }
    }
}
