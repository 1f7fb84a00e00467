//! Keys that packs are signed with, and their text form.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::format::{DIGEST_LEN, SIGNATURE_LEN};
use crate::error::{Error, ErrorKind, Result};
use crate::origin::{PublicKey, hex, parse_hex};

/// What stands before the digits of a secret key's text.
const PREFIX: &str = "cranesec1:";
/// So that a signature of a pack is none of anything else.
const DOMAIN: &[u8] = b"crane fact pack 1\0";

/// The key that a person signs packs with (ed25519). Wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key of the system's randomness.
    ///
    /// # Errors
    /// `StorageFailed` when the system has none to give.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Error::new(ErrorKind::StorageFailed, "the system gives no random numbers").with_source(error)
        })?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads the text form, `cranesec1:` and 64 hexadecimal digits, with white space around it.
    ///
    /// # Errors
    /// `InvalidInput`; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let seed = text.trim().strip_prefix(PREFIX).and_then(parse_hex);
        let message = "this is no secret key: it is written as `cranesec1:` and 64 hexadecimal digits";
        seed.map(|seed| Self(SigningKey::from_bytes(&seed))).ok_or_else(|| Error::new(ErrorKind::InvalidInput, message))
    }

    /// The text form, to be kept where only its owner can read it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", hex(self.0.as_bytes()))
    }

    /// The half that others may know.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, digest: &[u8; DIGEST_LEN]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(&message(digest)).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public())
    }
}

/// Whether the owner of `key` signed this digest. Strict: one digest has one signature, and weak keys have none.
pub(super) fn is_signed(key: &PublicKey, digest: &[u8; DIGEST_LEN], signature: &[u8; SIGNATURE_LEN]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.verify_strict(&message(digest), &signature).is_ok())
}

fn message(digest: &[u8; DIGEST_LEN]) -> Vec<u8> {
    [DOMAIN, digest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_comes_back_and_stays_out_of_debug() {
        let key = SecretKey::generate().unwrap();
        let text = key.expose();
        assert_eq!(SecretKey::parse(&format!(" {text}\n")).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(&text[PREFIX.len()..]));
        for bad in ["", "cranesec1:", &text[1..], &key.public().to_string()] {
            assert_eq!(SecretKey::parse(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn only_the_owner_of_a_key_signs_for_it() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let signature = key.sign(&[1; 32]);
        assert!(is_signed(&key.public(), &[1; 32], &signature));
        assert!(!is_signed(&key.public(), &[2; 32], &signature));
        assert!(!is_signed(&other.public(), &[1; 32], &signature));
        assert!(!is_signed(&PublicKey([0; 32]), &[1; 32], &signature));
        for at in 0..SIGNATURE_LEN {
            let mut altered = signature;
            altered[at] ^= 1;
            assert!(!is_signed(&key.public(), &[1; 32], &altered), "byte {at}");
        }
    }
}
