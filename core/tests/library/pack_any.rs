//! Packs of every kind: whatever a library takes, and those of earlier versions.

use std::fs;
use std::path::{Path, PathBuf};

use crane_core::library::pack::{ExportOptions, ImportOptions, OnConflict, Pack, SecretKey};
use crane_core::library::{ImageKey, NewRecord};
use crane_core::{FactState, Modality, NewFact};
use proptest::prelude::*;

use crate::pack::{
    everything, exported, import, jpeg, key_texts, library, lived_in, quiet, thumbnails, without_origin,
};
use crate::support::{image, record, text, unit};

/// Of the golden pack; nobody trusts it.
fn golden_key() -> SecretKey {
    SecretKey::parse(&format!("cranesec1:{}", "07".repeat(32))).unwrap()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/library/pack-1.cranepack")
}

#[test]
fn packs_of_version_1_can_be_read_for_ever() {
    let (_folder, to) = library();
    let mut pack = Pack::open(golden()).unwrap();
    assert_eq!(pack.signer(), Some(golden_key().public()));
    let options = ImportOptions { trusted: vec![golden_key().public()], ..ImportOptions::default() };
    let report = to.import(&mut pack, &options, &mut quiet).unwrap();
    let said: Vec<_> = report.added.iter().map(|id| to.get(*id).unwrap()).collect();
    assert_eq!(
        said.iter().map(|fact| (fact.statement.as_str(), fact.state)).collect::<Vec<_>>(),
        [
            ("The café stands in Brasenose Lane.", FactState::Superseded),
            ("The tower leans.", FactState::Disabled),
            ("The café has moved.", FactState::Active),
            ("Third.", FactState::Active),
            ("Fourth.", FactState::Active)
        ]
    );
    assert_eq!((said[0].valid_from, said[0].target.as_deref()), (Some(-5), Some("Oxford")));
    assert_eq!(said[2].supersedes, Some(said[0].id));
    assert!(thumbnails(&to, said[0].id).contains(&Some(jpeg(7))));
    let past: Vec<_> = to.past(said[1].id).unwrap().into_iter().map(|entry| entry.op).collect();
    assert_eq!(past, ["add", "edit", "disable"]);
    let hit = to.search(Modality::Image, &unit(20), 1).unwrap();
    assert!(hit.is_empty() || hit[0].fact != said[1].id, "it is disabled");
    assert_eq!(to.search(Modality::Text, &unit(1_000_003), 1).unwrap()[0].fact, said[2].id);
}

#[test]
#[ignore = "writes the golden pack, for a new version of the format only"]
fn write_golden() {
    let (_folder, from) = lived_in();
    let gone = from.add(record("Forgotten.", 9)).unwrap().id;
    from.forget(gone).unwrap();
    let bytes = exported(&from, &ExportOptions { signer: Some(golden_key()), ..ExportOptions::default() });
    fs::write(golden(), bytes).unwrap();
}

/// A record as proptest can show it.
#[derive(Clone, Debug)]
struct Told {
    statement: String,
    names: [Option<String>; 4],
    from: Option<i64>,
    span: Option<i64>,
    images: Vec<(u64, Option<u8>)>,
    texts: Vec<(String, u64)>,
}

impl Told {
    fn record(&self) -> NewRecord {
        let [subject, target, source, note] = self.names.clone();
        let (valid_from, begin) = (self.from, self.from.unwrap_or(0));
        let valid_until = self.span.and_then(|span| begin.checked_add(span));
        let statement = self.statement.clone();
        let fact = NewFact { statement, subject, target, source, note, valid_from, valid_until, ..NewFact::default() };
        let image = |(seed, fill): &(u64, Option<u8>)| ImageKey { thumbnail: fill.map(jpeg), ..image(*seed) };
        let images = self.images.iter().map(image).collect();
        NewRecord { fact, images, texts: self.texts.iter().map(|(words, seed)| text(words, *seed)).collect() }
    }
}

prop_compose! {
    fn told()(
        statement in "[^\0]{0,90}[a-z\u{1F600}][^\0]{0,90}",
        names in proptest::array::uniform4(proptest::option::of("[^\0]{0,40}[a-zé\u{4E2D}][^\0]{0,40}")),
        from in proptest::option::of(any::<i64>()),
        span in proptest::option::of(1..i64::MAX),
        images in proptest::collection::vec((0..5_000_u64, proptest::option::of(any::<u8>())), 0..4),
        texts in proptest::collection::vec(("[^\0]{0,30}[a-z]", 0..5_000_u64), 1..4),
    ) -> Told {
        Told { statement, names, from, span, images, texts }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_a_library_takes_a_pack_carries(told in proptest::collection::vec(told(), 0..6), signed: bool) {
        let ((_a, from), (_b, to)) = (library(), library());
        from.add_all(&told.iter().map(Told::record).collect::<Vec<_>>()).unwrap();
        let signer = signed.then(|| SecretKey::generate().unwrap());
        let bytes = exported(&from, &ExportOptions { signer, ..ExportOptions::default() });
        // Facts of one library don't collide with each other.
        prop_assert_eq!(import(&to, &bytes, OnConflict::Skip).added.len(), told.len());
        prop_assert_eq!(without_origin(everything(&to)), everything(&from));
        prop_assert_eq!(import(&to, &bytes, OnConflict::Skip).same, told.len() as u64);
        for fact in everything(&from) {
            prop_assert_eq!(thumbnails(&to, fact.id), thumbnails(&from, fact.id));
            prop_assert_eq!(key_texts(&to, fact.id), key_texts(&from, fact.id));
        }
    }
}
