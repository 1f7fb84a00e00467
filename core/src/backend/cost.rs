//! What a batch of some tokens costs on this model and machine, measured while it works.
//!
//! Nearly as much as a batch of one where reading the weights from memory is the work, as many times that as it has tokens
//! where computing is; and in steps, since kernels take four or sixteen tokens together.

/// Most tokens guessed at once.
pub(super) const LONGEST_DRAFT: usize = 16;
/// A token and the longest guess behind it; what is wider is a prompt's.
const WIDEST: usize = LONGEST_DRAFT + 1;

/// Seconds by the number of tokens; what was not measured lies on the line between what was.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    seconds: [Option<f32>; WIDEST],
    /// Of each token of a wide batch.
    wide: Option<f32>,
}

impl Cost {
    /// Where each further token costs the same share of a batch of one.
    pub(super) fn even(share: f32) -> Self {
        let seconds = std::array::from_fn(|further| Some(1.0 + share * further as f32));
        Self { seconds, wide: None }
    }

    /// Learns from a batch.
    pub(super) fn learn(&mut self, tokens: usize, seconds: f32) {
        match tokens {
            0 => {}
            1..=WIDEST => blend(&mut self.seconds[tokens - 1], seconds),
            _ => blend(&mut self.wide, seconds / tokens as f32),
        }
    }

    /// In batches of one; none before there is anything to compare.
    pub(super) fn of(&self, tokens: usize) -> Option<f32> {
        Some(self.seconds(tokens)? / self.seconds[0]?.max(f32::MIN_POSITIVE))
    }

    fn seconds(&self, tokens: usize) -> Option<f32> {
        let tokens = tokens.clamp(1, WIDEST);
        let known = |tokens: usize| self.seconds[tokens - 1].map(|seconds| (tokens as f32, seconds));
        let below = (1..=tokens).rev().find_map(known)?;
        let above = (tokens..=WIDEST).find_map(known);
        // A batch this wide costs what each of its tokens does in a wider one.
        let wide = self.wide.map(|each| (WIDEST as f32, below.1.max(each * WIDEST as f32)));
        let above = above.or(wide)?;
        let share = if above.0 > below.0 { (tokens as f32 - below.0) / (above.0 - below.0) } else { 0.0 };
        Some(below.1 + share * (above.1 - below.1))
    }
}

/// Follows a figure: at once where it falls and slowly where it rises, since whatever else wants the processor makes a batch
/// longer and nothing makes it shorter.
fn blend(figure: &mut Option<f32>, sample: f32) {
    let follow = |figure: f32| {
        let speed = if sample < figure { 0.5 } else { 0.1 };
        figure + speed * (sample.min(2.0 * figure + f32::MIN_POSITIVE) - figure)
    };
    *figure = Some(figure.map_or(sample, follow));
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
        cost.learn(5, 0.6);
        assert!(near(&cost, 5, 1.2) && near(&cost, 3, 1.1) && near(&cost, 11, 2.3));
        assert!(near(&cost, 99, 3.4), "as the widest");
        cost.learn(0, 1.0);
        assert!(near(&Cost::even(0.25), 5, 2.0));
    }

    #[test]
    fn interruptions_count_little_and_are_forgotten_soon() {
        let mut cost = Cost::default();
        cost.learn(1, 0.1);
        cost.learn(2, 10.0);
        (0..20).for_each(|_| cost.learn(2, 0.1));
        assert!(near(&cost, 2, 1.0));
        cost.learn(2, 1_000.0);
        assert!(near(&cost, 2, 1.1));
    }
}
