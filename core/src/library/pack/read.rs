//! Reading a pack: verified as a whole before any of it counts, and again whenever it is read.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::entry::{PackedFact, PackedKey, PackedReceipt, Past, checked_len};
use super::format::{DIGEST_LEN, HEADER_LEN, Header, Kind, MAX_KEYS, MAX_PAST, RECORD_HEAD, SIGNATURE_LEN};
use super::key::is_signed;
use super::{Progress, TELL_EVERY, io_error, refused};
use crate::error::Result;
use crate::origin::{Origin, PublicKey};
use crate::types::{Fact, FactId, Fingerprint, Modality};

const BUFFER: usize = 1 << 18;

/// A verified fact pack. Its content stays in the file and is read again, and verified again, when it is needed.
pub struct Pack<R> {
    reader: R,
    header: Header,
    digest: [u8; DIGEST_LEN],
    /// Bytes of all records.
    records: u64,
}

impl Pack<File> {
    /// Opens a file and verifies all of it.
    ///
    /// # Errors
    /// `NotFound` and its like for the file; else as [`Pack::read`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(File::open(path).map_err(io_error)?)
    }
}

impl<R: Read + Seek> Pack<R> {
    /// Verifies a pack from its first byte to its last: digest, signature, and every record against its limits.
    ///
    /// # Errors
    /// `PackCorrupt`: it is damaged, incomplete, altered, wrongly signed, no pack at all, or of a later version.
    pub fn read(mut reader: R) -> Result<Self> {
        let len = reader.seek(SeekFrom::End(0)).map_err(io_error)?;
        reader.rewind().map_err(io_error)?;
        let mut bytes = [0; HEADER_LEN];
        if len < HEADER_LEN as u64 {
            return Err(refused("it is incomplete, or no fact pack"));
        }
        reader.read_exact(&mut bytes).map_err(io_error)?;
        let header = Header::decode(&bytes)?;
        let records = len.checked_sub((HEADER_LEN + header.trailer_len()) as u64);
        let records = records.ok_or_else(|| refused("it is incomplete"))?;
        let digest = hash_of(&mut reader, &bytes, records)?;
        check_trailer(&mut reader, &header, &digest)?;
        let mut pack = Self { reader, header, digest, records };
        pack.scan(&mut |_, _| Ok(()), &mut |_| Ok(()), &mut |_| Ok(()))?;
        Ok(pack)
    }

    /// Tells of every fact, in the order in which the exporting library added them.
    ///
    /// # Errors
    /// `PackCorrupt` when the file has changed since it was opened; what `each` gives.
    pub fn facts(&mut self, each: &mut dyn FnMut(Fact) -> Result<()>) -> Result<()> {
        let each = &mut |packed: PackedFact| {
            let (images, texts) = (packed.count(Modality::Image), packed.count(Modality::Text));
            each(packed.snapshot.into_fact(packed.id, images, texts))
        };
        self.scan(&mut |_, _| Ok(()), each, &mut |_| Ok(()))
    }

    /// Which encoders and head its vectors come from.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.header.fingerprint
    }

    /// Who signed it; the signature is good. None: nobody.
    pub fn signer(&self) -> Option<PublicKey> {
        self.header.signer
    }

    /// How many facts it holds.
    pub fn len(&self) -> u64 {
        u64::from(self.header.facts)
    }

    /// Whether it holds no facts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When it was exported, by the exporter's clock; Unix milliseconds.
    pub fn exported_at(&self) -> i64 {
        self.header.exported_at
    }

    /// The library that it was exported from.
    pub fn library(&self) -> Uuid {
        Uuid::from_bytes(self.header.library)
    }

    /// Its digest, which says nothing about its content to those who don't have it.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What facts from it carry when these signers are trusted.
    pub(super) fn origin(&self, trusted: &[PublicKey]) -> Origin {
        let signer = self.signer();
        Origin { pack: self.digest, signer, trusted: signer.is_some_and(|signer| trusted.contains(&signer)) }
    }

    /// Reads every record, checks it, and hands facts and receipts on. Only when this returns without an error was all of
    /// it what was verified.
    pub(super) fn scan(
        &mut self,
        progress: Progress<'_>,
        fact: &mut dyn FnMut(PackedFact) -> Result<()>,
        receipt: &mut dyn FnMut(PackedReceipt) -> Result<()>,
    ) -> Result<()> {
        self.reader.seek(SeekFrom::Start(HEADER_LEN as u64)).map_err(io_error)?;
        let mut hash = Sha256::new();
        hash.update(self.header.encode());
        let input = BufReader::with_capacity(BUFFER, (&mut self.reader).take(self.records));
        let mut records = Records { input, hash, left: self.records, next: None };
        let raw_dim = self.header.fingerprint.raw_dim;
        let mut ids = Ids::default();
        let total = u64::from(self.header.facts);
        for done in 0..total {
            if done % TELL_EVERY == 0 {
                progress(done, total)?;
            }
            let packed = records.fact(raw_dim)?;
            ids.take(packed.id)?;
            fact(packed)?;
        }
        for _ in 0..self.header.receipts {
            let packed = records.receipt()?;
            ids.take(packed.fact)?;
            receipt(packed)?;
        }
        records.finish(&self.digest)?;
        progress(total, total)
    }
}

/// Ids seen; a pack has each once.
#[derive(Default)]
struct Ids(std::collections::HashSet<FactId>);

impl Ids {
    fn take(&mut self, id: FactId) -> Result<()> {
        if self.0.insert(id) { Ok(()) } else { Err(refused("a fact is there twice")) }
    }
}

/// The records in their order, hashed as they are read.
struct Records<R> {
    input: R,
    hash: Sha256,
    left: u64,
    /// The head of a record that was looked at and not yet taken.
    next: Option<(Kind, usize)>,
}

impl<R: Read> Records<R> {
    fn fact(&mut self, raw_dim: u32) -> Result<PackedFact> {
        let body = self.take(Kind::Fact)?.ok_or_else(|| refused("it holds fewer facts than it says"))?;
        let mut fact = PackedFact::decode(&body)?;
        while let Some(body) = self.take(Kind::Key)? {
            fact.keys.push(PackedKey::decode(&body, raw_dim)?);
            at_most(fact.keys.len(), MAX_KEYS)?;
        }
        while let Some(body) = self.take(Kind::Past)? {
            fact.past.push(Past::decode(&body)?);
            at_most(fact.past.len(), MAX_PAST)?;
        }
        fact.check()?;
        Ok(fact)
    }

    fn receipt(&mut self) -> Result<PackedReceipt> {
        let body = self.take(Kind::Receipt)?.ok_or_else(|| refused("it holds fewer receipts than it says"))?;
        PackedReceipt::decode(&body)
    }

    fn finish(self, digest: &[u8; DIGEST_LEN]) -> Result<()> {
        if self.left > 0 || self.next.is_some() {
            return Err(refused("it holds more than it says"));
        }
        let found: [u8; DIGEST_LEN] = self.hash.finalize().into();
        if found == *digest { Ok(()) } else { Err(refused("it changed while it was read")) }
    }

    /// The body of the next record if it is of this kind.
    fn take(&mut self, kind: Kind) -> Result<Option<Vec<u8>>> {
        if self.next.is_none() && self.left > 0 {
            let mut head = [0; RECORD_HEAD];
            self.fill(&mut head)?;
            let [code, len @ ..] = head;
            let kind = Kind::of(code)?;
            self.next = Some((kind, checked_len(kind, u32::from_le_bytes(len), self.left)?));
        }
        match self.next.take_if(|(next, _)| *next == kind) {
            None => Ok(None),
            Some((_, len)) => {
                let mut body = vec![0; len];
                self.fill(&mut body)?;
                Ok(Some(body))
            }
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| refused("a record is cut off"))?;
        self.input.read_exact(bytes).map_err(io_error)?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

fn at_most(count: usize, limit: usize) -> Result<()> {
    if count <= limit { Ok(()) } else { Err(refused("a fact has too many keys, or too long a past")) }
}

fn hash_of(reader: &mut impl Read, header: &[u8; HEADER_LEN], records: u64) -> Result<[u8; DIGEST_LEN]> {
    let mut hash = Sha256::new();
    hash.update(header);
    let mut buffer = vec![0; BUFFER];
    let mut left = records;
    while left > 0 {
        // The smaller of both fits.
        let part = &mut buffer[..left.min(BUFFER as u64) as usize];
        reader.read_exact(part).map_err(io_error)?;
        hash.update(&*part);
        left -= part.len() as u64;
    }
    Ok(hash.finalize().into())
}

fn check_trailer(reader: &mut impl Read, header: &Header, digest: &[u8; DIGEST_LEN]) -> Result<()> {
    let mut stated = [0; DIGEST_LEN];
    reader.read_exact(&mut stated).map_err(io_error)?;
    if stated != *digest {
        return Err(refused("it is damaged or incomplete"));
    }
    let Some(signer) = &header.signer else { return Ok(()) };
    let mut signature = [0; SIGNATURE_LEN];
    reader.read_exact(&mut signature).map_err(io_error)?;
    if is_signed(signer, digest, &signature) { Ok(()) } else { Err(refused("its signature is wrong")) }
}
