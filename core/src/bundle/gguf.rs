//! The head of a GGUF file: what it says of its model, and which tensors it holds. Their data is never read.
//!
//! Ours, and not llama.cpp's reader: it needs no build of llama.cpp, it is told what to expect of hostile bytes, and it
//! keeps no vocabulary in memory. The format is that of ggml's `gguf.h`, versions 2 and 3, little-endian.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

/// Far above the head of any model (a vocabulary of 150,000 words takes 6 MB); bounds the work that a file can ask for.
const MAX_HEAD_BYTES: u64 = 256 << 20;
/// llama.cpp's own bound on keys; names of tensors are shorter still.
const MAX_NAME_BYTES: u64 = 1024;
/// Longer texts, such as chat templates, are passed over.
const MAX_KEPT_TEXT: u64 = 1024;
/// Far above any model's.
const MAX_ENTRIES: u64 = 1 << 16;
const MAX_DIMENSIONS: u32 = 4;

/// What keeps a file from being read.
#[derive(Debug)]
pub(super) enum Defect {
    /// The disk.
    Io(io::Error),
    /// The file's own bytes.
    Format(&'static str),
}

type Result<T> = std::result::Result<T, Defect>;

/// The head of a file.
#[derive(Debug)]
pub(super) struct Gguf {
    values: BTreeMap<String, Value>,
    pub(super) tensors: Vec<Tensor>,
}

/// A value of the metadata, as far as it is kept.
#[derive(Debug, PartialEq)]
enum Value {
    Number(u64),
    Text(String),
    /// Its length.
    Array(u64),
    /// Fractions, truths, negative numbers, long texts.
    Other,
}

/// One tensor.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) elements: u64,
    pub(super) kind: &'static str,
    pub(super) bytes: u64,
}

impl Gguf {
    /// Reads the head of a file that is `length` bytes long.
    pub(super) fn read(file: impl BufRead, length: u64) -> Result<Self> {
        let mut reader = Reader { file, left: length.min(MAX_HEAD_BYTES), read: 0 };
        if reader.bytes::<4>()? != *b"GGUF" {
            return Err(Defect::Format("it does not begin as one"));
        }
        if !(2..=3).contains(&reader.u32()?) {
            return Err(Defect::Format("its version is unknown"));
        }
        let (tensors, values) = (reader.count(MAX_ENTRIES)?, reader.count(MAX_ENTRIES)?);
        let values = (0..values).map(|_| Ok((reader.text(MAX_NAME_BYTES)?, reader.value()?))).collect::<Result<_>>()?;
        let mut head = Self { values, tensors: Vec::new() };
        let placed: Vec<_> = (0..tensors).map(|_| reader.tensor()).collect::<Result<_>>()?;
        let alignment = head.number("general.alignment").unwrap_or(32);
        if !alignment.is_power_of_two() {
            return Err(Defect::Format("its alignment is no power of two"));
        }
        let data = reader.read.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        let room = length.saturating_sub(data);
        for (offset, tensor) in placed {
            if offset % alignment != 0 || offset.checked_add(tensor.bytes).is_none_or(|end| end > room) {
                return Err(Defect::Format("a tensor lies outside the file"));
            }
            head.tensors.push(tensor);
        }
        Ok(head)
    }

    /// A number of the metadata.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        if let Value::Number(number) = self.values.get(key)? { Some(*number) } else { None }
    }

    /// A short text of the metadata.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        if let Value::Text(text) = self.values.get(key)? { Some(text) } else { None }
    }

    /// The length of a list of the metadata.
    pub(super) fn length(&self, key: &str) -> Option<u64> {
        if let Value::Array(length) = self.values.get(key)? { Some(*length) } else { None }
    }
}

struct Reader<R> {
    file: R,
    /// Bytes that may still be read.
    left: u64,
    read: u64,
}

impl<R: BufRead> Reader<R> {
    /// Counts bytes before they are read.
    fn take(&mut self, bytes: u64) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or(Defect::Format("it ends too early, or is too long"))?;
        self.read += bytes;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(Defect::Io)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn count(&mut self, most: u64) -> Result<u64> {
        let count = self.u64()?;
        if count <= most { Ok(count) } else { Err(Defect::Format("it counts more parts than any model has")) }
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        self.take(bytes)?;
        let skipped = io::copy(&mut self.file.by_ref().take(bytes), &mut io::sink()).map_err(Defect::Io)?;
        if skipped == bytes { Ok(()) } else { Err(Defect::Io(io::ErrorKind::UnexpectedEof.into())) }
    }

    fn text(&mut self, most: u64) -> Result<String> {
        let length = self.u64()?;
        if length > most {
            return Err(Defect::Format("a name is too long"));
        }
        self.take(length)?;
        let mut text = vec![0; length as usize];
        self.file.read_exact(&mut text).map_err(Defect::Io)?;
        String::from_utf8(text).map_err(|_| Defect::Format("a name is no text"))
    }

    fn value(&mut self) -> Result<Value> {
        let signed = |number: i64| u64::try_from(number).map_or(Value::Other, Value::Number);
        Ok(match self.u32()? {
            0 => Value::Number(u64::from(self.bytes::<1>()?[0])),
            1 => signed(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Value::Number(u64::from(u16::from_le_bytes(self.bytes()?))),
            3 => signed(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Number(u64::from(self.u32()?)),
            5 => signed(i64::from(i32::from_le_bytes(self.bytes()?))),
            8 => self.text_value()?,
            9 => self.array()?,
            10 => Value::Number(self.u64()?),
            11 => signed(i64::from_le_bytes(self.bytes()?)),
            kind => {
                self.skip(scalar_size(kind)?)?;
                Value::Other
            }
        })
    }

    fn text_value(&mut self) -> Result<Value> {
        let length = self.u64()?;
        if length > MAX_KEPT_TEXT {
            return self.skip(length).map(|()| Value::Other);
        }
        self.take(length)?;
        let mut text = vec![0; length as usize];
        self.file.read_exact(&mut text).map_err(Defect::Io)?;
        Ok(String::from_utf8(text).map_or(Value::Other, Value::Text))
    }

    fn array(&mut self) -> Result<Value> {
        let (kind, length) = (self.u32()?, self.u64()?);
        if kind == 8 {
            for _ in 0..length {
                let text = self.u64()?;
                self.skip(text)?;
            }
        } else {
            let bytes = length.checked_mul(scalar_size(kind)?);
            self.skip(bytes.ok_or(Defect::Format("a list is longer than the file"))?)?;
        }
        Ok(Value::Array(length))
    }

    /// A tensor, and where its data begins.
    fn tensor(&mut self) -> Result<(u64, Tensor)> {
        let name = self.text(MAX_NAME_BYTES)?;
        let dimensions = self.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(Defect::Format("a tensor has too many dimensions"));
        }
        let shape: Vec<u64> = (0..dimensions).map(|_| self.u64()).collect::<Result<_>>()?;
        let kind = self.u32()?;
        let (kind, block, size) = element(kind).ok_or(Defect::Format("a tensor has an unknown type"))?;
        let elements = shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
        let blocks = elements.filter(|_| shape.first().is_none_or(|row| row % block == 0)).map(|count| count / block);
        let bytes = blocks.and_then(|blocks| blocks.checked_mul(size));
        let (Some(elements), Some(bytes)) = (elements, bytes) else {
            return Err(Defect::Format("a tensor has an impossible shape"));
        };
        Ok((self.u64()?, Tensor { name, elements, kind, bytes }))
    }
}

/// Bytes of one value of a type of fixed size.
fn scalar_size(kind: u32) -> Result<u64> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(Defect::Format("a value has an unknown type")),
    }
}

/// Name, elements of a block, and bytes of a block of a tensor's type, by its number in `ggml.h`.
fn element(kind: u32) -> Option<(&'static str, u64, u64)> {
    Some(match kind {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        2 => ("Q4_0", 32, 18),
        3 => ("Q4_1", 32, 20),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, 34),
        9 => ("Q8_1", 32, 36),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        15 => ("Q8_K", 256, 292),
        16 => ("IQ2_XXS", 256, 66),
        17 => ("IQ2_XS", 256, 74),
        18 => ("IQ3_XXS", 256, 98),
        19 => ("IQ1_S", 256, 50),
        20 => ("IQ4_NL", 32, 18),
        21 => ("IQ3_S", 256, 110),
        22 => ("IQ2_S", 256, 82),
        23 => ("IQ4_XS", 256, 136),
        24 => ("I8", 1, 1),
        25 => ("I16", 1, 2),
        26 => ("I32", 1, 4),
        27 => ("I64", 1, 8),
        28 => ("F64", 1, 8),
        29 => ("IQ1_M", 256, 56),
        30 => ("BF16", 1, 2),
        34 => ("TQ1_0", 256, 54),
        35 => ("TQ2_0", 256, 66),
        39 => ("MXFP4", 32, 17),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
