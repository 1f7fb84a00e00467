//! Photos: decoding within limits, orientation, resizing and normalising as the towers were trained.
//!
//! Encoded photos are hostile until shown otherwise: [`Rgb::decode`] checks the encoded size, then the dimensions, and
//! only then allocates. No C or C++ image parser ever sees a user's bytes.

mod decode;
mod jpeg;
mod resize;

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// Most bytes of an encoded photo (64 MiB).
pub const MAX_ENCODED_BYTES: usize = 64 << 20;

/// Most pixels of a decoded photo (50 megapixels, 150 MB as RGB).
pub const MAX_PIXELS: u64 = 50_000_000;

/// Longest side of a decoded photo. It bounds the resizing filter's tables for very long, thin pictures.
pub const MAX_SIDE: u32 = 20_000;

/// A decoded photo: 8-bit RGB, row-major, `width * height * 3` bytes. Both sides are at least 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

// A photo is personal: `Debug` shows its size only.
impl fmt::Debug for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rgb({}x{})", self.width, self.height)
    }
}

impl Rgb {
    /// A photo from its pixels.
    ///
    /// # Errors
    /// `UnsupportedImage` when a side is 0 or longer than [`MAX_SIDE`], the area exceeds [`MAX_PIXELS`], or `pixels`
    /// doesn't hold exactly `width * height * 3` bytes.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self> {
        check_dimensions(width, height)?;
        if pixels.len() as u64 != u64::from(width) * u64::from(height) * 3 {
            return Err(Error::new(
                ErrorKind::UnsupportedImage,
                format!("{} bytes are not {width}x{height} RGB pixels", pixels.len()),
            ));
        }
        Ok(Self { width, height, pixels })
    }

    /// Decodes a JPEG, PNG, WebP, GIF, BMP or TIFF and turns it upright by its EXIF orientation.
    ///
    /// Transparency is shown on white, 16-bit samples are reduced to 8, CMYK is converted, and an animation gives its
    /// first frame. Colour profiles are ignored, as they were in training.
    ///
    /// # Errors
    /// `UnsupportedImage`, saying what to do, when the bytes are no such photo, are cut off, or exceed
    /// [`MAX_ENCODED_BYTES`], [`MAX_PIXELS`] or [`MAX_SIDE`].
    pub fn decode(encoded: &[u8]) -> Result<Self> {
        decode::decode(encoded)
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, row by row, three bytes each.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The central part whose sides are `share` (above 0, up to 1) of the photo's, rounded, at least one pixel.
    /// Only a smaller part is copied.
    #[must_use]
    pub fn centre(&self, share: f32) -> Cow<'_, Self> {
        let part = |side: u32| ((f64::from(side) * f64::from(share)).round() as u32).clamp(1, side);
        let (width, height) = (part(self.width), part(self.height));
        if (width, height) == (self.width, self.height) {
            return Cow::Borrowed(self);
        }
        let (left, top) = ((self.width - width) / 2, (self.height - height) / 2);
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        for row in top..top + height {
            let start = (row as usize * self.width as usize + left as usize) * 3;
            pixels.extend_from_slice(&self.pixels[start..start + width as usize * 3]);
        }
        Cow::Owned(Self { width, height, pixels })
    }

    /// Resizes with Pillow's bicubic filter, bit for bit; the aspect ratio is not kept. Both sides must be at least 1.
    #[must_use]
    pub fn resize(&self, width: u32, height: u32) -> Self {
        resize::bicubic(self, width.max(1), height.max(1))
    }

    /// A small JPEG copy for the library: the longer side at most `longest` pixels, the aspect ratio kept.
    pub fn thumbnail(&self, longest: u32) -> Result<Vec<u8>> {
        let scale = (f64::from(longest.max(1)) / f64::from(self.width.max(self.height))).min(1.0);
        let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        jpeg::encode(&self.resize(side(self.width), side(self.height)))
    }

    /// `(pixel / 255 - mean) / std` per channel, as planes: `[R, G, B]` of `height * width` each (NCHW with N = 1).
    pub fn normalised(&self, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
        let area = self.width as usize * self.height as usize;
        let mut planes = vec![0.0; 3 * area];
        for (channel, plane) in planes.chunks_exact_mut(area).enumerate() {
            let table = normalisation_table(mean[channel], std[channel]);
            for (value, pixel) in plane.iter_mut().zip(self.pixels.chunks_exact(3)) {
                *value = table[usize::from(pixel[channel])];
            }
        }
        planes
    }
}

/// Every value that a byte can become; computed in f64, so that it is the nearest f32.
fn normalisation_table(mean: f32, std: f32) -> [f32; 256] {
    std::array::from_fn(|byte| ((byte as f64 / 255.0 - f64::from(mean)) / f64::from(std)) as f32)
}

fn check_dimensions(width: u32, height: u32) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::new(ErrorKind::UnsupportedImage, format!("a photo of {width}x{height} pixels is empty")));
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::new(
            ErrorKind::UnsupportedImage,
            format!(
                "the photo has {width}x{height} pixels; the limits are {} megapixels and {MAX_SIDE} pixels a side: \
                 make a smaller copy and use that",
                MAX_PIXELS / 1_000_000
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> Rgb {
        let pixels = (0..width * height * 3).map(|i| (i * 7 % 256) as u8).collect();
        Rgb::new(width, height, pixels).expect("sizes agree")
    }

    #[test]
    fn pixels_must_fill_the_dimensions() {
        for (width, height, bytes) in [(0, 1, 0), (1, 0, 0), (2, 2, 11), (2, 2, 13), (30_000, 30_000, 0)] {
            let error = Rgb::new(width, height, vec![0; bytes]).expect_err("no such photo");
            assert_eq!(error.kind(), ErrorKind::UnsupportedImage);
        }
    }

    #[test]
    fn normalised_values_lie_in_planes() {
        let photo = Rgb::new(2, 1, vec![0, 255, 51, 255, 0, 102]).expect("sizes agree");
        let values = photo.normalised([0.5; 3], [0.5; 3]);
        assert_eq!(values, [-1.0, 1.0, 1.0, -1.0, -0.6, -0.2]);
    }

    #[test]
    fn thumbnails_keep_the_aspect_ratio_and_never_grow() {
        for ((width, height), expected) in
            [((512, 128), (256, 64)), ((100, 400), (64, 256)), ((40, 30), (40, 30)), ((2000, 1), (256, 1))]
        {
            let small = Rgb::decode(&gradient(width, height).thumbnail(256).expect("encodes")).expect("decodes");
            assert_eq!((small.width(), small.height()), expected);
        }
    }

    #[test]
    fn debug_hides_pixels() {
        assert_eq!(format!("{:?}", gradient(3, 2)), "Rgb(3x2)");
    }
}
