//! Photos: decoding within limits, orientation, resizing as the towers were trained.

/// A decoded photo: 8-bit RGB, row-major, `width * height * 3` bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}
