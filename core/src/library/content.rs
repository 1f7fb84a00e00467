//! Whether the database is ours, and whether it is encrypted, before SQLite touches it.

use std::fs::{self, File};
use std::io::{self, Read};

use super::folder::Folder;
use super::keys::SALT_LEN;
use super::schema;
use super::sql::{PAGE_BYTES, damaged, io_error};
use crate::error::Result;

pub(super) const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What the first bytes of `library.db` say.
pub(super) enum Content {
    /// Nothing was committed yet.
    New,
    Plain,
    /// Encrypted, with this salt.
    Sealed([u8; SALT_LEN]),
}

impl Folder {
    /// Looks at the database's first bytes, so that a foreign, damaged or newer file is refused before SQLite opens,
    /// and possibly recovers or checkpoints, it.
    pub(super) fn check_database(&self) -> Result<Content> {
        let header = self.first_bytes(100)?;
        let len = match fs::metadata(self.database()) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(io_error("opening the library", error)),
        };
        let rollback = fs::metadata(self.path().join("library.db-journal")).is_ok_and(|m| m.len() > 0);
        if let Some(salt) = salt_of(&header, len) {
            if !rollback && self.journal_len() == 0 && len % u64::from(PAGE_BYTES) > 0 {
                return Err(damaged(&format!("library.db has {len} bytes, which are not whole pages")));
            }
            return Ok(Content::Sealed(salt));
        }
        if len == 0 || rollback {
            // What was interrupted, creation as a rule, SQLite undoes.
            return Ok(if header.starts_with(SQLITE_MAGIC) { Content::Plain } else { Content::New });
        }
        if !header.starts_with(SQLITE_MAGIC) || header.len() < 100 {
            return Err(damaged("library.db is not a SQLite database"));
        }
        schema::check_identity(i64::from(be32(&header, 68)), i64::from(be32(&header, 60)))?;
        self.check_length(&header, len).map(|()| Content::Plain)
    }

    /// The beginning of the database; nothing where there is none yet.
    pub(super) fn first_bytes(&self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match File::open(self.database()) {
            Ok(file) => {
                file.take(len as u64).read_to_end(&mut bytes).map_err(|e| io_error("reading the library", e))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(io_error("opening the library", error)),
        };
        Ok(bytes)
    }

    /// A database without a journal must be as long as its header says.
    fn check_length(&self, header: &[u8], len: u64) -> Result<()> {
        let page_size = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
            1 => 65_536,
            size => size,
        };
        let pages = u64::from(be32(header, 28));
        if self.journal_len() == 0 && len < pages * page_size {
            return Err(damaged(&format!("library.db has {len} of {} bytes", pages * page_size)));
        }
        Ok(())
    }
}

/// The salt of an encrypted database. None of its bytes say that it is one: it has whole pages and none of the marks of
/// a plain database, of which a damaged one would still have some.
fn salt_of(header: &[u8], len: u64) -> Option<[u8; SALT_LEN]> {
    let marks: [(usize, &[u8]); 4] =
        [(0, &SQLITE_MAGIC[..8]), (8, &SQLITE_MAGIC[8..]), (21, &[64, 32, 32]), (68, b"Crne")];
    let plain = marks.iter().any(|(at, mark)| header.get(*at..).is_some_and(|bytes| bytes.starts_with(mark)));
    let salt = *header.first_chunk()?;
    let random = salt.iter().any(|byte| *byte != salt[0]);
    (len >= u64::from(PAGE_BYTES) && !plain && random).then_some(salt)
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
