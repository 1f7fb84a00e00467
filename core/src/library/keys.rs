//! From a library's key to the keys of its files. `docs/ENCRYPTION.md` has the hierarchy and the reasons.

use std::fmt::Write as _;

use aes::Aes256;
use argon2::{Algorithm, Argon2, Params, Version};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rusqlite::{Connection, params};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::content::SQLITE_MAGIC;
use super::sql::PAGE_BYTES;
use crate::error::{Error, ErrorKind, Result};
use crate::index::SealKey;
use crate::key::{LibraryKey, Secret};

/// Bytes at the beginning of an encrypted database that nothing encrypts: SQLCipher's salt.
pub(super) const SALT_LEN: usize = 16;
/// What SQLCipher keeps at the end of a page: its IV, then HMAC-SHA512 over all before it and the page's number.
const TAG_LEN: usize = 64;
const IV_LEN: usize = 16;
/// Bytes of a page, as SQLCipher's pragma is told.
const PAGE_LEN: usize = PAGE_BYTES as usize;
/// What one guess of a passphrase costs: 64 MiB, three passes.
const ARGON2: (u32, u32, u32) = (64 * 1024, 3, 1);

/// The keys of one library's files, all bound to the salt of its database.
pub(super) struct FileKeys {
    /// Key, HMAC key and salt as SQLCipher takes them raw, without a key derivation of its own.
    database: Zeroizing<String>,
    cipher: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 32]>,
    index: SealKey,
    salt: [u8; SALT_LEN],
}

impl FileKeys {
    /// Derives them from what the host gave.
    pub(super) fn derive(key: &LibraryKey, salt: [u8; SALT_LEN]) -> Result<Self> {
        let master = match &key.0 {
            Secret::Random(bytes) => bytes.clone(),
            Secret::Passphrase(passphrase) => stretch(passphrase, &salt)?,
        };
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), &*master);
        let expand = |purpose: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            hkdf.expand(purpose, &mut *key).expect("HKDF-SHA256 gives up to 8,160 bytes");
            key
        };
        let (cipher, mac) = (expand(b"crane database cipher"), expand(b"crane database mac"));
        // Room for all of it at once: a string that grows leaves copies behind.
        let mut database = Zeroizing::new(String::with_capacity(2 * (32 + 32 + SALT_LEN) + 3));
        database.push_str("x'");
        for byte in cipher.iter().chain(&*mac).chain(&salt) {
            let _ = write!(database, "{byte:02x}");
        }
        database.push('\'');
        Ok(Self { database, cipher, mac, index: SealKey::new(expand(b"crane index"), salt), salt })
    }

    /// What the index files are sealed with.
    pub(super) const fn index(&self) -> &SealKey {
        &self.index
    }

    pub(super) const fn salt(&self) -> &[u8; SALT_LEN] {
        &self.salt
    }

    /// Gives a new connection its key, before it reads anything.
    pub(super) fn unlock(&self, connection: &Connection) -> rusqlite::Result<()> {
        // SQLCipher writes to stderr otherwise. What went wrong comes back as an error anyway.
        connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
        connection.pragma_update(None, "key", &*self.database)?;
        connection.pragma_update(None, "cipher_page_size", PAGE_BYTES)
    }

    /// Attaches an encrypted database that is empty so far.
    pub(super) fn attach(&self, connection: &Connection, path: &str, name: &str) -> rusqlite::Result<()> {
        connection.execute(&format!("ATTACH DATABASE ?1 AS {name} KEY ?2"), params![path, &*self.database])?;
        connection.pragma_update(Some(name), "cipher_page_size", PAGE_BYTES)
    }

    /// Whether one of these first pages of the database was written with this key. One is enough: a page may be damaged,
    /// or half-written when the journal has it whole.
    pub(super) fn fit(&self, pages: &[u8]) -> bool {
        pages.chunks_exact(PAGE_LEN).zip(1_u32..).any(|(page, number)| {
            let begin = if number == 1 { SALT_LEN } else { 0 };
            let (body, tag) = page[begin..].split_at(PAGE_LEN - begin - TAG_LEN);
            let mac = Hmac::<Sha512>::new_from_slice(&*self.mac).expect("HMAC takes keys of any length");
            mac.chain_update(body).chain_update(number.to_le_bytes()).verify_slice(tag).is_ok()
        })
    }

    /// Decrypts a database and its journal as far as they are whole pages, for a salvage: whatever their HMACs say, since
    /// a page of which a bit is wrong still has most of its rows, and each has a checksum of its own.
    pub(super) fn salvage(&self, file: &mut [u8], journal: &mut [u8]) {
        for (page, number) in file.chunks_exact_mut(PAGE_LEN).zip(1..) {
            self.decrypt(page, number);
        }
        // A header of 32 bytes, then frames: a header of 24 bytes that begins with the page's number, and the page.
        for frame in journal.get_mut(32..).unwrap_or_default().chunks_exact_mut(24 + PAGE_LEN) {
            let (header, page) = frame.split_at_mut(24);
            self.decrypt(page, u32::from_be_bytes([header[0], header[1], header[2], header[3]]));
        }
    }

    /// Makes a page what SQLite would have written without SQLCipher.
    fn decrypt(&self, page: &mut [u8], number: u32) {
        let begin = if number == 1 { SALT_LEN } else { 0 };
        let (content, rest) = page[begin..].split_at_mut(PAGE_LEN - begin - IV_LEN - TAG_LEN);
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&*self.cipher, &rest[..IV_LEN]);
        let cipher = cipher.expect("a key of 32 bytes and an IV of 16");
        cipher.decrypt_padded::<NoPadding>(content).expect("content is whole blocks");
        if number == 1 {
            page[..SALT_LEN].copy_from_slice(SQLITE_MAGIC);
        }
    }
}

/// The bytes that a passphrase stands for in a library with this salt.
fn stretch(passphrase: &str, salt: &[u8; SALT_LEN]) -> Result<Zeroizing<[u8; 32]>> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, Some(32)).expect("within Argon2's limits");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("the passphrase can't be used: {error}")))?;
    Ok(key)
}
