//! Where an imported fact comes from: the pack, who signed it, and whether the person trusts that signer.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands before the digits of a public key's text.
const PREFIX: &str = "cranepub1:";

/// Bytes of an origin as the database stores it.
pub(crate) const ORIGIN_LEN: usize = 65;

/// Who signed a pack: an ed25519 public key. As text it is `cranepub1:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads the text form; none when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text.strip_prefix(PREFIX)?).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a public key"))
    }
}

/// The way on which a fact came into this library, for as long as the fact is there: no edit takes it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Digest of the fact pack (SHA-256, see `core/docs/PACK_FORMAT.md`); in JSON 64 hexadecimal digits.
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub pack: [u8; 32],
    /// Who signed the pack; none: nobody.
    pub signer: Option<PublicKey>,
    /// Whether the person who imported it trusted the signer, and everyone who imported it before trusted theirs.
    pub trusted: bool,
}

impl Origin {
    /// Trust, signer (zeroes: nobody; that is no ed25519 key), pack.
    pub(crate) fn to_bytes(self) -> [u8; ORIGIN_LEN] {
        let mut bytes = [0; ORIGIN_LEN];
        bytes[0] = u8::from(self.trusted);
        bytes[1..33].copy_from_slice(&self.signer.map_or([0; 32], |key| key.0));
        bytes[33..].copy_from_slice(&self.pack);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ORIGIN_LEN]) -> Self {
        let half = |from: usize| std::array::from_fn(|at| bytes[from + at]);
        let signer = Some(half(1)).filter(|key| *key != [0; 32]).map(PublicKey);
        Self { pack: half(33), signer, trusted: bytes[0] == 1 }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 bytes of exactly 64 hexadecimal digits.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

fn write_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

/// 32 bytes from 64 hexadecimal digits, for serde.
pub(crate) fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_hex(&text).ok_or_else(|| D::Error::custom("a sha256 must be 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_text_form() {
        let key = PublicKey(std::array::from_fn(|at| at as u8));
        let text = key.to_string();
        assert_eq!(text, format!("cranepub1:{}", hex(&key.0)));
        assert_eq!(PublicKey::parse(&text), Some(key));
        for bad in ["", &text[1..], &text[..73], &format!("{text}0"), &text.replace("1f", "1g")] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn origins_survive_the_database_and_json() {
        for (signer, trusted) in [(None, false), (Some(PublicKey([7; 32])), false), (Some(PublicKey([9; 32])), true)] {
            let origin = Origin { pack: [3; 32], signer, trusted };
            assert_eq!(Origin::from_bytes(&origin.to_bytes()), origin);
            let json = serde_json::to_string(&origin).unwrap();
            assert_eq!(serde_json::from_str::<Origin>(&json).unwrap(), origin);
        }
    }
}
