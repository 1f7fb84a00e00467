//! The key of an encrypted library, as the host app holds it.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::origin::{hex, parse_hex};

/// What stands before the digits of a key's text.
const PREFIX: &str = "cranekey1:";

/// What an encrypted library is opened with: 32 random bytes that the host keeps in the system's keystore, or a
/// passphrase. Wiped from memory when dropped; `Debug` shows nothing of it. `docs/ENCRYPTION.md` says what is derived
/// from it.
///
/// It exists in every build, so that hosts need no conditional code: a build without the feature `encryption` refuses to
/// open a library with it.
#[derive(Clone)]
pub struct LibraryKey(pub(crate) Secret);

#[derive(Clone)]
#[cfg_attr(not(feature = "encryption"), allow(dead_code, reason = "nothing is derived from it in such a build"))]
pub(crate) enum Secret {
    Random(Zeroizing<[u8; 32]>),
    Passphrase(Zeroizing<String>),
}

impl LibraryKey {
    /// Whether this build can encrypt: the cargo feature `encryption`.
    pub const SUPPORTED: bool = cfg!(feature = "encryption");

    /// A new key of the system's randomness.
    ///
    /// # Errors
    /// `StorageFailed` when the system has none to give.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(&mut *bytes)?;
        Ok(Self(Secret::Random(bytes)))
    }

    /// A key of 32 random bytes. Bytes that a person could choose belong into [`LibraryKey::from_passphrase`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::Random(Zeroizing::new(bytes)))
    }

    /// A passphrase, compared byte by byte: normalise it if your keyboards differ. Every opening then takes the time and
    /// the 64 MiB of memory that one guess costs an attacker (Argon2id, RFC 9106's second recommendation but with one
    /// lane).
    ///
    /// # Errors
    /// `InvalidInput` when it is empty.
    pub fn from_passphrase(passphrase: &str) -> Result<Self> {
        if passphrase.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the passphrase is empty"));
        }
        Ok(Self(Secret::Passphrase(Zeroizing::new(passphrase.to_owned()))))
    }

    /// Reads the text form, `cranekey1:` and 64 hexadecimal digits, with white space around it.
    ///
    /// # Errors
    /// `InvalidInput`; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let message = "this is no key of a library: it is written as `cranekey1:` and 64 hexadecimal digits";
        let bytes = text.trim().strip_prefix(PREFIX).and_then(parse_hex);
        bytes.map(Self::from_bytes).ok_or_else(|| Error::new(ErrorKind::InvalidInput, message))
    }

    /// The text form, to be kept where only its owner can read it. None for a passphrase.
    pub fn expose(&self) -> Option<Zeroizing<String>> {
        match &self.0 {
            Secret::Random(bytes) => Some(Zeroizing::new(format!("{PREFIX}{}", hex(&bytes[..])))),
            Secret::Passphrase(_) => None,
        }
    }
}

impl fmt::Debug for LibraryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LibraryKey(..)")
    }
}

/// Random bytes of the system.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::new(ErrorKind::StorageFailed, "the system gives no random numbers").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_comes_back_and_stays_out_of_debug() {
        let key = LibraryKey::from_bytes([0xA5; 32]);
        let text = key.expose().unwrap();
        assert_eq!(LibraryKey::parse(&format!(" {}\n", *text)).unwrap().expose(), Some(text));
        let phrase = LibraryKey::from_passphrase("correct horse").unwrap();
        for shown in [format!("{key:?}"), format!("{phrase:?}")] {
            assert_eq!(shown, "LibraryKey(..)");
        }
        assert_eq!(phrase.expose(), None);
        assert_eq!(LibraryKey::from_passphrase("").unwrap_err().kind(), ErrorKind::InvalidInput);
        for bad in [
            "",
            "cranekey1:",
            "cranekey1:00",
            "cranesec1:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert_eq!(LibraryKey::parse(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn new_keys_differ() {
        let key = || LibraryKey::generate().unwrap().expose();
        assert_ne!(key(), key());
    }
}
