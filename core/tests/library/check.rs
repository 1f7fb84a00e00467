//! A check says what is wrong, a repair mends what is derived and nothing else, and what can't be mended is salvaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crane_core::library::{Amendment, CheckReport, FactFilter, Library, NewRecord, Part, Repaired, Severity};
use crane_core::{Error, ErrorKind, Fact, FactId, FactState, Fingerprint, Modality, NewFact};

use crate::support::{PRINT, image, key, open, record, text, try_open, try_open_reader, unit};

fn check(path: &Path) -> CheckReport {
    Library::check_at_with(path, key().as_ref(), &mut |_, _| Ok(())).unwrap()
}

/// A library in which everything has happened once.
fn lived(path: &Path) -> Library {
    let library = open(path);
    let records: Vec<NewRecord> = (0..40).map(|n| record(&format!("Fact number {n} stands."), n)).collect();
    let facts = library.add_all(&records).unwrap();
    let fact = NewFact {
        statement: "It says otherwise.".into(),
        subject: Some("The gate".into()),
        source: Some("a sign".into()),
        ..NewFact::default()
    };
    let amendment = Amendment { fact, add_texts: vec![text("It says otherwise.", 500)], ..Amendment::default() };
    library.edit(facts[0].id, &amendment).unwrap();
    library.supersede(facts[1].id, &record("A later one.", 600)).unwrap();
    library.disable(facts[2].id).unwrap();
    library.delete(facts[3].id).unwrap();
    library.forget(facts[4].id).unwrap();
    library.add(record("Taken back.", 700)).unwrap();
    library.undo().unwrap();
    let mut photo = image(800);
    photo.thumbnail = Some([&[0xFF, 0xD8, 0xFF][..], &[7; 20_000]].concat());
    library.add(NewRecord { images: vec![photo], ..record("With a photo.", 801) }).unwrap();
    library
}

fn all(library: &Library) -> BTreeMap<FactId, Fact> {
    use FactState::{Active, Deleted, Disabled, Superseded};
    let states = vec![Active, Disabled, Superseded, Deleted];
    let facts = library.list(&FactFilter { states, ..FactFilter::default() }).unwrap();
    facts.into_iter().map(|fact| (fact.id, fact)).collect()
}

fn database(path: &Path, sql: &str) {
    let database = crate::support::database(path).unwrap();
    database.pragma_update(None, "writable_schema", true).unwrap();
    database.execute_batch(sql).unwrap();
}

/// The only finding, as far as those of this severity go.
fn only(report: &CheckReport, severity: Severity) -> (Part, &str) {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.severity == severity).collect();
    assert_eq!(found.len(), 1, "{report:?}");
    (found[0].part, &found[0].what)
}

#[test]
fn a_sound_library_has_no_findings_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let library = lived(folder.path());
    let report = library.check(&mut |_, _| Ok(())).unwrap();
    assert_eq!(report.findings, [], "nothing is in the index files yet");
    assert_eq!((report.facts, report.changes), (42, 9));
    library.flush().unwrap();
    library.add(record("Behind the files.", 900)).unwrap();
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    for report in [library.check(&mut |_, _| Ok(())), reader.check(&mut |_, _| Ok(()))] {
        assert_eq!(report.unwrap().findings, []);
    }
    library.close().unwrap();
    let report = check(folder.path());
    assert_eq!((report.findings.len(), report.facts), (0, 43));
    assert!(report.index_rows > 80 && report.keys > report.index_rows, "{report:?}");
    let repaired = Library::repair_at_with(folder.path(), key().as_ref(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((repaired.done, repaired.after), (vec![], report));
}

#[test]
fn what_is_derived_is_mended_and_nothing_else_changes() {
    type Spoil<'a> = (&'a str, Part, Repaired, &'a dyn Fn(&Path));
    let spoil: [Spoil<'_>; 7] = [
        ("a word is gone", Part::FullText, Repaired::FullText, &|path| {
            let sql = "INSERT INTO fact_text (fact_text, rowid, statement) SELECT 'delete', n, statement FROM facts \
                       WHERE statement LIKE '%number 9%'";
            database(path, sql);
        }),
        ("the full text is garbage", Part::FullText, Repaired::FullText, &|path| {
            database(path, "UPDATE fact_text_data SET block = x'FFFF' WHERE id > 1");
        }),
        ("an index of a table lacks a row", Part::Lookup, Repaired::Lookup, &|path| {
            let sql = "UPDATE sqlite_schema SET sql = 'CREATE INDEX facts_by_source ON facts (source) WHERE n < 0' \
                       WHERE name = 'facts_by_source'";
            database(path, sql);
            database(path, "REINDEX facts_by_source");
            let sql = "UPDATE sqlite_schema SET sql = 'CREATE INDEX facts_by_source ON facts (source) \
                       WHERE source IS NOT NULL' WHERE name = 'facts_by_source'";
            database(path, sql);
        }),
        ("an index file is gone", Part::ImageIndex, Repaired::Index, &|path| {
            fs::remove_file(index_file(path, "image")).unwrap();
        }),
        ("a row of an index file is damaged", Part::TextIndex, Repaired::Index, &|path| {
            let file = index_file(path, "text");
            let mut bytes = fs::read(&file).unwrap();
            let at = bytes.len() - 4096;
            bytes[at] ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("the database names another file", Part::ImageIndex, Repaired::Index, &|path| {
            database(path, "UPDATE generations SET digest = zeroblob(32) WHERE modality = 0");
        }),
        ("a file is left over", Part::Folder, Repaired::Folder, &|path| {
            fs::write(path.join("image.77.idx.tmp"), "half").unwrap();
        }),
    ];
    for (what, part, repaired, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        let library = lived(folder.path());
        library.flush().unwrap();
        let facts = all(&library);
        library.close().unwrap();
        spoil(folder.path());
        let found = check(folder.path());
        assert!(found.findings.iter().any(|finding| finding.part == part), "{what}: {found:?}");
        assert!(found.worst() < Some(Severity::Damaged), "{what}: {found:?}");
        let report = Library::repair_at_with(folder.path(), key().as_ref(), &mut |_, _| Ok(())).unwrap();
        assert!(report.done.contains(&repaired) && report.before == found, "{what}: {report:?}");
        assert_eq!(report.after.findings, [], "{what}");
        let library = open(folder.path());
        assert_eq!(all(&library), facts, "{what}");
        assert_eq!(library.lookup("number 9", 9).unwrap().len(), 1, "{what}");
        assert!(library.search(Modality::Image, &unit(9), 1).unwrap()[0].score > 0.99, "{what}");
    }
}

fn index_file(path: &Path, modality: &str) -> std::path::PathBuf {
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(modality);
    files.filter(named).find(|path| path.extension().is_some_and(|e| e == "idx")).unwrap()
}

#[test]
fn an_open_library_is_repaired_under_its_readers() {
    let folder = tempfile::tempdir().unwrap();
    let library = lived(folder.path());
    library.flush().unwrap();
    let reader = try_open_reader(folder.path(), &PRINT).unwrap();
    fs::write(index_file(folder.path(), "image"), "not an index").unwrap();
    let report = library.repair(&mut |_, _| Ok(())).unwrap();
    assert_eq!((report.done, report.after.findings), (vec![Repaired::Index], vec![]));
    library.add(record("Goes on.", 901)).unwrap();
    for library in [&library, &reader] {
        assert!(library.search(Modality::Image, &unit(901), 1).unwrap()[0].score > 0.99);
    }
    let refused = Library::repair_at_with(folder.path(), key().as_ref(), &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LibraryLocked);
}

#[test]
fn what_is_not_derived_is_reported_and_left_alone() {
    for (sql, part, what) in [
        ("UPDATE facts SET target = 'Bath' WHERE n = 9", Part::Facts, "a fact does not match its checksum"),
        ("UPDATE keys SET vector = zeroblob(512) WHERE id = 21", Part::Keys, "a key does not match its checksum"),
        (
            "UPDATE originals SET raw = zeroblob(48) WHERE key = 21",
            Part::Keys,
            "what a key was made from does not match its checksum",
        ),
        ("DELETE FROM originals WHERE key = 21", Part::Keys, "a key lacks what it was made from"),
        (
            "UPDATE revisions SET after = replace(after, 'otherwise', 'nothing') WHERE change = 2",
            Part::History,
            "an entry does not match its checksum",
        ),
        ("UPDATE changes SET at = at + 1 WHERE seq = 5", Part::History, "a change does not match its digest"),
        ("UPDATE receipts SET digest = zeroblob(32)", Part::History, "a receipt does not match its change"),
        (
            "CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM facts; END",
            Part::Database,
            "the schema differs at t",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let library = lived(folder.path());
        library.flush().unwrap();
        library.close().unwrap();
        database(folder.path(), sql);
        let before = fs::read(folder.path().join("library.db")).unwrap();
        let report = check(folder.path());
        let found = report
            .findings
            .iter()
            .any(|finding| (finding.part, finding.severity, finding.what.as_str()) == (part, Severity::Damaged, what));
        assert!(found, "{sql}: {report:?}");
        let repaired = Library::repair_at_with(folder.path(), key().as_ref(), &mut |_, _| Ok(())).unwrap();
        assert_eq!((repaired.done, repaired.after), (vec![], report), "{sql}");
        assert!(fs::read(folder.path().join("library.db")).unwrap() == before, "{sql}: something was written");
    }
}

/// A fact that was changed under a right checksum: only its history knows better.
#[test]
fn a_fact_and_its_history_must_agree() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    lived(folder.path()).close().unwrap();
    fs::copy(folder.path().join("library.db"), other.path().join("library.db")).unwrap();
    let library = open(other.path());
    let id = library.lookup("number 9", 1).unwrap()[0].id;
    library.disable(id).unwrap();
    library.close().unwrap();
    let path = other.path().join("library.db");
    database(
        folder.path(),
        &format!(
            "ATTACH '{}' AS o; UPDATE facts SET (state, updated_at, crc) = \
             (SELECT f.state, f.updated_at, f.crc FROM o.facts f WHERE f.n = facts.n) \
             WHERE statement LIKE '%number 9 %'; DETACH o",
            path.display()
        ),
    );
    let report = check(folder.path());
    assert_eq!(only(&report, Severity::Damaged), (Part::History, "a fact differs from the last entry of its history"));
    assert_eq!(report.findings.iter().find(|f| f.part == Part::History).unwrap().facts, [id]);
}

#[test]
fn a_check_can_be_stopped_and_tells_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let records: Vec<NewRecord> = (0..300).map(|n| record(&format!("Fact {n}."), n)).collect();
    library.add_all(&records).unwrap();
    let mut told = Vec::new();
    library
        .check(&mut |done, total| {
            told.push((done, total));
            Ok(())
        })
        .unwrap();
    assert!(told.len() > 4 && told.is_sorted() && told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert_eq!(told.last().map(|(done, total)| done == total), Some(true));
    let stop = |_, _| Err(Error::new(ErrorKind::Cancelled, "enough"));
    assert_eq!(library.check(&mut { stop }).unwrap_err().to_string(), "enough");
    assert_eq!(library.repair(&mut { stop }).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(library.check(&mut |_, _| Ok(())).unwrap().findings, []);
}

#[test]
fn there_must_be_a_library_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let missing = |result: crane_core::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound);
    let (none, into) = (folder.path().join("none"), folder.path().join("into"));
    missing(Library::check_at(&none, &mut |_, _| Ok(())).map(drop));
    missing(Library::repair_at(&none, &mut |_, _| Ok(())).map(drop));
    missing(Library::salvage(&none, &into, None, &mut |_, _| Ok(())).map(drop));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn bytes(path: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn all_of_a_sound_library_is_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    let library = lived(&from);
    let (facts, receipts) = (all(&library), library.receipts().unwrap());
    drop(library);
    let before = bytes(&from);
    let report = Library::salvage_with(&from, &into, None, key().as_ref(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((report.facts, report.lost_facts, report.lost_keys, report.receipts), (41, 0, 0, 1), "{report:?}");
    assert!(bytes(&from) == before, "the damaged library was touched");
    assert_eq!(check(&into).findings, []);
    let library = open(&into);
    assert_eq!(all(&library), facts);
    assert_eq!(library.receipts().unwrap()[0].fact, receipts[0].fact);
    let edited = library.lookup("otherwise", 1).unwrap()[0].id;
    let past: Vec<String> = library.past(edited).unwrap().into_iter().map(|entry| entry.op).collect();
    assert_eq!(past, ["add", "edit"]);
    assert!(library.search(Modality::Text, &unit(500), 1).unwrap()[0].fact == edited);
    let photo = library.lookup("photo", 1).unwrap()[0].id;
    let key = library.keys(photo).unwrap()[0].id;
    assert_eq!(library.thumbnail(key).unwrap().unwrap().len(), 20_003);
    assert!(library.undo().unwrap().is_none(), "a salvage is not taken back");
    assert!(fs::read_dir(&into).unwrap().all(|e| !e.unwrap().file_name().to_str().unwrap().starts_with('.')));
}

#[test]
fn a_fact_or_vector_that_is_damaged_is_taken_from_where_it_is_said_again() {
    let folder = tempfile::tempdir().unwrap();
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    let library = lived(&from);
    library.flush().unwrap();
    let facts = all(&library);
    library.close().unwrap();
    database(&from, "UPDATE facts SET statement = 'Wrong.' WHERE n = 10; DELETE FROM facts WHERE n = 11");
    database(&from, "UPDATE keys SET vector = zeroblob(512) WHERE id IN (21, 22)");
    let report = Library::salvage_with(&from, &into, None, key().as_ref(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((report.facts, report.facts_from_history, report.keys_from_index), (41, 2, 2), "{report:?}");
    assert_eq!((report.lost_facts, report.lost_keys), (0, 0));
    assert_eq!(all(&open(&into)), facts);
    assert_eq!(check(&into).findings, []);
}

/// The row that names the encoders has no checksum: the index files say whether it is right.
#[test]
fn encoders_that_the_index_files_contradict_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let library = lived(&from);
    library.flush().unwrap();
    library.close().unwrap();
    let salvage = |name: &str, given| {
        let into = folder.path().join(name);
        Library::salvage_with(&from, &into, Some(given), key().as_ref(), &mut |_, _| Ok(())).unwrap();
        into
    };
    let other = Fingerprint { head: [9; 32], ..PRINT };
    open(&salvage("stored", &other)).close().unwrap();
    database(&from, "UPDATE library SET encoders = randomblob(32)");
    open(&salvage("given", &PRINT)).close().unwrap();
    let refused = try_open(salvage("neither", &other), &other).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::FingerprintMismatch);
}

/// Whole pages that are gone, and a file that is cut off: what is saved is true, and says what is lost.
#[test]
fn damaged_pages_cost_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let library = lived(&from);
    library.flush().unwrap();
    let facts = all(&library);
    library.close().unwrap();
    let path = from.join("library.db");
    let sound = fs::read(&path).unwrap();
    let mut saved = 0;
    let pages = sound.len() / 8192;
    for page in 0..=pages {
        let mut bytes = sound.clone();
        match bytes.get_mut(page * 8192..(page + 1) * 8192) {
            Some(page) => page.fill(0x5A),
            None => bytes.truncate(sound.len() / 2),
        }
        fs::write(&path, &bytes).unwrap();
        let into = folder.path().join(format!("into-{page}"));
        let report = Library::salvage_with(&from, &into, Some(&PRINT), key().as_ref(), &mut |_, _| Ok(())).unwrap();
        let library = open(&into);
        let found = all(&library);
        for (id, fact) in &found {
            let before = facts.get(id).unwrap_or_else(|| panic!("page {page}: a fact that never was"));
            // From its history it may be in older words, and without keys it is disabled.
            let same = (&before.statement, before.created_at) == (&fact.statement, fact.created_at);
            assert!(same || report.facts_from_history > 0, "page {page}: other words");
        }
        assert_eq!(found.len() as u64, report.facts, "page {page}");
        assert!(found.len() == facts.len() || report.lost_facts > 0 || page == pages, "page {page}: {report:?}");
        assert_eq!(check(&into).findings, [], "page {page}");
        saved += found.len();
    }
    assert!(saved * 10 > facts.len() * pages * 9, "{saved} of {} facts in {pages} libraries", facts.len() * pages);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_of_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    lived(&from).close().unwrap();
    let kind = |into: &Path, told: &mut dyn FnMut(u64, u64) -> crane_core::Result<()>| {
        Library::salvage_with(&from, into, None, key().as_ref(), told).unwrap_err().kind()
    };
    assert_eq!(kind(&from, &mut |_, _| Ok(())), ErrorKind::InvalidInput);
    assert_eq!(kind(&into, &mut |_, _| Err(Error::new(ErrorKind::Cancelled, "enough"))), ErrorKind::Cancelled);
    assert!(!into.exists());
    fs::create_dir(&into).unwrap();
    fs::write(from.join("library.db"), vec![0x5A; 100_000]).unwrap();
    let nothing = if key().is_some() { ErrorKind::WrongKey } else { ErrorKind::LibraryCorrupt };
    assert_eq!(kind(&into, &mut |_, _| Ok(())), nothing);
    assert_eq!(fs::read_dir(&into).unwrap().count(), 0);
    let refused = try_open(&from, &PRINT).err().unwrap();
    assert!(refused.kind() == ErrorKind::LibraryCorrupt && refused.to_string().contains("salvage"), "{refused}");
}
