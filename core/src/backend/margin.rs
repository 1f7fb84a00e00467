//! By how much the likeliest token must lead for the width of a batch not to matter.
//!
//! A batch of several tokens may run through other kernels than a batch of one, which add the same numbers in another
//! order. Where two tokens are nearly equally likely that may decide between them. So a close decision is made again on
//! what was read token by token, and each time the difference tells how close is close. The first guesses are compared in
//! any case: waiting for a close decision would mean reading more again.

/// Close, as long as nothing is known: far more than rounding makes of any logits.
const UNKNOWN: f32 = 0.5;
/// So many comparisons make known.
const ENOUGH: u32 = 3;
/// A decision is close within so many times the greatest difference seen,
const CAUTION: f32 = 8.0;
/// or within this, even where none was ever seen.
const LEAST: f32 = 0.02;

/// What is known of a model on a machine.
#[derive(Clone, Copy, Default)]
pub(super) struct Margin {
    compared: u32,
    /// The greatest difference of any token's logit.
    greatest: f32,
}

impl Margin {
    /// Whether enough was compared.
    pub(super) fn is_known(&self) -> bool {
        self.compared >= ENOUGH
    }

    /// Whether a lead is so small that it must be looked at again.
    pub(super) fn is_close(&self, lead: f32) -> bool {
        let least = if self.is_known() { LEAST } else { UNKNOWN };
        lead.is_nan() || lead < least.max(CAUTION * self.greatest)
    }

    /// Learns from the same logits computed both ways.
    pub(super) fn compare(&mut self, guessing: &[f32], plain: &[f32]) {
        self.compared = self.compared.saturating_add(1);
        let differences = guessing.iter().zip(plain).map(|(a, b)| (a - b).abs());
        self.greatest = differences.filter(|difference| difference.is_finite()).fold(self.greatest, f32::max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_is_what_experience_makes_it() {
        let mut margin = Margin::default();
        assert!(margin.is_close(0.49) && !margin.is_close(0.5) && margin.is_close(f32::NAN));
        assert!(!margin.is_known());
        for _ in 0..ENOUGH {
            margin.compare(&[1.0, 2.0], &[1.0, 2.0]);
        }
        assert!(margin.is_known() && margin.is_close(0.01) && !margin.is_close(0.02));
        margin.compare(&[1.0, f32::NEG_INFINITY], &[1.25, f32::NEG_INFINITY]);
        assert!(margin.is_close(1.9) && !margin.is_close(2.0));
        margin.compare(&[1.0], &[1.0]);
        assert!(margin.is_close(1.9), "the greatest counts");
    }
}
