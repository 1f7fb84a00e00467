//! Sealing of generation files: every page is encrypted and authenticated (ChaCha20-Poly1305, RFC 8439) under a key that
//! no other file has. `docs/INDEX_FORMAT.md` gives the bytes.
//!
//! A sealed file is the plain one, cut into its pages of 4 KiB, each with a tag of 16 bytes behind it. So a page is read
//! and verified by itself, as in a plain file, and its number is its nonce: the file's key is derived from 32 random
//! bytes in its prelude, a file is written once, and so no nonce serves twice under one key. The rejected options: one
//! key for all files, whose random nonces would have to be stored for every page; AES-GCM, which is slow or leaks
//! through the cache on CPUs without instructions for it; one tag for the file, which would have to be read whole.

use std::fs::File;
use std::io::{self, Read};

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, Key, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::format::{Damage, PAGE_LEN};
use super::table::LoadError;

/// Bytes before the first page; the only ones that can be read without the key.
pub(super) const PRELUDE_LEN: usize = AT_SALT + SALT_LEN;
const MAGIC: [u8; 8] = *b"CRANESEL";
const VERSION: u32 = 1;
const AT_VERSION: usize = 8;
const AT_LIBRARY_SALT: usize = AT_VERSION + 8;
const AT_SALT: usize = AT_LIBRARY_SALT + LIBRARY_SALT_LEN;
const LIBRARY_SALT_LEN: usize = 16;
const SALT_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// So that keys of files are keys of nothing else.
const DOMAIN: &[u8] = b"crane index file";

/// What the index files of one library are sealed with. Wiped from memory when dropped.
pub struct SealKey {
    key: Zeroizing<[u8; 32]>,
    library_salt: [u8; LIBRARY_SALT_LEN],
}

impl SealKey {
    /// A key of 32 bytes that nobody can guess, and the salt it was derived with: no secret, but lost with the first
    /// page of the database if it stood there alone.
    pub const fn new(key: Zeroizing<[u8; 32]>, library_salt: [u8; LIBRARY_SALT_LEN]) -> Self {
        Self { key, library_salt }
    }

    /// The salt that a sealed file states; nothing of it is verified.
    pub(crate) fn salt_in(file: &mut File) -> Option<[u8; LIBRARY_SALT_LEN]> {
        let prelude = read_prelude(file).ok()?;
        prelude[AT_LIBRARY_SALT..].first_chunk().copied()
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// The seal of one file.
pub(super) struct FileSeal {
    prelude: [u8; PRELUDE_LEN],
    cipher: ChaCha20Poly1305,
}

impl FileSeal {
    /// Bytes of a page and its tag in the file.
    pub(super) const PAGE_LEN: usize = PAGE_LEN + TAG_LEN;

    /// For a new file.
    pub(super) fn create(key: &SealKey) -> io::Result<Self> {
        let mut prelude = [0; PRELUDE_LEN];
        prelude[..AT_VERSION].copy_from_slice(&MAGIC);
        prelude[AT_VERSION..AT_VERSION + 4].copy_from_slice(&VERSION.to_le_bytes());
        prelude[AT_LIBRARY_SALT..AT_SALT].copy_from_slice(&key.library_salt);
        getrandom::fill(&mut prelude[AT_SALT..]).map_err(io::Error::other)?;
        Ok(Self::derive(key, prelude))
    }

    /// Of an existing file, whose prelude is read from its beginning.
    pub(super) fn open(key: &SealKey, file: &mut File) -> Result<Self, LoadError> {
        Ok(Self::derive(key, read_prelude(file)?))
    }

    /// The whole prelude goes into the key: a byte of it that is altered gives a key that opens no page.
    fn derive(key: &SealKey, prelude: [u8; PRELUDE_LEN]) -> Self {
        let (named, salt) = prelude.split_at(AT_SALT);
        let mut bytes = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), &*key.key)
            .expand_multi_info(&[DOMAIN, named], &mut *bytes)
            .expect("HKDF-SHA256 gives up to 8,160 bytes");
        Self { prelude, cipher: ChaCha20Poly1305::new(&Key::from(*bytes)) }
    }

    pub(super) const fn prelude(&self) -> &[u8] {
        &self.prelude
    }

    /// Encrypts a page and gives its tag. A page number serves once in a file's life.
    pub(super) fn seal(&self, number: u64, page: &mut [u8; PAGE_LEN]) -> [u8; TAG_LEN] {
        let sealed = self.cipher.encrypt_inout_detached(&nonce(number), &[], InOutBuf::from(&mut page[..]));
        sealed.expect("a page is far shorter than ChaCha20 allows").into()
    }

    /// Decrypts a page with its tag behind it.
    pub(super) fn unseal(&self, number: u64, sealed: &[u8], page: &mut [u8; PAGE_LEN]) -> Result<(), Damage> {
        let (bytes, tag) = sealed.split_last_chunk::<TAG_LEN>().expect("read with its tag");
        let buffer = InOutBuf::new(bytes, &mut page[..]).expect("both are a page long");
        let opened = self.cipher.decrypt_inout_detached(&nonce(number), &[], buffer, &(*tag).into());
        opened.map_err(|_| Damage("a page was sealed with another key, or altered".into()))
    }
}

fn read_prelude(file: &mut File) -> Result<[u8; PRELUDE_LEN], LoadError> {
    let mut prelude = [0; PRELUDE_LEN];
    file.read_exact(&mut prelude)?;
    if prelude[..AT_VERSION] != MAGIC {
        return Err(Damage("it is not sealed".into()).into());
    }
    if prelude[AT_VERSION..AT_LIBRARY_SALT] != u64::from(VERSION).to_le_bytes() {
        return Err(Damage("its seal is of another version".into()).into());
    }
    Ok(prelude)
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce.into()
}
