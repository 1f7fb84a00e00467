//! Which token comes next, by its logit: the likeliest, or one drawn by chance.

use crate::model::Sampling;

/// A token that may come next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: usize,
    /// How far its logit lies above that of the next likeliest; infinite where there is none.
    pub(super) lead: f32,
}

/// Draws tokens; its draws depend on the seed alone.
pub(super) struct Sampler {
    temperature: f64,
    random: SplitMix,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self { temperature: f64::from(sampling.temperature), random: SplitMix(sampling.seed) }
    }

    /// Whether it always takes the likeliest.
    pub(super) fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }

    /// One of the allowed tokens; none where no logit of them is a number above minus infinity.
    pub(super) fn choose(&mut self, logits: &[f32], allowed: impl Fn(usize) -> bool) -> Option<Candidate> {
        let likeliest = likeliest(logits, &allowed)?;
        // Beside an infinite logit nothing else has any weight.
        if self.is_greedy() || logits[likeliest.id] == f32::INFINITY {
            return Some(likeliest);
        }
        let greatest = f64::from(logits[likeliest.id]);
        let weight = |(id, logit): (usize, &f32)| {
            let weight = ((f64::from(*logit) - greatest) / self.temperature).exp();
            if weight > 0.0 && allowed(id) { Some((id, weight)) } else { None }
        };
        let weights = || logits.iter().enumerate().filter_map(weight);
        let total: f64 = weights().map(|(_, weight)| weight).sum();
        let mut left = self.random.unit() * total;
        let drawn = weights().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a last crumb.
        Some(Candidate { id: drawn.map_or(likeliest.id, |(id, _)| id), ..likeliest })
    }
}

/// The first of the greatest logits among the allowed tokens; NaN is never greatest.
fn likeliest(logits: &[f32], allowed: impl Fn(usize) -> bool) -> Option<Candidate> {
    let mut best = None;
    let (mut greatest, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (id, &logit) in logits.iter().enumerate() {
        if logit > second && allowed(id) {
            if logit > greatest {
                (best, second, greatest) = (Some(id), greatest, logit);
            } else {
                second = logit;
            }
        }
    }
    let lead = if greatest == second { 0.0 } else { greatest - second };
    best.map(|id| Candidate { id, lead })
}

/// SplitMix64 (Steele, Lea, Flood 2014): a seed draws the same for ever, whatever version of whatever crate is in use.
struct SplitMix(u64);

impl SplitMix {
    /// 0 up to, and without, 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sampler(temperature: f32, seed: u64) -> Sampler {
        Sampler::new(Sampling { temperature, seed })
    }

    #[test]
    fn greedy_takes_the_first_of_the_greatest_and_says_by_how_much() {
        let mut greedy = sampler(0.0, 1);
        let logits = [f32::NAN, 1.0, 3.0, 2.5, 3.0];
        assert_eq!(greedy.choose(&logits, |_| true), Some(Candidate { id: 2, lead: 0.0 }));
        assert_eq!(greedy.choose(&logits, |id| id != 2), Some(Candidate { id: 4, lead: 0.5 }));
        assert_eq!(greedy.choose(&logits, |id| id == 1), Some(Candidate { id: 1, lead: f32::INFINITY }));
        for nothing in [&[f32::NAN, f32::NEG_INFINITY][..], &[]] {
            assert_eq!(greedy.choose(nothing, |_| true), None);
            assert_eq!(sampler(1.0, 1).choose(nothing, |_| true), None);
        }
    }

    #[test]
    fn draws_follow_the_odds() {
        let logits = [0.0, 0.8_f32.ln(), 0.2_f32.ln(), f32::NEG_INFINITY];
        let mut fair = sampler(1.0, 7);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            counts[fair.choose(&logits, |id| id != 0).unwrap().id] += 1;
        }
        assert!(counts[0] == 0 && counts[3] == 0 && (7_800..8_200).contains(&counts[1]), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_seed_draws_the_same_and_only_what_is_allowed(
            logits in prop::collection::vec(prop_oneof![any::<f32>(), -9.0_f32..9.0], 1..40),
            temperature in 0.0_f32..2.0,
            seed: u64,
            barred in 0_usize..40,
        ) {
            let draw = || {
                let mut sampler = sampler(temperature, seed);
                [(); 5].map(|()| sampler.choose(&logits, |id| id != barred).map(|drawn| drawn.id))
            };
            let drawn = draw();
            prop_assert_eq!(drawn, draw());
            for id in drawn.into_iter().flatten() {
                prop_assert!(id != barred && logits[id] > f32::NEG_INFINITY);
            }
        }
    }
}
