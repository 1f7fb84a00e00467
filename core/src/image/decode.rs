//! From encoded bytes to upright RGB, refusing what is too large before allocating for it.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{MAX_ENCODED_BYTES, MAX_PIXELS, MAX_SIDE, Rgb, check_dimensions, jpeg};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn decode(encoded: &[u8]) -> Result<Rgb> {
    check_size(encoded)?;
    let format = image::guess_format(encoded).map_err(|_| unknown_format(encoded))?;
    if format == ImageFormat::Jpeg && !jpeg::is_whole(encoded) {
        return Err(unsupported("the JPEG is cut off before its end: copy or download it again"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(encoded), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|e| undecodable(e, format))?;
    let (width, height) = decoder.dimensions();
    check_dimensions(width, height)?;
    // A photo with damaged EXIF is still a photo.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| undecodable(e, format))?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    Rgb::new(width, height, to_rgb(picture))
}

fn check_size(encoded: &[u8]) -> Result<()> {
    if encoded.is_empty() {
        return Err(unsupported("the photo is empty (0 bytes): copy or download it again"));
    }
    if encoded.len() > MAX_ENCODED_BYTES {
        return Err(unsupported(format!(
            "the photo has {} bytes; the limit is {MAX_ENCODED_BYTES}: make a smaller copy and use that",
            encoded.len()
        )));
    }
    Ok(())
}

/// What a decoder itself may allocate: 16-bit RGBA of the largest photo. Dimensions are checked apart, with a better
/// message; the limits here hold for decoders that allocate while they read the header.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(u32::from(u16::MAX));
    limits.max_image_height = Some(u32::from(u16::MAX));
    limits.max_alloc = Some(MAX_PIXELS * 8 + u64::from(MAX_SIDE) * 64);
    limits
}

fn to_rgb(picture: DynamicImage) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into_raw();
    }
    picture.into_rgba8().as_raw().chunks_exact(4).flat_map(|p| on_white([p[0], p[1], p[2]], p[3])).collect()
}

/// What a person sees on a page. The colours beneath full transparency are arbitrary, often black, so dropping alpha
/// as Pillow's `convert("RGB")` does would embed something nobody saw.
fn on_white(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    colour.map(|c| ((u32::from(c) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnsupportedImage, message)
}

fn unknown_format(encoded: &[u8]) -> Error {
    let brand = encoded.get(4..12).unwrap_or_default();
    if [b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"].iter().any(|known| brand == *known) {
        return unsupported("HEIC and AVIF photos can't be read yet: save it as a JPEG and use that");
    }
    unsupported("this is not a photo that can be read: use a JPEG, PNG, WebP, GIF, BMP or TIFF file")
}

fn undecodable(error: ImageError, format: ImageFormat) -> Error {
    let name = format.extensions_str().first().copied().unwrap_or("image").to_uppercase();
    let message = match error {
        ImageError::Limits(_) => format!("the {name} is larger than the limits: make a smaller copy and use that"),
        ImageError::Unsupported(_) => {
            format!("this kind of {name} can't be read: save it as an ordinary JPEG or PNG and use that")
        }
        _ => format!("the {name} is damaged or cut off: copy or download it again"),
    };
    unsupported(message).with_source(error)
}
