//! Packs that are damaged, incomplete, lying, or signed by somebody else.

use std::io::{Cursor, Read, Seek, SeekFrom};

use crane_core::library::pack::{ExportOptions, ImportOptions, OnConflict, Pack, SecretKey};
use crane_core::library::{Amendment, Library};
use crane_core::{ErrorKind, FactId, NewFact, PublicKey};
use sha2::{Digest, Sha256};

use crate::pack::{everything, exported, import, library, quiet, read};
use crate::support::{record, text};

const HEADER: usize = 160;

/// A small pack: two facts, one of them edited, and a receipt.
fn small(signer: Option<SecretKey>) -> Vec<u8> {
    let (_folder, from) = library();
    let first = from.add(record("The charge is a lion.", 1)).unwrap().id;
    let fact = NewFact { statement: "The charge is an eagle.".into(), ..NewFact::default() };
    from.edit(first, &Amendment { fact, ..Amendment::default() }).unwrap();
    let gone = from.add(record("Soon forgotten.", 3)).unwrap().id;
    from.add(record("The field is azure.", 4)).unwrap();
    from.forget(gone).unwrap();
    exported(&from, &ExportOptions { signer, ..ExportOptions::default() })
}

fn is_refused(bytes: &[u8]) -> bool {
    read(bytes).is_err_and(|error| error.kind() == ErrorKind::PackCorrupt && error.to_string().len() > 20)
}

/// The same records with a digest that is right again.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let digest: [u8; 32] = Sha256::digest(&bytes[..end]).into();
    bytes[end..].copy_from_slice(&digest);
    bytes
}

#[test]
fn every_flipped_bit_is_found() {
    for signer in [None, Some(SecretKey::generate().unwrap())] {
        let whole = small(signer);
        assert!(read(&whole).is_ok());
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(is_refused(&flipped), "byte {at} of {}", whole.len());
        }
    }
}

#[test]
fn every_missing_and_every_added_byte_is_found() {
    for signer in [None, Some(SecretKey::generate().unwrap())] {
        let whole = small(signer);
        for len in 0..whole.len() {
            assert!(is_refused(&whole[..len]), "{len} bytes of {}", whole.len());
            let mut without = whole.clone();
            without.remove(len);
            assert!(is_refused(&without), "without byte {len}");
        }
        assert!(is_refused(&[&whole[..], b"\0"].concat()));
        assert!(is_refused(&[b"\0", &whole[..]].concat()));
    }
}

/// Where records begin in a pack of `small`, with their kinds.
fn record_starts(bytes: &[u8]) -> Vec<(usize, u8)> {
    let (mut at, mut starts) = (HEADER, Vec::new());
    while at < bytes.len() - 32 {
        starts.push((at, bytes[at]));
        at += 5 + u32::from_le_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
    }
    assert_eq!(at, bytes.len() - 32);
    starts
}

#[test]
fn well_sealed_lies_are_found_too() {
    let whole = small(None);
    assert!(read(&resealed(whole.clone())).is_ok(), "sealing itself breaks nothing");
    let altered = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        resealed(bytes)
    };
    // Counts, and `raw_dim`.
    for (at, lie) in [(104, 0_u32), (104, 1), (104, 3), (104, u32::MAX), (108, 0), (108, 2), (108, u32::MAX), (12, 0)] {
        assert!(is_refused(&altered(at, &lie.to_le_bytes())), "{lie} at {at}");
    }
    for (at, kind) in record_starts(&whole) {
        for lie in [0_u32, 1, 55, 57, 600, 1 << 20, u32::MAX] {
            assert!(is_refused(&altered(at + 1, &lie.to_le_bytes())), "record at {at} says {lie}");
        }
        for other in [0, 1, 2, 3, 4, 5, 255] {
            assert!(other == kind || is_refused(&altered(at, &[other])), "record at {at} of kind {kind} says {other}");
        }
    }
    let key = record_starts(&whole).iter().find(|(_, kind)| *kind == 2).unwrap().0 + 5;
    let infinite = half::f16::INFINITY.to_le_bytes();
    let (modality, len, vector, raw) = (key, key + 1, key + 5, key + 5 + 512);
    for (at, lie) in [(modality, &[1][..]), (modality, &[2]), (len, &[1]), (vector, &infinite), (raw, &infinite)] {
        assert!(is_refused(&altered(at, lie)), "byte {at}");
    }
    assert!(is_refused(&altered(vector, &[0; 512])), "a vector of length 0");
}

#[test]
fn fields_beyond_the_librarys_limits_are_refused() {
    let whole = small(None);
    let replaced = |from: &str, to: &str| {
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = [&whole[..at], to.as_bytes(), &whole[at + from.len()..]].concat();
        let (start, _) = *record_starts(&whole).iter().rev().find(|(start, _)| *start < at).unwrap();
        let len = u32::from_le_bytes(bytes[start + 1..start + 5].try_into().unwrap()) as usize + to.len() - from.len();
        bytes[start + 1..start + 5].copy_from_slice(&(len as u32).to_le_bytes());
        resealed(bytes)
    };
    assert!(read(&replaced("The charge is an eagle.", "It is an owl.")).is_ok(), "only the words are others");
    let long = "x".repeat(2_001);
    for (from, to) in [
        ("The charge is an eagle.", ""),
        ("The charge is an eagle.", "a\\u0000b"),
        ("The charge is an eagle.", &*long),
        ("\"subject\":null", "\"subject\":\" \""),
        ("\"source\":null", &*format!("\"source\":\"{}\"", &long[..501])),
        ("\"state\":\"active\"", "\"state\":\"forgotten\""),
        ("\"state\":\"active\"", "\"state\":\"none\""),
        ("\"created_at\":1", "\"created_at\":-1"),
        ("\"created_at\":1", "\"created_at\":999991"),
        ("\"valid_from\":null,\"valid_until\":null", "\"valid_from\":2,\"valid_until\":1"),
        ("\"note\":null", "\"note\":null,\"keys\":[1]"),
        ("\"note\":null", "\"note\":null,\"path\":\"../../etc/passwd\""),
        ("\"note\":null", "\"note\":null,\"note\":null"),
        ("\"op\":\"add\"", "\"op\":\"\""),
        ("\"op\":\"add\"", "\"op\":\"Add them all\""),
        ("\"images\":1", "\"images\":4294967296"),
    ] {
        assert!(is_refused(&replaced(from, to)), "{from} replaced by {}", &to[..to.len().min(40)]);
    }
}

#[test]
fn one_id_stands_for_one_fact() {
    let whole = small(None);
    let facts: Vec<usize> = record_starts(&whole).iter().filter(|(_, kind)| *kind == 1).map(|(at, _)| at + 5).collect();
    let receipt = record_starts(&whole).iter().find(|(_, kind)| *kind == 4).unwrap().0 + 5;
    for to in [facts[1], receipt] {
        let mut bytes = whole.clone();
        bytes.copy_within(facts[0]..facts[0] + 16, to);
        assert!(is_refused(&resealed(bytes)));
    }
}

#[test]
fn refused_packs_leave_the_library_untouched() {
    let (folder, to) = library();
    to.add(record("Mine.", 900)).unwrap();
    to.flush().unwrap();
    let state = |library: &Library| (everything(library), library.stat().unwrap().changes);
    let before = state(&to);
    let whole = small(None);
    let path = folder.path().join("pack");
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(Pack::open(&path).err().unwrap().kind(), ErrorKind::PackCorrupt);
    }
    assert_eq!(state(&to), before);
    assert_eq!(import(&to, &whole, OnConflict::Skip).added.len(), 2);
}

/// A file that changes after it was verified: from the given pass over it on, one byte is another.
struct Changing {
    file: Cursor<Vec<u8>>,
    at: usize,
    passes: u32,
}

impl Read for Changing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Changing {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        if matches!(to, SeekFrom::Start(_)) {
            self.passes = self.passes.saturating_sub(1);
            if self.passes == 0 {
                let at = self.at;
                self.file.get_mut()[at] = b'X';
            }
        }
        self.file.seek(to)
    }
}

#[test]
fn a_file_that_changes_after_it_was_verified_is_not_imported() {
    let whole = small(None);
    // A letter of a statement: the record stays sound, only the digest can tell.
    let at = whole.windows(8).position(|window| window == b"an eagle").unwrap();
    let (_folder, to) = library();
    // The passes: the check of the digest, the check of the records, the comparison, the import itself.
    for passes in 3..=4 {
        let mut pack = Pack::read(Changing { file: Cursor::new(whole.clone()), at, passes }).unwrap();
        let error = to.import(&mut pack, &ImportOptions::default(), &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PackCorrupt, "changed before pass {passes}");
        assert_eq!(to.stat().unwrap().changes, 0);
    }
    let mut pack = Pack::read(Changing { file: Cursor::new(whole), at, passes: 9 }).unwrap();
    assert_eq!(to.import(&mut pack, &ImportOptions::default(), &mut quiet).unwrap().added.len(), 2);
}

#[test]
fn signatures_are_trusted_only_when_their_key_is_pinned() {
    let (mine, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let signed = small(Some(mine.clone()));
    assert_eq!(read(&signed).unwrap().signer(), Some(mine.public()));
    let cases: [(&[u8], Vec<PublicKey>, bool); 4] = [
        (&signed, vec![other.public(), mine.public()], true),
        (&signed, vec![other.public()], false),
        (&signed, vec![], false),
        (&small(None), vec![mine.public()], false),
    ];
    for (bytes, trusted, expected) in cases {
        let (_folder, to) = library();
        let options = ImportOptions { trusted, ..ImportOptions::default() };
        let mut pack = read(bytes).unwrap();
        let preview = to.preview_import(&mut pack, &options, &mut quiet).unwrap();
        assert_eq!(preview.origin.trusted, expected);
        let report = to.import(&mut pack, &options, &mut quiet).unwrap();
        for id in report.added {
            assert_eq!(to.get(id).unwrap().origin, Some(preview.origin));
        }
    }
}

#[test]
fn a_signature_of_another_pack_or_of_another_key_is_wrong() {
    let (mine, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let (signed, foreign) = (small(Some(mine.clone())), small(Some(mine)));
    let end = signed.len() - 64;
    let mut swapped = signed.clone();
    swapped[end..].copy_from_slice(&foreign[foreign.len() - 64..]);
    assert!(is_refused(&swapped));
    // The key in the header is another one, and the digest is right again.
    let mut renamed = signed.clone();
    renamed[128..160].copy_from_slice(&other.public().0);
    let digest: [u8; 32] = Sha256::digest(&renamed[..end - 32]).into();
    renamed[end - 32..end].copy_from_slice(&digest);
    assert!(is_refused(&renamed));
    // Made into an unsigned one it can be read, and is what it then is: untrusted.
    let mut stripped = signed[..end].to_vec();
    stripped[128..160].fill(0);
    assert_eq!(read(&resealed(stripped)).unwrap().signer(), None);
}

#[test]
fn passing_a_fact_on_does_not_make_it_trusted() {
    let key = SecretKey::generate().unwrap();
    let ((_a, middle), (_b, last)) = (library(), library());
    let untrusted = import(&middle, &small(None), OnConflict::Skip).added;
    let own = middle.add(record("Stated here.", 77)).unwrap().id;
    let bytes = exported(&middle, &ExportOptions { signer: Some(key.clone()), ..ExportOptions::default() });
    let options = ImportOptions { trusted: vec![key.public()], ..ImportOptions::default() };
    last.import(&mut read(&bytes).unwrap(), &options, &mut quiet).unwrap();
    let is_trusted = |id: FactId| last.get(id).unwrap().origin.unwrap().trusted;
    assert!(is_trusted(own) && !untrusted.iter().any(|id| is_trusted(*id)));
}

#[test]
fn errors_repeat_nothing_of_a_pack() {
    let whole = small(None);
    let at = whole.windows(7).position(|window| window == b"\"note\":").unwrap();
    let mut bytes = whole.clone();
    bytes[at + 1..at + 5].copy_from_slice(b"Qzxj");
    let error = read(&resealed(bytes)).err().unwrap();
    let mut told = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        told.push_str(&format!(" {source} {source:?}"));
        cause = source.source();
    }
    assert!(!told.contains("Qzxj") && !told.contains("eagle"), "{told}");
}

#[test]
fn text_keys_hold_text() {
    let (_folder, from) = library();
    let mut one = record("Keys.", 1);
    one.texts.push(text("Qwert", 5));
    from.add(one).unwrap();
    let whole = exported(&from, &ExportOptions::default());
    let at = whole.windows(5).rposition(|window| window == b"Qwert").unwrap();
    for lie in [&b"\xFF\xFF\xFF\xFF\xFF"[..], b"     ", b"Qwe\0t"] {
        let mut bytes = whole.clone();
        bytes[at..at + 5].copy_from_slice(lie);
        assert!(is_refused(&resealed(bytes)));
    }
}
