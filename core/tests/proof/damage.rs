//! Bits that flip, pages that turn into garbage, files that are cut off: a library whose index is damaged answers as one
//! that was never touched; one whose database is damaged says so, or what it answers is still true; a check tells, and what
//! is salvaged of it was once said.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crane_core::index::HEADER_LEN;
use crane_core::library::{CheckReport, FactFilter, HistoryEntry, Library, Severity};
use crane_core::{ErrorKind, Fact, FactId, FactState, Hit, Modality};

use crate::actor::Actor;
use crate::model::Model;
use crate::script::{Numbers, Script};
use crate::settings::{folder, report, setting};
use crate::support::{PRINT, key, try_open, unit};

const STATES: [FactState; 5] =
    [FactState::Active, FactState::Disabled, FactState::Superseded, FactState::Deleted, FactState::Forgotten];
/// Bytes of a page of the database.
const PAGE: usize = 8192;

/// A library that was used for a while and closed, and what it answers.
struct Sound {
    folder: tempfile::TempDir,
    answers: Answers,
    /// Every wording of every fact that is not forgotten.
    said: BTreeSet<(FactId, String)>,
}

#[derive(PartialEq)]
struct Answers {
    facts: Vec<Fact>,
    hits: Vec<Hit>,
    history: Vec<HistoryEntry>,
}

impl Sound {
    fn make(seed: u64) -> Self {
        let (folder, script) = (folder(), Script { seed, bulk: 30 });
        let path = folder.path().join("library");
        let (mut actor, mut model) = (Actor::new(&path), Model::default());
        for step in 0..40 {
            let op = script.op(step, &model);
            actor.run(&op, &model).unwrap();
            model.apply(&op);
        }
        let library = actor.library();
        library.flush().unwrap();
        let answers = answers(library).unwrap();
        let mut said = BTreeSet::new();
        for entry in &answers.history {
            let then = entry.facts.iter().filter_map(|id| library.as_of(*id, entry.seq).ok());
            said.extend(then.map(|fact| (fact.id, fact.statement)));
        }
        library.close().unwrap();
        Self { folder, answers, said }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    /// A copy whose files have been changed.
    fn copy(&self, spoil: &mut dyn FnMut(&Path)) -> tempfile::TempDir {
        let copy = folder();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        spoil(copy.path());
        copy
    }

    fn index_files(&self) -> Vec<String> {
        let names = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".idx")).collect()
    }
}

fn answers(library: &Library) -> crane_core::Result<Answers> {
    let facts = library.list(&FactFilter { states: STATES.to_vec(), ..FactFilter::default() })?;
    let mut hits = Vec::new();
    for modality in [Modality::Image, Modality::Text] {
        for number in [0, 1, 512, 513, 1024, 7] {
            hits.extend(library.search(modality, &unit(number), 9)?);
        }
    }
    Ok(Answers { facts, hits, history: library.history(None, u32::MAX)? })
}

fn check(path: &Path) -> crane_core::Result<CheckReport> {
    Library::check_at_with(path, key().as_ref(), &mut |_, _| Ok(()))
}

fn flip(path: &Path, at: usize, bit: u32) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, len: usize) {
    fs::File::options().write(true).open(path).unwrap().set_len(len as u64).unwrap();
}

#[test]
fn a_damaged_index_is_told_and_made_anew_and_every_answer_is_as_before() {
    let (seed, bits) = (setting("SEED", 1), setting("BITS", 1) as u32);
    let rounds = setting("ROUNDS", 16);
    let sound = Sound::make(seed);
    let mut numbers = Numbers(seed);
    let (mut header, mut elsewhere) = (0, 0);
    for name in sound.index_files() {
        let len = fs::metadata(sound.path().join(&name)).unwrap().len() as usize;
        let stride = if bits == 8 { 1 } else { 7 };
        for at in (0..HEADER_LEN).step_by(stride) {
            for bit in 0..bits {
                index_case(&sound, &mut |path| flip(&path.join(&name), at, (bit + at as u32) % 8));
                index_case(&sound, &mut |path| cut(&path.join(&name), at));
                header += 2;
            }
        }
        for _ in 0..rounds {
            let (at, bit) = (numbers.below(len), numbers.below(8) as u32);
            index_case(&sound, &mut |path| flip(&path.join(&name), at, bit));
            index_case(&sound, &mut |path| cut(&path.join(&name), at));
            elsewhere += 2;
        }
    }
    report("damaged index", &[("in headers", header), ("elsewhere", elsewhere), ("answers that differed", 0)]);
}

fn index_case(sound: &Sound, spoil: &mut dyn FnMut(&Path)) {
    let copy = sound.copy(spoil);
    let found = check(copy.path()).unwrap();
    assert_eq!(found.worst(), Some(Severity::Derived), "{found:?}");
    let library = try_open(copy.path(), &PRINT).unwrap();
    assert!(answers(&library).unwrap() == sound.answers, "a damaged index has changed an answer");
    library.repair(&mut |_, _| Ok(())).unwrap();
    assert!(answers(&library).unwrap() == sound.answers, "a repair has changed an answer");
    library.close().unwrap();
    assert_eq!(check(copy.path()).unwrap().findings, []);
}

/// How cases of a damaged database went.
#[derive(Default)]
struct Tally {
    cases: usize,
    refused: usize,
    unharmed: usize,
    told_by_check: usize,
    salvaged: usize,
    facts_before: usize,
    facts_saved: usize,
}

#[test]
fn a_damaged_database_is_told_and_what_is_salvaged_of_it_is_true() {
    let (seed, rounds) = (setting("SEED", 1), setting("ROUNDS", 16));
    let mut numbers = Numbers(seed ^ 0xDA7A);
    let mut tally = Tally::default();
    for library in 0..rounds.div_ceil(100) {
        let sound = Sound::make(seed + library);
        let len = fs::metadata(sound.path().join("library.db")).unwrap().len() as usize;
        for round in 0..rounds.min(100) {
            let at = numbers.below(len);
            let bits: Vec<(usize, u32)> =
                (0..1 + round % 5).map(|_| (numbers.below(len), numbers.below(8) as u32)).collect();
            let what = format!("seed {seed}, library {library}, round {round}");
            database_case(&sound, &what, &mut tally, &mut |path| {
                let path = path.join("library.db");
                match round % 4 {
                    0 | 1 => bits.iter().for_each(|(at, bit)| flip(&path, *at, *bit)),
                    2 => {
                        let mut bytes = fs::read(&path).unwrap();
                        let page = at / PAGE * PAGE;
                        bytes[page..page + PAGE].iter_mut().enumerate().for_each(|(n, b)| *b = (n * 31 + at) as u8);
                        fs::write(&path, bytes).unwrap();
                    }
                    _ => cut(&path, at),
                }
            });
        }
    }
    let figures = [
        ("cases", tally.cases),
        ("refused when opened or asked", tally.refused),
        ("told by a check", tally.told_by_check),
        ("without effect", tally.unharmed),
        ("salvaged", tally.salvaged),
        ("facts in all", tally.facts_before),
        ("facts saved", tally.facts_saved),
        ("untrue answers", 0),
    ];
    report("damaged database", &figures);
    assert!(tally.salvaged * 2 > tally.cases && tally.facts_saved * 2 > tally.facts_before, "too little was saved");
}

fn database_case(sound: &Sound, what: &str, tally: &mut Tally, spoil: &mut dyn FnMut(&Path)) {
    let copy = sound.copy(spoil);
    tally.cases += 1;
    let told = |kind: ErrorKind| {
        let kinds = [
            ErrorKind::LibraryCorrupt,
            ErrorKind::InvalidInput,
            // A first page of garbage looks like one that is encrypted; the message names both.
            ErrorKind::WrongKey,
            ErrorKind::FingerprintMismatch,
            ErrorKind::ReadOnly,
            ErrorKind::StorageFailed,
        ];
        assert!(kinds.contains(&kind), "{what}: told as {kind:?}");
    };
    let checked = check(copy.path());
    let finds = match &checked {
        Ok(found) => found.worst().is_some(),
        Err(error) => {
            told(error.kind());
            true
        }
    };
    tally.told_by_check += usize::from(finds);
    salvage_case(sound, copy.path(), what, tally);
    match try_open(copy.path(), &PRINT).and_then(|library| answers(&library)) {
        Ok(found) if found == sound.answers => tally.unharmed += usize::from(!finds),
        Ok(found) => {
            assert!(finds, "{what}: other answers, and the check finds nothing");
            // A page that is gone can hide rows from a list; what is shown must be true.
            let known = |fact: &Fact| sound.answers.facts.iter().any(|sound| is_true(fact, sound));
            assert!(found.facts.iter().all(known), "{what}: a fact that never was");
            let known = |hit: &Hit| sound.answers.hits.contains(hit);
            assert!(found.hits.iter().all(known), "{what}: a hit that never was");
        }
        Err(error) => {
            told(error.kind());
            assert!(finds, "{what}: {error}, and the check finds nothing");
            tally.refused += 1;
        }
    }
}

/// Whether a fact is as it was. How many keys it has is counted from their rows, unchecked: one whose row is gone, or says
/// that it is another fact's, is not counted, and a photo whose row says that it is a text is counted as one.
fn is_true(fact: &Fact, sound: &Fact) -> bool {
    let (image_keys, text_keys) = (fact.image_keys, fact.text_keys);
    let no_more = image_keys + text_keys <= sound.image_keys + sound.text_keys;
    no_more && *fact == Fact { image_keys, text_keys, ..sound.clone() }
}

fn salvage_case(sound: &Sound, path: &Path, what: &str, tally: &mut Tally) {
    let into = folder();
    let before = fs::read(path.join("library.db")).unwrap();
    tally.facts_before += sound.answers.facts.iter().filter(|fact| fact.state != FactState::Forgotten).count();
    match Library::salvage_with(path, into.path(), Some(&PRINT), key().as_ref(), &mut |_, _| Ok(())) {
        Ok(saved) => {
            tally.salvaged += 1;
            tally.facts_saved += saved.facts as usize;
            let fingerprint_kept = try_open(into.path(), &PRINT);
            let library = fingerprint_kept.unwrap_or_else(|error| panic!("{what}: {error}"));
            let facts = library.list(&FactFilter { states: STATES.to_vec(), ..FactFilter::default() }).unwrap();
            let true_once = |fact: &Fact| sound.said.contains(&(fact.id, fact.statement.clone()));
            assert!(facts.iter().all(true_once), "{what}: a salvaged fact was never said");
            library.close().unwrap();
            assert_eq!(check(into.path()).unwrap().findings, [], "{what}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::LibraryCorrupt, "{what}: {error}"),
    }
    assert!(fs::read(path.join("library.db")).unwrap() == before, "{what}: a salvage has touched the damaged library");
}
