//! Whether a search result is good enough to become an edit fact in the prompt.
//!
//! A nearest neighbour always exists. Without a gate the nearest fact would fire on every photo of anything, so the
//! best hit must reach the bundle's threshold for its modality (the paper's θ = 0.55, V-A), or no fact is given.

use serde::{Deserialize, Serialize};

use crate::types::{FactId, Hit};

/// How scores of one modality are judged; measured for a bundle's encoders, and meaningless for others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// A fact fires at a score of at least this, -1 to 1.
    pub threshold: f32,
    /// Turns a score into a probability.
    pub calibration: Calibration,
}

/// A logistic curve from score to the probability that the fact is about what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Steepness per unit of score.
    pub slope: f32,
    /// Log-odds at score 0.
    pub intercept: f32,
}

impl Calibration {
    /// `1 / (1 + e^-(slope * score + intercept))`, 0 to 1.
    pub fn confidence(&self, score: f32) -> f32 {
        1.0 / (1.0 + (-(self.slope * score + self.intercept)).exp())
    }
}

/// What the gate decided, with the figures it decided on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Decision {
    /// This fact goes into the prompt.
    Fire {
        /// The fact.
        fact: FactId,
        /// Cosine similarity of its best key, -1 to 1.
        score: f32,
        /// What its score had to reach.
        threshold: f32,
        /// Calibrated probability that it applies, 0 to 1.
        confidence: f32,
        /// The best hit of another fact.
        runner_up: Option<Hit>,
        /// How far ahead of the runner-up it is; none without a runner-up.
        margin: Option<f32>,
    },
    /// No fact applies: the model answers from what it knows and sees.
    Pass {
        /// Why none does.
        #[serde(flatten)]
        reason: PassReason,
    },
}

/// Why no fact fired.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum PassReason {
    /// No active fact has a key of this modality; where the question asks for a source, none of that source.
    EmptyIndex,
    /// The nearest fact is not near enough.
    BelowThreshold {
        /// The nearest key.
        best: Hit,
        /// Calibrated probability that its fact applies, 0 to 1.
        confidence: f32,
        /// What its score would have had to reach.
        threshold: f32,
    },
}

impl Decision {
    /// The fact that fired.
    pub fn fired(&self) -> Option<FactId> {
        match self {
            Self::Fire { fact, .. } => Some(*fact),
            Self::Pass { .. } => None,
        }
    }

    /// The best score, whether or not it was enough; none when nothing was there to compare with.
    pub fn best_score(&self) -> Option<f32> {
        match self {
            Self::Fire { score, .. } => Some(*score),
            Self::Pass { reason: PassReason::BelowThreshold { best, .. } } => Some(best.score),
            Self::Pass { reason: PassReason::EmptyIndex } => None,
        }
    }
}

/// Decides on hits that come best first; several of them may belong to one fact.
pub(crate) fn decide(hits: &[Hit], gate: &Gate) -> Decision {
    let Some(best) = hits.first() else {
        return Decision::Pass { reason: PassReason::EmptyIndex };
    };
    let (threshold, confidence) = (gate.threshold, gate.calibration.confidence(best.score));
    // `>=` is false for NaN: a broken score never fires.
    if best.score >= threshold {
        let runner_up = hits.iter().find(|hit| hit.fact != best.fact).copied();
        let margin = runner_up.map(|hit| best.score - hit.score);
        return Decision::Fire { fact: best.fact, score: best.score, threshold, confidence, runner_up, margin };
    }
    Decision::Pass { reason: PassReason::BelowThreshold { best: *best, confidence, threshold } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::types::KeyId;

    const GATE: Gate = Gate { threshold: 0.55, calibration: Calibration { slope: 12.0, intercept: -6.0 } };

    fn hit(key: i64, fact: u128, score: f32) -> Hit {
        Hit { key: KeyId(key), fact: FactId(Uuid::from_u128(fact)), score }
    }

    #[test]
    fn nothing_to_find() {
        assert_eq!(decide(&[], &GATE), Decision::Pass { reason: PassReason::EmptyIndex });
    }

    #[test]
    fn the_threshold_itself_fires() {
        assert!(decide(&[hit(1, 1, 0.55)], &GATE).fired().is_some());
        assert!(decide(&[hit(1, 1, 0.549_999)], &GATE).fired().is_none());
        assert!(decide(&[hit(1, 1, f32::NAN)], &GATE).fired().is_none());
    }

    #[test]
    fn the_runner_up_is_another_fact() {
        let hits = [hit(1, 1, 0.9), hit(2, 1, 0.8), hit(3, 2, 0.6), hit(4, 3, 0.5)];
        let Decision::Fire { runner_up, margin, .. } = decide(&hits, &GATE) else { panic!("fires") };
        assert_eq!(runner_up.map(|h| h.key), Some(KeyId(3)));
        assert!((margin.unwrap() - 0.3).abs() < 1e-6);
        let Decision::Fire { runner_up, margin, .. } = decide(&hits[..2], &GATE) else { panic!("fires") };
        assert_eq!((runner_up, margin), (None, None));
    }

    #[test]
    fn traces_read_well() {
        let json = serde_json::to_value(decide(&[hit(1, 1, 0.25)], &GATE)).unwrap();
        assert_eq!((&json["outcome"], &json["reason"]), (&"pass".into(), &"below_threshold".into()));
        assert_eq!(json["best"]["score"], 0.25);
        let json = serde_json::to_value(decide(&[], &GATE)).unwrap();
        assert_eq!(json, serde_json::json!({"outcome": "pass", "reason": "empty_index"}));
    }

    proptest! {
        #[test]
        fn confidence_is_a_probability_that_rises_with_the_score(a in -1f32..1.0, b in -1f32..1.0) {
            let (low, high) = (GATE.calibration.confidence(a.min(b)), GATE.calibration.confidence(a.max(b)));
            prop_assert!((0.0..=1.0).contains(&low) && low <= high);
        }

        #[test]
        fn only_the_best_fires_and_only_from_the_threshold(scores in prop::collection::vec((-1f32..1.0, 0u128..4), 0..8)) {
            let mut hits: Vec<Hit> = scores.iter().zip(0..).map(|((s, f), key)| hit(key, *f, *s)).collect();
            hits.sort_by(|a, b| b.score.total_cmp(&a.score));
            let decision = decide(&hits, &GATE);
            let expected = hits.first().filter(|h| h.score >= GATE.threshold).map(|h| h.fact);
            prop_assert_eq!(decision.fired(), expected);
            if let Decision::Fire { margin: Some(margin), .. } = decision {
                prop_assert!(margin >= 0.0);
            }
        }
    }
}
