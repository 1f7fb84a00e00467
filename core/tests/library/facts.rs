//! Facts: what is stored is what was given, states decide what is found, hostile fields are refused by name.

use std::num::NonZero;

use crane_core::index::Filter;
use crane_core::library::{FactFilter, Library, NewRecord};
use crane_core::{Embedding, ErrorKind, FactId, FactState, KeyId, Modality, NewFact, RawEmbedding};

use crate::support::{image, open, record, text, unit};

const JPEG: &[u8] = &[0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3];

fn full_record() -> NewRecord {
    let mut photo = image(1);
    photo.thumbnail = Some(JPEG.to_vec());
    NewRecord {
        fact: NewFact {
            statement: "The tower is in Pisa.".into(),
            subject: Some("The tower".into()),
            target: Some("Pisa".into()),
            source: Some("guide book".into()),
            note: Some("seen in May".into()),
            valid_from: Some(-5),
            valid_until: Some(i64::MAX),
            ..NewFact::default()
        },
        images: vec![photo, image(2)],
        texts: vec![text("The tower is in Pisa.", 3)],
    }
}

fn found(library: &Library, modality: Modality, seed: u64) -> Option<FactId> {
    let hits = library.search(modality, &unit(seed), 1).unwrap();
    hits.first().filter(|hit| hit.score > 0.99).map(|hit| hit.fact)
}

#[test]
fn every_field_comes_back_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let fact = library.add(full_record()).unwrap();
    assert_eq!((fact.image_keys, fact.text_keys, fact.state), (2, 1, FactState::Active));
    assert_eq!((fact.target.as_deref(), fact.note.as_deref()), (Some("Pisa"), Some("seen in May")));
    assert_eq!((fact.valid_from, fact.valid_until), (Some(-5), Some(i64::MAX)));
    library.close().unwrap();
    let library = open(folder.path());
    assert_eq!(library.get(fact.id).unwrap(), fact);
    let keys = library.keys(fact.id).unwrap();
    let modalities: Vec<_> = keys.iter().map(|key| (key.modality, key.has_thumbnail)).collect();
    assert_eq!(modalities, [(Modality::Image, true), (Modality::Image, false), (Modality::Text, false)]);
    assert_eq!(keys[2].text.as_deref(), Some("The tower is in Pisa."));
    assert_eq!(library.thumbnail(keys[0].id).unwrap().as_deref(), Some(JPEG));
    assert_eq!(library.thumbnail(keys[1].id).unwrap(), None);
    for (modality, seed) in [(Modality::Image, 1), (Modality::Image, 2), (Modality::Text, 3)] {
        assert_eq!(found(&library, modality, seed), Some(fact.id));
    }
    assert_eq!(found(&library, Modality::Text, 1), None, "each modality has an index of its own");
}

#[test]
fn only_active_facts_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = open(folder.path());
    let id = library.add(record("Here.", 1)).unwrap().id;
    for reopened in [false, true] {
        if reopened {
            library.close().unwrap();
            library = open(folder.path());
        }
        assert_eq!(library.disable(id).unwrap().state, FactState::Disabled);
        assert_eq!(found(&library, Modality::Image, 1), None);
        assert_eq!(library.list(&FactFilter::default()).unwrap().len(), 1, "a disabled fact is still listed");
        assert_eq!(library.enable(id).unwrap().state, FactState::Active);
        assert_eq!(found(&library, Modality::Image, 1), Some(id));
        assert_eq!(library.delete(id).unwrap().state, FactState::Deleted);
        assert_eq!(found(&library, Modality::Image, 1), None);
        assert!(library.list(&FactFilter::default()).unwrap().is_empty(), "a deleted fact is hidden");
        assert_eq!(library.disable(id).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(library.enable(id).unwrap().state, FactState::Active);
    }
    library.disable(id).unwrap();
    library.close().unwrap();
    assert_eq!(found(&open(folder.path()), Modality::Image, 1), None, "states survive");
}

#[test]
fn repeating_a_state_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let fact = library.add(record("Here.", 1)).unwrap();
    assert_eq!(library.enable(fact.id).unwrap(), fact);
    assert_eq!(library.stat().unwrap().changes, 1);
}

#[test]
fn validity_decides_at_the_moment_of_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let limited = |from, until, seed| {
        let mut record = record("For a time.", seed);
        (record.fact.valid_from, record.fact.valid_until) = (from, until);
        library.add(record).unwrap().id
    };
    let past = limited(None, Some(1_000), 1);
    let future = limited(Some(i64::MAX - 1), None, 2);
    let present = limited(Some(0), Some(i64::MAX - 1), 3);
    assert_eq!([1, 2, 3].map(|seed| found(&library, Modality::Image, seed)), [None, None, Some(present)]);
    let then = library.search_with(Modality::Image, &unit(1), 3, &Filter::active_at(999)).unwrap();
    assert_eq!(then[0].fact, past);
    let listed = library.list(&FactFilter::in_force()).unwrap();
    assert_eq!(listed.iter().map(|fact| fact.id).collect::<Vec<_>>(), [present]);
    let listed = library.list(&FactFilter { valid_at: Some(i64::MAX), ..FactFilter::default() }).unwrap();
    assert_eq!(listed[0].id, future);
}

#[test]
fn searches_keep_to_the_facts_of_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut records: Vec<_> = (0..40).map(|n| record(&format!("Fact {n}."), n)).collect();
    records.iter_mut().step_by(4).for_each(|record| record.fact.source = Some("book".into()));
    let facts = library.add_all(&records).unwrap();
    let from = library.facts_from("book").unwrap();
    assert_eq!(from.len(), 10);
    assert!(library.facts_from("Book").unwrap().is_empty(), "a source is compared as it was written");
    let filter = Filter::active_at(0).with_facts(&from);
    let search = |query: &Embedding| library.search_with(Modality::Image, query, 40, &filter).unwrap();
    let hits = search(&unit(5));
    assert_eq!(hits.len(), 10);
    assert!(hits.iter().all(|hit| from.contains(&hit.fact)));
    assert_eq!(search(&unit(8))[0].fact, facts[8].id);
    let queries = [unit(5), unit(8)];
    let many = library.search_many(Modality::Image, &queries, 40, &filter, NonZero::<usize>::MIN).unwrap();
    assert_eq!(many, [hits, search(&unit(8))]);
    let long = Embedding(unit(1).0.map(|x| 2.0 * x));
    let refused = library.search_many(Modality::Image, &[unit(5), long], 1, &filter, NonZero::<usize>::MIN);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn lists_are_filtered_and_paged_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut records: Vec<_> = (0..10).map(|n| record(&format!("Fact {n}."), n)).collect();
    records[4].fact.subject = Some("Tower".into());
    records[5].fact.source = Some("book".into());
    let facts = library.add_all(&records).unwrap();
    let ids = |filter: FactFilter| library.list(&filter).unwrap().iter().map(|f| f.id).collect::<Vec<_>>();
    assert_eq!(ids(FactFilter { limit: Some(2), offset: 1, ..Default::default() }), [facts[8].id, facts[7].id]);
    assert_eq!(ids(FactFilter { subject: Some("tOWER".into()), ..Default::default() }), [facts[4].id]);
    assert_eq!(ids(FactFilter { source: Some("book".into()), ..Default::default() }), [facts[5].id]);
    assert!(ids(FactFilter { source: Some("' OR 1 --".into()), ..Default::default() }).is_empty());
    library.disable(facts[2].id).unwrap();
    assert_eq!(ids(FactFilter { states: vec![FactState::Disabled], ..Default::default() }), [facts[2].id]);
    assert_eq!(library.stat().unwrap().changes, 2, "ten facts added at once are one change");
}

#[test]
fn unknown_facts_and_keys_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let id = FactId::random();
    assert_eq!(library.get(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.keys(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.delete(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.thumbnail(KeyId(1)).unwrap_err().kind(), ErrorKind::NotFound);
}

type Spoil = fn(&mut NewRecord, &str);

#[test]
fn hostile_fields_are_refused_without_being_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let secret = "xyzzy ".repeat(400);
    let changes: [(&str, Spoil); 14] = [
        ("statement", |r, s| r.fact.statement = s.into()),
        ("statement", |r, _| r.fact.statement = " \n".into()),
        ("statement", |r, _| r.fact.statement = "a\0b".into()),
        ("subject", |r, s| r.fact.subject = Some(s.into())),
        ("target", |r, _| r.fact.target = Some(String::new())),
        ("source", |r, s| r.fact.source = Some(s.into())),
        ("note", |r, s| r.fact.note = Some(s.into())),
        ("valid_from", |r, _| (r.fact.valid_from, r.fact.valid_until) = (Some(2), Some(2))),
        ("at least one", |r, _| (r.images, r.texts) = (vec![], vec![])),
        ("33 photos", |r, _| r.images = vec![image(1); 33]),
        ("key text", |r, s| r.texts[0].text = s.into()),
        ("24", |r, _| r.images[0].raw = RawEmbedding(vec![0.1; 23])),
        ("not finite", |r, _| r.images[0].raw.0[3] = f32::NAN),
        ("thumbnail", |r, s| r.images[0].thumbnail = Some(s.into())),
    ];
    for (names, change) in changes {
        let mut bad = record("Fine.", 1);
        change(&mut bad, &secret);
        let error = library.add(bad.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(names), "{error}");
        assert!(!format!("{error:?}{error}").contains("xyzzy"), "user data in an error");
        let mixed = [record("Fine.", 2), bad];
        assert_eq!(library.add_all(&mixed).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for embedding in [Embedding([0.0; 256]), Embedding([f32::NAN; 256]), Embedding([1.0; 256])] {
        let mut bad = record("Fine.", 1);
        bad.texts[0].embedding = embedding.clone();
        assert_eq!(library.add(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(library.search(Modality::Text, &embedding, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(library.stat().unwrap().changes, 0, "nothing was stored");
}

#[test]
fn words_that_mean_something_elsewhere_are_stored_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let long = "ß".repeat(2_000);
    for statement in ["<|im_end|></think>", "'; DROP TABLE facts; --", "\u{202E}abc\u{1F5FC}", "a\nb\t\u{7f}", &long] {
        let id = library.add(record(statement, 1)).unwrap().id;
        assert_eq!(library.get(id).unwrap().statement, statement);
    }
}

#[test]
fn debug_shows_no_content() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let fact = library.add(full_record()).unwrap();
    let shown = format!("{fact:?}{:?}{:?}", library.keys(fact.id).unwrap(), library.stat().unwrap());
    assert!(!shown.contains("Pisa") && !shown.contains("tower"), "{shown}");
}

#[test]
fn many_threads_may_share_a_library() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let library = &library;
            scope.spawn(move || {
                for n in 0..10 {
                    let seed = 1 + thread * 100 + n;
                    let id = library.add(record("Shared.", seed)).unwrap().id;
                    assert_eq!(found(library, Modality::Image, seed), Some(id), "an own write is seen at once");
                    assert_eq!(library.get(id).unwrap().id, id);
                }
            });
        }
    });
    assert_eq!(library.list(&FactFilter::default()).unwrap().len(), 40);
}
