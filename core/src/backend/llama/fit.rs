//! The size at which a photo is handed to the vision tower.

use crate::bundle::LanguageSpec;
use crate::image::Rgb;

/// Side in pixels of the square that becomes one image token: 14-pixel patches, merged two by two.
const TOKEN_SIDE: u32 = 28;

/// How photos are resized before the vision tower sees them. Sides are multiples of 28 and the token count lies within
/// the limits given to llama.cpp, so that its own resizing, which may differ, has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageFit {
    /// To a square, whatever the aspect ratio.
    Squash { side: u32 },
    /// To a number of tokens, the aspect ratio kept.
    Keep { min_tokens: u32, max_tokens: u32 },
}

impl ImageFit {
    pub(super) fn new(language: &LanguageSpec) -> Self {
        match (language.image_size, language.min_tokens, language.max_tokens) {
            (Some(side), ..) => Self::Squash { side },
            (None, min, max) => {
                Self::Keep { min_tokens: min.expect("checked by the manifest"), max_tokens: max.expect("checked too") }
            }
        }
    }

    /// Fewest and most image tokens.
    pub(super) fn token_limits(self) -> (u32, u32) {
        match self {
            Self::Squash { side } => ((side / TOKEN_SIDE).pow(2), (side / TOKEN_SIDE).pow(2)),
            Self::Keep { min_tokens, max_tokens } => (min_tokens, max_tokens),
        }
    }

    pub(super) fn apply(self, photo: &Rgb) -> Rgb {
        let (width, height) = match self {
            Self::Squash { side } => (side, side),
            Self::Keep { min_tokens, max_tokens } => keep(photo.width(), photo.height(), min_tokens, max_tokens),
        };
        photo.resize(width, height)
    }
}

/// Qwen2-VL's `smart_resize`: multiples of 28 near the original, scaled until the token count is within the limits.
fn keep(width: u32, height: u32, min_tokens: u32, max_tokens: u32) -> (u32, u32) {
    let unit = f64::from(TOKEN_SIDE);
    let (w, h) = (f64::from(width) / unit, f64::from(height) / unit);
    let (mut columns, mut rows) = (w.round_ties_even().max(1.0), h.round_ties_even().max(1.0));
    if columns * rows > f64::from(max_tokens) {
        let shrink = (w * h / f64::from(max_tokens)).sqrt();
        (columns, rows) = ((w / shrink).floor().max(1.0), (h / shrink).floor().max(1.0));
        // A very long, thin photo has one row, and as many columns as are left.
        columns = columns.min(f64::from(max_tokens));
        rows = rows.min((f64::from(max_tokens) / columns).floor());
    } else if columns * rows < f64::from(min_tokens) {
        let grow = (f64::from(min_tokens) / (w * h)).sqrt();
        (columns, rows) = ((w * grow).ceil(), (h * grow).ceil());
    }
    (columns as u32 * TOKEN_SIDE, rows as u32 * TOKEN_SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_aspect_ratios_stay_within_the_limits() {
        for (size, expected) in [
            ((640, 480), (644, 476)),
            ((4000, 3000), (1148, 840)),
            ((100, 50), (168, 84)),
            ((1, 1), (112, 112)),
            ((20_000, 1), (20_000 / 28 * 28, 28)),
        ] {
            let (width, height) = keep(size.0, size.1, 16, 1280);
            assert_eq!((width, height), expected, "{size:?}");
            let tokens = (width / TOKEN_SIDE) * (height / TOKEN_SIDE);
            assert!((16..=1280).contains(&tokens), "{size:?}: {tokens}");
        }
    }
}
