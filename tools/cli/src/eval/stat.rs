//! Shares with their uncertainty, and how scores are spread.

use serde::Serialize;

/// The 97.5 % point of the normal distribution: two-sided 95 %.
const Z: f64 = 1.959_963_985;

/// How many of how many, with Wilson's 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Share {
    pub(crate) hits: u32,
    pub(crate) of: u32,
    pub(crate) share: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Share {
    /// None of nothing is no share.
    pub(crate) fn of(outcomes: impl IntoIterator<Item = bool>) -> Option<Self> {
        let (mut hits, mut of) = (0, 0);
        for outcome in outcomes {
            hits += u32::from(outcome);
            of += 1;
        }
        (of > 0).then(|| {
            let (low, high) = wilson(hits, of);
            Self { hits, of, share: f64::from(hits) / f64::from(of), low, high }
        })
    }
}

/// Wilson's score interval; unlike the usual one it holds for shares near 0 and 1.
fn wilson(hits: u32, of: u32) -> (f64, f64) {
    let (n, p) = (f64::from(of), f64::from(hits) / f64::from(of));
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// How scores are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) mean: f64,
    pub(crate) p05: f64,
    pub(crate) median: f64,
    pub(crate) p95: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |share: f64| values[(share * last as f64).round() as usize];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self { count: values.len(), mean, p05: quantile(0.05), median: quantile(0.5), p95: quantile(0.95) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_as_in_the_tables() {
        let share = Share::of((0..100).map(|i| i < 95)).unwrap();
        assert!((share.low - 0.888_25).abs() < 1e-4 && (share.high - 0.978_46).abs() < 1e-4, "{share:?}");
        let all = Share::of([true; 300]).unwrap();
        assert!((all.low - 0.987_36).abs() < 1e-4 && (all.high - 1.0).abs() < 1e-9, "{all:?}");
        assert_eq!(Share::of([]), None);
    }

    #[test]
    fn quantiles() {
        let spread = Spread::of((0..=100).map(f64::from)).unwrap();
        assert_eq!((spread.p05, spread.median, spread.p95, spread.mean), (5.0, 50.0, 95.0, 50.0));
        assert_eq!(Spread::of([]), None);
    }
}
