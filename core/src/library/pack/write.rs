//! Writing a pack as a stream: every byte is hashed on its way.

use std::io::{BufWriter, Write};

use sha2::{Digest, Sha256};

use super::entry::{PackedFact, PackedReceipt};
use super::format::{Header, Kind};
use super::key::SecretKey;
use super::{io_error, refused};
use crate::error::Result;

pub(super) struct PackWriter<W: Write> {
    out: BufWriter<W>,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> PackWriter<W> {
    pub(super) fn begin(out: W, header: &Header) -> Result<Self> {
        let mut writer = Self { out: BufWriter::with_capacity(1 << 18, out), hash: Sha256::new(), bytes: 0 };
        writer.put(&header.encode())?;
        Ok(writer)
    }

    pub(super) fn fact(&mut self, fact: &PackedFact) -> Result<()> {
        self.record(Kind::Fact, &fact.encode()?)?;
        for key in &fact.keys {
            self.record(Kind::Key, &key.encode())?;
        }
        for past in &fact.past {
            self.record(Kind::Past, &past.encode()?)?;
        }
        Ok(())
    }

    pub(super) fn receipt(&mut self, receipt: &PackedReceipt) -> Result<()> {
        self.record(Kind::Receipt, &receipt.encode())
    }

    /// Writes digest and signature; gives back the stream, the digest and the length.
    pub(super) fn finish(mut self, signer: Option<&SecretKey>) -> Result<(W, [u8; 32], u64)> {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        self.put(&digest)?;
        if let Some(key) = signer {
            self.put(&key.sign(&digest))?;
        }
        let out = self.out.into_inner().map_err(|error| io_error(error.into_error()))?;
        Ok((out, digest, self.bytes))
    }

    fn record(&mut self, kind: Kind, body: &[u8]) -> Result<()> {
        if body.len() > kind.limit() {
            return Err(refused("a record would be longer than it may be"));
        }
        self.put(&[kind as u8])?;
        // The limit is far below u32.
        self.put(&(body.len() as u32).to_le_bytes())?;
        self.put(body)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(io_error)
    }
}
