//! JPEG: is a file whole, and writing a small one.

use image::codecs::jpeg::JpegEncoder;

use super::Rgb;
use crate::error::{Error, ErrorKind, Result};

/// Good enough to recognise and to embed again, about 15 kB at 256 pixels.
const THUMBNAIL_QUALITY: u8 = 85;

pub(super) fn encode(photo: &Rgb) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, THUMBNAIL_QUALITY)
        .encode(&photo.pixels, photo.width, photo.height, image::ExtendedColorType::Rgb8)
        .map_err(|e| Error::new(ErrorKind::Internal, "a thumbnail could not be encoded").with_source(e))?;
    Ok(bytes)
}

const START: [u8; 2] = [0xFF, 0xD8];
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Whether a JPEG reaches its end marker. Decoders fill a cut-off photo with grey, which would then be embedded as if
/// the person had meant it. Bytes after the end are allowed: phones put a short film there.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&START) else { return false };
    loop {
        // A marker may be preceded by any number of fill bytes 0xFF.
        let Some(at) = rest.iter().position(|&b| b != 0xFF) else { return false };
        let marker = rest[at];
        rest = &rest[at + 1..];
        match marker {
            END_OF_IMAGE => return true,
            0x01 | 0xD0..=0xD7 => continue,
            _ => {}
        }
        let Some(length) = rest.first_chunk().map(|&b| usize::from(u16::from_be_bytes(b))) else { return false };
        let Some(after) = rest.get(length.max(2)..) else { return false };
        rest = after;
        if marker == START_OF_SCAN {
            let Some(end) = scan_length(rest) else { return false };
            rest = &rest[end..];
        }
    }
}

/// Bytes of entropy-coded data up to the next marker; restart markers and stuffed zeros belong to the data.
fn scan_length(data: &[u8]) -> Option<usize> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    data.windows(2).position(is_marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truncation_is_noticed() {
        let pixels = (0..64 * 48 * 3).map(|i| (i * 31 % 251) as u8).collect();
        let bytes = encode(&Rgb::new(64, 48, pixels).expect("sizes agree")).expect("encodes");
        assert!(is_whole(&bytes));
        assert!((0..bytes.len()).all(|cut| !is_whole(&bytes[..cut])));
        assert!(is_whole(&[bytes.as_slice(), b"trailing film"].concat()));
    }
}
