//! Fact packs: what is exported comes back the same, and an import is one change.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use crane_core::library::pack::{ExportOptions, ImportOptions, ImportReport, OnConflict, Pack, SecretKey};
use crane_core::library::{Amendment, FactFilter, Library};
use crane_core::{ErrorKind, Fact, FactId, FactState, Fingerprint, Modality, NewFact, Origin};

use crate::support::{PRINT, image, key, open, record, text, try_open, try_open_reader, unit};

pub fn quiet(_: u64, _: u64) -> crane_core::Result<()> {
    Ok(())
}

pub fn exported(library: &Library, options: &ExportOptions) -> Vec<u8> {
    library.export(Vec::new(), options, &mut quiet).unwrap().0
}

pub fn read(bytes: &[u8]) -> crane_core::Result<Pack<Cursor<Vec<u8>>>> {
    Pack::read(Cursor::new(bytes.to_vec()))
}

pub fn import(library: &Library, bytes: &[u8], on_conflict: OnConflict) -> ImportReport {
    let options = ImportOptions { on_conflict, ..ImportOptions::default() };
    library.import(&mut read(bytes).unwrap(), &options, &mut quiet).unwrap()
}

pub fn everything(library: &Library) -> Vec<Fact> {
    use FactState::{Active, Deleted, Disabled, Forgotten, Superseded};
    let states = vec![Active, Disabled, Superseded, Deleted, Forgotten];
    library.list(&FactFilter { states, ..FactFilter::default() }).unwrap()
}

/// A library and what keeps its folder.
pub fn library() -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let library = open(&folder.path().join("library"));
    (folder, library)
}

pub fn without_origin(facts: Vec<Fact>) -> Vec<Fact> {
    facts.into_iter().map(|fact| Fact { origin: None, ..fact }).collect()
}

pub fn jpeg(fill: u8) -> Vec<u8> {
    [&[0xFF, 0xD8, 0xFF][..], &[fill; 500]].concat()
}

/// Facts that have been through everything.
pub fn lived_in() -> (tempfile::TempDir, Library) {
    let (folder, library) = library();
    let mut first = record("The café stands in Brasenose Lane.", 1);
    first.fact = NewFact {
        subject: Some("Café \u{1F5FC} \u{1}".into()),
        target: Some("Oxford".into()),
        source: Some("museum label".into()),
        note: Some("two\nlines".into()),
        valid_from: Some(-5),
        valid_until: Some(i64::MAX - 1),
        ..first.fact
    };
    first.images[0].thumbnail = Some(jpeg(7));
    first.texts.push(text("Where is the café?", 60));
    let first = library.add(first).unwrap().id;
    let second = library.add(record("The tower is in Pisa.", 2)).unwrap().id;
    let amendment = Amendment {
        fact: NewFact { statement: "The tower leans.".into(), ..NewFact::default() },
        add_images: vec![image(20)],
        remove: library.keys(second).unwrap().iter().map(|key| key.id).collect(),
        ..Amendment::default()
    };
    library.edit(second, &amendment).unwrap();
    library.supersede(first, &record("The café has moved.", 3)).unwrap();
    library.disable(second).unwrap();
    library.add_all(&[record("Third.", 4), record("Fourth.", 5)]).unwrap();
    (folder, library)
}

/// Everything that a search can find, without the ids of keys.
fn searches(library: &Library) -> Vec<(FactId, f32)> {
    let all = [(Modality::Image, 0), (Modality::Text, 1_000_000)];
    let hits = all.iter().flat_map(|(modality, from)| {
        (0..25).flat_map(move |seed| library.search(*modality, &unit(from + seed), 4).unwrap())
    });
    hits.map(|hit| (hit.fact, hit.score)).collect()
}

pub fn thumbnails(library: &Library, id: FactId) -> Vec<Option<Vec<u8>>> {
    library.keys(id).unwrap().iter().map(|key| library.thumbnail(key.id).unwrap()).collect()
}

pub fn key_texts(library: &Library, id: FactId) -> Vec<(Modality, Option<String>)> {
    library.keys(id).unwrap().into_iter().map(|key| (key.modality, key.text)).collect()
}

#[test]
fn facts_keys_vectors_and_thumbnails_come_back() {
    let (_a, from) = lived_in();
    let (_b, to) = library();
    let bytes = exported(&from, &ExportOptions::default());
    let report = import(&to, &bytes, OnConflict::Skip);
    assert_eq!((report.added.len(), report.change, report.same), (5, Some(1), 0));
    assert_eq!(without_origin(everything(&to)), everything(&from));
    assert_eq!(searches(&to), searches(&from));
    for fact in everything(&from) {
        assert_eq!(thumbnails(&to, fact.id), thumbnails(&from, fact.id));
        assert_eq!(key_texts(&to, fact.id), key_texts(&from, fact.id));
    }
    assert!(thumbnails(&to, report.added[0]).contains(&Some(jpeg(7))));
    // The raw embeddings too: all keys are equal only when they are.
    assert_eq!(import(&to, &bytes, OnConflict::Skip).same, 5);
    to.close().unwrap();
    let to = open(&_b.path().join("library"));
    assert_eq!(searches(&to), searches(&from));
}

#[test]
fn an_imported_fact_tells_where_it_comes_from() {
    let ((_a, from), (_b, to), (_c, third)) = (lived_in(), library(), library());
    let bytes = exported(&from, &ExportOptions::default());
    let report = import(&to, &bytes, OnConflict::Skip);
    let edited = report.added[1];
    let entry = &to.history(Some(edited), 9).unwrap()[0];
    assert_eq!((entry.op.as_str(), entry.seq, entry.facts.len()), ("import", 1, 5));
    let digest = *read(&bytes).unwrap().digest();
    let origin = to.get(edited).unwrap().origin;
    assert_eq!(origin, Some(Origin { pack: digest, signer: None, trusted: false }));

    let past = to.past(edited).unwrap();
    assert_eq!(past.iter().map(|entry| entry.op.as_str()).collect::<Vec<_>>(), ["add", "edit", "disable"]);
    for (entry, seq) in past.iter().zip([2, 3, 5]) {
        assert_eq!(entry.fact.as_ref(), Some(&from.as_of(edited, seq).unwrap()), "after change {seq}");
    }
    assert!(from.past(edited).unwrap().is_empty(), "it was stated there");

    to.enable(edited).unwrap();
    import(&third, &exported(&to, &ExportOptions::default()), OnConflict::Skip);
    let ops: Vec<_> = third.past(edited).unwrap().into_iter().map(|entry| entry.op).collect();
    assert_eq!(ops, ["add", "edit", "disable", "import", "enable"], "the past goes on from hand to hand");
}

#[test]
fn origins_stay_through_edits_undo_and_redo() {
    let ((_a, from), (_b, to)) = (lived_in(), library());
    let id = import(&to, &exported(&from, &ExportOptions::default()), OnConflict::Skip).added[3];
    let origin = to.get(id).unwrap().origin;
    assert!(origin.is_some());
    let fact = NewFact { statement: "Mine now.".into(), ..NewFact::default() };
    assert_eq!(to.edit(id, &Amendment { fact, ..Amendment::default() }).unwrap().origin, origin);
    for step in [Library::undo, Library::redo, Library::undo] {
        step(&to).unwrap();
        assert_eq!(to.get(id).unwrap().origin, origin);
    }
    assert_eq!(to.restore(id, 1).unwrap().origin, origin);
}

#[test]
fn an_import_is_one_change_that_is_undone_and_redone() {
    let ((_a, from), (_b, to)) = (lived_in(), library());
    let own = to.add(record("Mine.", 900)).unwrap();
    let bytes = exported(&from, &ExportOptions::default());
    import(&to, &bytes, OnConflict::Skip);
    let (facts, found) = (everything(&to), searches(&to));
    assert_eq!(to.undo().unwrap().unwrap().facts.len(), 5);
    assert_eq!(everything(&to), [own]);
    to.redo().unwrap().unwrap();
    assert_eq!((everything(&to), searches(&to)), (facts, found.clone()));
    to.undo().unwrap();
    assert_eq!(import(&to, &bytes, OnConflict::Skip).added.len(), 5, "what was undone can be imported again");
    assert_eq!(searches(&to), found);
}

#[test]
fn a_second_import_finds_everything_and_does_nothing() {
    let ((_a, from), (_b, to)) = (lived_in(), library());
    let bytes = exported(&from, &ExportOptions::default());
    import(&to, &bytes, OnConflict::Skip);
    for policy in [OnConflict::Skip, OnConflict::KeepBoth, OnConflict::Supersede] {
        let report = import(&to, &bytes, policy);
        assert_eq!(report, ImportReport { same: 5, ..ImportReport::default() });
    }
    assert_eq!(to.stat().unwrap().changes, 1);
    let bare = exported(&from, &ExportOptions { thumbnails: false, history: false, ..ExportOptions::default() });
    assert!(bare.len() < bytes.len() - 500, "neither photos nor the past");
    assert_eq!(import(&to, &bare, OnConflict::Skip).same, 5, "thumbnails make no difference");
    let back = exported(&to, &ExportOptions::default());
    assert_eq!(import(&from, &back, OnConflict::Skip).same, 5, "where they come from they are known");
}

#[test]
fn without_history_nothing_of_the_past_travels() {
    let ((_a, from), (_b, to)) = (lived_in(), library());
    let whole = exported(&from, &ExportOptions::default());
    let bare = exported(&from, &ExportOptions { history: false, ..ExportOptions::default() });
    let holds = |bytes: &[u8]| bytes.windows(4).any(|window| window == b"Pisa");
    assert!(holds(&whole) && !holds(&bare));
    let report = import(&to, &bare, OnConflict::Skip);
    assert!(report.added.iter().all(|id| to.past(*id).unwrap().is_empty()));
}

#[test]
fn chosen_facts_are_exported_in_whatever_state() {
    let (_a, from) = lived_in();
    let ids: Vec<FactId> = everything(&from).iter().map(|fact| fact.id).collect();
    from.delete(ids[0]).unwrap();
    let export = |facts: &[FactId]| {
        let options = ExportOptions { facts: Some(facts.to_vec()), ..ExportOptions::default() };
        from.export(Vec::new(), &options, &mut quiet)
    };
    let (_b, to) = library();
    let (bytes, report) = export(&[ids[0], ids[4], ids[0]]).unwrap();
    assert_eq!((report.facts, report.bytes), (2, bytes.len() as u64), "each once");
    assert_eq!(import(&to, &bytes, OnConflict::Skip).added, [ids[4], ids[0]], "oldest first");
    assert_eq!(to.get(ids[0]).unwrap().state, FactState::Deleted);
    assert_eq!(export(&[FactId::random()]).unwrap_err().kind(), ErrorKind::NotFound);
    from.forget(ids[1]).unwrap();
    assert_eq!(export(&[ids[1]]).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn forgotten_facts_leave_receipts_only_and_are_not_brought_back() {
    let ((_a, from), (_b, to)) = (lived_in(), library());
    let old = exported(&from, &ExportOptions::default());
    import(&to, &old, OnConflict::Skip);
    let id = everything(&from)[0].id;
    let receipt = from.forget(id).unwrap();
    let (new, report) = from.export(Vec::new(), &ExportOptions::default(), &mut quiet).unwrap();
    assert_eq!((report.facts, report.receipts), (4, 1));
    let holds = |bytes: &[u8], secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(holds(&old, b"Fourth.") && !holds(&new, b"Fourth."));
    assert!(holds(&new, &receipt.digest));

    let preview = |library: &Library, bytes: &[u8]| {
        library.preview_import(&mut read(bytes).unwrap(), &ImportOptions::default(), &mut quiet).unwrap()
    };
    assert_eq!(preview(&to, &new).forgotten_there, [id]);
    assert_eq!(preview(&from, &old).forgotten, [id]);
    for policy in [OnConflict::Skip, OnConflict::KeepBoth, OnConflict::Supersede] {
        let report = import(&from, &old, policy);
        assert_eq!((report.forgotten, report.change), (1, None));
        assert_eq!(import(&to, &new, policy).change, None, "an import forgets nothing");
    }
    assert_eq!(to.get(id).unwrap().statement, "Fourth.");
}

#[test]
fn forgetting_an_imported_fact_leaves_no_bytes_of_it() {
    let ((_a, from), (b, to)) = (library(), library());
    let mut secret = record("Qzxjvkw lives here.", 1);
    secret.images[0].thumbnail = Some([&[0xFF, 0xD8, 0xFF][..], b"JPEGSECRET"].concat());
    let id = from.add(secret).unwrap().id;
    let fact = NewFact { statement: "Wqhbxrt lives here.".into(), ..NewFact::default() };
    from.edit(id, &Amendment { fact, ..Amendment::default() }).unwrap();
    let bytes = exported(&from, &ExportOptions::default());
    import(&to, &bytes, OnConflict::Skip);
    to.flush().unwrap();
    let vector = crane_core::index::Row::from_embedding(&unit(1)).0;
    let secrets = [&b"zxjvkw"[..], b"qhbxrt", b"JPEGSECRET", &vector[..24]];
    let present = || secrets.iter().filter(|secret| holds_anywhere(&b.path().join("library"), secret)).count();
    assert_eq!(present(), if key().is_some() { 0 } else { secrets.len() }, "the scan finds what is there");
    to.forget(id).unwrap();
    assert_eq!(present(), 0);
    assert!(to.past(id).unwrap().is_empty() && to.get(id).unwrap().origin.is_none());
    to.close().unwrap();
    assert_eq!(present(), 0);
}

fn holds_anywhere(folder: &Path, secret: &[u8]) -> bool {
    fs::read_dir(folder)
        .unwrap()
        .any(|entry| fs::read(entry.unwrap().path()).unwrap().windows(secret.len()).any(|window| window == secret))
}

#[test]
fn other_encoders_are_refused() {
    let ((a, from), (_b, to)) = (lived_in(), library());
    for print in [Fingerprint { encoders: [9; 32], ..PRINT }, Fingerprint { head: [9; 32], ..PRINT }] {
        let other = try_open(a.path().join(format!("{:?}", print.head[0])), &print).unwrap();
        other.add(record("Elsewhere.", 1)).unwrap();
        let bytes = exported(&other, &ExportOptions::default());
        let (mut pack, options) = (read(&bytes).unwrap(), ImportOptions::default());
        let error = to.import(&mut pack, &options, &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FingerprintMismatch);
        assert!(error.to_string().contains("re-embed"), "{error}");
        let error = to.preview_import(&mut pack, &options, &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FingerprintMismatch);
    }
    assert_eq!((to.stat().unwrap().changes, from.stat().unwrap().active), (0, 3));
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let ((a, from), (_b, to)) = (lived_in(), library());
    let options = ExportOptions { signer: Some(SecretKey::generate().unwrap()), ..ExportOptions::default() };
    let names = || {
        let mut names: Vec<_> = fs::read_dir(a.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let path = a.path().join("facts.cranepack");
    let mut told = Vec::new();
    let progress = &mut |done, total| {
        told.push((done, total));
        Ok(())
    };
    let report = from.export_file(&path, &options, progress).unwrap();
    assert_eq!((told[0], *told.last().unwrap()), ((0, 5), (5, 5)));
    assert_eq!(report.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(names(), ["facts.cranepack", "library"]);
    let first = fs::read(&path).unwrap();

    let stop = &mut |_, _| Err(crane_core::Error::new(ErrorKind::Cancelled, "enough"));
    assert_eq!(from.export_file(&path, &options, stop).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!((fs::read(&path).unwrap(), names().len()), (first, 2), "the old file is whole");
    from.export_file(&path, &options, &mut quiet).unwrap();

    let mut pack = Pack::open(&path).unwrap();
    assert_eq!(to.import(&mut pack, &ImportOptions::default(), stop).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(to.stat().unwrap().changes, 0);
    assert_eq!(to.import(&mut pack, &ImportOptions::default(), &mut quiet).unwrap().added.len(), 5);

    for bad in [a.path().join("library/facts.cranepack"), a.path().join("library/library.db")] {
        assert_eq!(from.export_file(&bad, &options, &mut quiet).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let letter = a.path().join("letter.txt");
    fs::write(&letter, "Dear Ann").unwrap();
    assert_eq!(from.export_file(&letter, &options, &mut quiet).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read(&letter).unwrap(), b"Dear Ann");
    let missing = from.export_file(a.path().join("no/folder.cranepack"), &options, &mut quiet);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(Pack::open(a.path().join("none.cranepack")).err().unwrap().kind(), ErrorKind::NotFound);
}

#[test]
fn a_reader_exports_and_cannot_import() {
    let (a, from) = lived_in();
    let reader = try_open_reader(a.path().join("library"), &PRINT).unwrap();
    let bytes = exported(&reader, &ExportOptions::default());
    assert_eq!(read(&bytes).unwrap().len(), 5);
    let mut pack = read(&bytes).unwrap();
    let preview = reader.preview_import(&mut pack, &ImportOptions::default(), &mut quiet).unwrap();
    assert_eq!(preview.same.len(), 5);
    let error = reader.import(&mut pack, &ImportOptions::default(), &mut quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    drop(from);
}
