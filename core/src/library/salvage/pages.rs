//! Rows of SQLite's tables, straight from the pages of a file: <https://sqlite.org/fileformat2.html>.
//!
//! A page is read for itself, whether or not any other leads to it. Everything in it is hostile: every length and offset is
//! checked, and what does not fit is passed over.

use std::collections::HashMap;

use rusqlite::types::Value;

/// A row: its rowid, none in a table without, and its columns.
pub(super) type Cells = (Option<i64>, Vec<Value>);

/// A database file whole in memory, and over it what its journal has of newer pages.
pub(super) struct Pages<'a> {
    file: &'a [u8],
    size: usize,
    /// What of a page holds content.
    usable: usize,
    newer: HashMap<usize, &'a [u8]>,
}

const LEAF_OF_TABLE: u8 = 13;
const LEAF_OF_INDEX: u8 = 10;
/// More columns than any table of ours has.
const MOST_COLUMNS: usize = 32;
/// More bytes than any row of ours has.
const MOST_BYTES: u64 = 16 << 20;

impl<'a> Pages<'a> {
    /// Without a page size that makes sense, that of new libraries is taken.
    pub(super) fn new(file: &'a [u8], journal: &'a [u8]) -> Self {
        let stated = file.get(16..18).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let size = match stated {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => size,
            _ => 8_192,
        };
        // New databases of ours reserve nothing; encrypted ones 80 bytes for SQLCipher.
        let reserved = file.get(20).map_or(0, |b| usize::from(*b)).min(80);
        Self { file, size, usable: size - reserved, newer: newer(journal, size) }
    }

    /// How many pages there are, and may be in the journal.
    pub(super) fn count(&self) -> usize {
        (self.file.len() / self.size).max(self.newer.keys().copied().max().unwrap_or(0))
    }

    /// A page by its number from 1.
    fn page(&self, number: usize) -> Option<&'a [u8]> {
        let from = number.checked_sub(1)?.checked_mul(self.size)?;
        self.newer.get(&number).copied().or_else(|| self.file.get(from..from + self.size))
    }

    /// Every row of a leaf page that can be decoded; none of any other page.
    pub(super) fn rows(&self, number: usize) -> Vec<Cells> {
        let Some(page) = self.page(number) else { return Vec::new() };
        // The file's header stands in the first page.
        let at = if number == 1 { 100 } else { 0 };
        let kind = page[at];
        if kind != LEAF_OF_TABLE && kind != LEAF_OF_INDEX {
            return Vec::new();
        }
        let count = usize::from(u16::from_be_bytes([page[at + 3], page[at + 4]]));
        let pointers = page[at + 8..].chunks_exact(2).take(count);
        let offsets = pointers.map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        offsets.filter_map(|offset| self.cell(page, offset, kind == LEAF_OF_TABLE)).collect()
    }

    fn cell(&self, page: &[u8], offset: usize, of_table: bool) -> Option<Cells> {
        let mut rest = page.get(offset..self.usable)?;
        let len = varint(&mut rest)?;
        let rowid = if of_table { Some(varint(&mut rest)?.cast_signed()) } else { None };
        let len = usize::try_from(len).ok().filter(|_| len <= MOST_BYTES)?;
        let payload = self.payload(rest, len, of_table)?;
        Some((rowid, record(&payload)?))
    }

    /// The content of a cell, and of the chain of pages in which the rest of it lies.
    fn payload(&self, rest: &[u8], len: usize, of_table: bool) -> Option<Vec<u8>> {
        let usable = self.usable;
        let most = if of_table { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        if len <= most {
            return rest.get(..len).map(<[u8]>::to_vec);
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let here = least + (len - least) % (usable - 4);
        let here = if here <= most { here } else { least };
        let mut payload = rest.get(..here)?.to_vec();
        let mut next = be32(rest.get(here..here + 4)?);
        while payload.len() < len {
            let page = self.page(next)?;
            let take = (len - payload.len()).min(usable - 4);
            payload.extend(&page[4..4 + take]);
            next = be32(&page[..4]);
        }
        Some(payload)
    }
}

/// The newest copy of every page in a journal, up to its last whole transaction.
fn newer(journal: &[u8], size: usize) -> HashMap<usize, &[u8]> {
    let (mut newer, mut pending) = (HashMap::new(), Vec::new());
    let Some((header, frames)) = journal.split_at_checked(32) else { return newer };
    for frame in frames.chunks_exact(24 + size) {
        // Frames of an earlier round carry other salts.
        if frame[8..16] != header[16..24] {
            break;
        }
        pending.push((be32(&frame[..4]), &frame[24..]));
        if be32(&frame[4..8]) != 0 {
            newer.extend(pending.drain(..));
        }
    }
    newer
}

/// A record: a header of serial types, then the values.
fn record(payload: &[u8]) -> Option<Vec<Value>> {
    let mut types = payload;
    let header = usize::try_from(varint(&mut types)?).ok()?;
    let mut types = payload.get(payload.len() - types.len()..header)?;
    let mut body = payload.get(header..)?;
    let mut values = Vec::new();
    while !types.is_empty() {
        values.push(value(varint(&mut types)?, &mut body)?);
        if values.len() > MOST_COLUMNS {
            return None;
        }
    }
    body.is_empty().then_some(values)
}

fn value(kind: u64, body: &mut &[u8]) -> Option<Value> {
    let len = match kind {
        0 | 8 | 9 => 0,
        1..=4 => kind as usize,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    };
    let (bytes, rest) = body.split_at_checked(len)?;
    *body = rest;
    Some(match kind {
        0 => Value::Null,
        7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        8 | 9 => Value::Integer(i64::from(kind == 9)),
        1..=6 => {
            let negative = bytes[0] & 0x80 != 0;
            Value::Integer(bytes.iter().fold(-i64::from(negative), |value, byte| value << 8 | i64::from(*byte)))
        }
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
    })
}

/// 1 to 9 bytes, the high bit of the first eight says that another follows.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..9 {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        if at == 8 {
            return Some(value << 8 | u64::from(*byte));
        }
        value = value << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

fn be32(bytes: &[u8]) -> usize {
    // Page numbers fit everywhere that four gigabytes of pages would.
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Everything that SQLite reads back from a file, the pages give too, whatever the lengths.
    #[test]
    fn pages_give_what_sqlite_gives() {
        for page_size in [512, 4096, 65_536] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let db = Connection::open(&path).unwrap();
            db.execute_batch(&format!(
                "PRAGMA page_size = {page_size}; CREATE TABLE t (a INTEGER PRIMARY KEY, b, c, d)"
            ))
            .unwrap();
            let mut told = Vec::new();
            for n in 0..60_i64 {
                let (text, blob) = ("é".repeat(n as usize * 7), vec![n as u8; n as usize * n as usize]);
                let number = [n, -n, n << 40, i64::MIN + n, 1, 0][n as usize % 6];
                db.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", (n, &text, &blob, number)).unwrap();
                told.push((Some(n), vec![Value::Null, Value::Text(text), Value::Blob(blob), Value::Integer(number)]));
            }
            drop(db);
            let file = std::fs::read(&path).unwrap();
            let pages = Pages::new(&file, &[]);
            let mut found: Vec<Cells> = (1..=pages.count()).flat_map(|number| pages.rows(number)).collect();
            // The schema is a table as well, and what an overflow page holds may look like one.
            found.retain(|row| told.contains(row));
            found.sort_by_key(|(rowid, _)| *rowid);
            assert!(found == told, "{} of {} rows with pages of {page_size}", found.len(), told.len());
        }
    }

    #[test]
    fn garbage_gives_no_rows_and_no_panic() {
        let mut state = 7_u64;
        for _ in 0..2_000 {
            let mut file: Vec<u8> = (0..1024)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                    (state >> 56) as u8
                })
                .collect();
            (file[16], file[17]) = (2, 0);
            (file[100], file[512]) = (LEAF_OF_TABLE, LEAF_OF_INDEX);
            let pages = Pages::new(&file, &file[..700]);
            (0..=pages.count() + 1).for_each(|number| drop(pages.rows(number)));
        }
    }
}
