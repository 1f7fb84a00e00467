//! Undo, redo, editing, replacing, restoring, conflicts and lookup.

use crane_core::library::{Amendment, Collision, Library};
use crane_core::{ErrorKind, Fact, FactId, FactState, Modality, NewFact};

use crate::support::{image, open, record, text, unit};

fn all(library: &Library) -> Vec<Fact> {
    use FactState::{Active, Deleted, Disabled, Superseded};
    let states = vec![Active, Disabled, Superseded, Deleted];
    library.list(&crane_core::library::FactFilter { states, ..Default::default() }).unwrap()
}

fn found(library: &Library, seed: u64) -> Option<FactId> {
    let hits = library.search(Modality::Image, &unit(seed), 1).unwrap();
    hits.first().filter(|hit| hit.score > 0.99).map(|hit| hit.fact)
}

fn amendment(statement: &str) -> Amendment {
    Amendment { fact: NewFact { statement: statement.into(), ..NewFact::default() }, ..Amendment::default() }
}

#[test]
fn undo_restores_exactly_what_was_there_step_by_step_and_redo_brings_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut states = vec![all(&library)];
    let mut step = |library: &Library| states.push(all(library));
    let first = library.add(record("First.", 1)).unwrap().id;
    step(&library);
    library.disable(first).unwrap();
    step(&library);
    library.enable(first).unwrap();
    step(&library);
    let mut change = amendment("First, corrected.");
    (change.add_images, change.remove) = (vec![image(2)], vec![library.keys(first).unwrap()[0].id]);
    library.edit(first, &change).unwrap();
    step(&library);
    assert_eq!((found(&library, 1), found(&library, 2)), (None, Some(first)));
    let second = library.supersede(first, &record("Second.", 3)).unwrap();
    step(&library);
    assert_eq!(second.supersedes, Some(first));
    assert_eq!((found(&library, 2), found(&library, 3)), (None, Some(second.id)));
    library.add_all(&[record("Third.", 4), record("Fourth.", 5)]).unwrap();
    step(&library);
    library.delete(second.id).unwrap();
    step(&library);
    for _ in 0..2 {
        for state in states.iter().rev().skip(1) {
            assert!(library.undo().unwrap().is_some());
            assert_eq!(&all(&library), state);
        }
        assert!(library.undo().unwrap().is_none(), "nothing is left to undo");
        assert!([1, 2, 3, 4, 5].iter().all(|seed| found(&library, *seed).is_none()));
        for state in states.iter().skip(1) {
            assert!(library.redo().unwrap().is_some());
            assert_eq!(&all(&library), state);
        }
        assert!(library.redo().unwrap().is_none(), "nothing is left to redo");
    }
    assert_eq!(found(&library, 4).map(|id| library.get(id).unwrap().statement), Some("Third.".into()));
    library.close().unwrap();
    assert_eq!(&all(&open(folder.path())), states.last().unwrap());
}

#[test]
fn a_new_change_ends_redo_and_undo_goes_on_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let a = library.add(record("A.", 1)).unwrap().id;
    library.add(record("B.", 2)).unwrap();
    library.undo().unwrap();
    let c = library.add(record("C.", 3)).unwrap().id;
    assert!(library.redo().unwrap().is_none());
    assert_eq!(library.undo().unwrap().unwrap().facts, [c]);
    assert_eq!(library.undo().unwrap().unwrap().facts, [a], "B is undone already");
    assert!(library.undo().unwrap().is_none());
    let ops: Vec<_> = library.history(None, 100).unwrap().into_iter().map(|entry| entry.op).collect();
    assert_eq!(ops, ["undo", "undo", "add", "undo", "add", "add"], "history only grows");
    assert_eq!(library.history(Some(a), 1).unwrap()[0].op, "undo");
}

#[test]
fn any_earlier_state_of_a_fact_can_be_seen_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let first = library.add(record("One.", 1)).unwrap();
    library.edit(first.id, &amendment("Two.")).unwrap();
    library.delete(first.id).unwrap();
    assert_eq!(library.as_of(first.id, 1).unwrap(), first);
    assert_eq!(library.as_of(first.id, 2).unwrap().statement, "Two.");
    assert_eq!(library.as_of(first.id, 0).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.restore(first.id, 1).unwrap(), first);
    assert_eq!(found(&library, 1), Some(first.id));
    library.undo().unwrap();
    assert_eq!(library.get(first.id).unwrap().state, FactState::Deleted);
}

#[test]
fn edits_and_replacements_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let id = library.add(record("One.", 1)).unwrap().id;
    let mut bare = amendment("None left.");
    bare.remove = library.keys(id).unwrap().iter().map(|key| key.id).collect();
    assert_eq!(library.edit(id, &bare).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut foreign = amendment("Not mine.");
    foreign.remove = vec![crane_core::KeyId(99)];
    assert_eq!(library.edit(id, &foreign).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(library.edit(id, &amendment(" ")).unwrap_err().kind(), ErrorKind::InvalidInput);
    let new = library.supersede(id, &record("Two.", 2)).unwrap().id;
    assert_eq!(library.supersede(id, &record("Three.", 3)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(library.enable(id).unwrap_err().kind(), ErrorKind::InvalidInput, "it was replaced");
    assert_eq!(library.get(id).unwrap().state, FactState::Superseded);
    assert_eq!(found(&library, 2), Some(new));
    assert_eq!(library.stat().unwrap().changes, 2, "what was refused left no trace");
}

#[test]
fn conflicts_are_reported_before_anything_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut old = record("The tower is in Pisa.", 1);
    (old.fact.subject, old.fact.target) = (Some("Tower".into()), Some("Pisa".into()));
    let old = library.add(old).unwrap().id;
    let mut new = record("The tower is in Oxford.", 2);
    (new.fact.subject, new.fact.target) = (Some("TOWER".into()), Some("Oxford".into()));
    let conflicts = library.conflicts(&new, 0.9).unwrap();
    assert_eq!(conflicts.iter().map(|c| (c.fact, c.collision)).collect::<Vec<_>>(), [(old, Collision::Subject)]);
    new.fact.target = Some("pisa".into());
    assert!(library.conflicts(&new, 0.9).unwrap().is_empty(), "the same target is no conflict");
    new.images = vec![image(1)];
    assert!(matches!(library.conflicts(&new, 0.9).unwrap()[0].collision, Collision::Picture(score) if score > 0.99));
    library.disable(old).unwrap();
    assert!(library.conflicts(&new, 0.9).unwrap().is_empty(), "only active facts are in the way");
    for none in [f32::NAN, 1.1, -1.1] {
        assert_eq!(library.conflicts(&new, none).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(library.stat().unwrap().active, 0);
}

#[test]
fn people_look_facts_up_by_words() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut one = record("The café stands in Brasenose Lane.", 1);
    one.fact.note = Some("seen in May".into());
    let one = library.add(one).unwrap().id;
    let two = library.add(record("The tower stands in Pisa.", 2)).unwrap().id;
    let lookup = |words: &str| library.lookup(words, 9).unwrap().iter().map(|fact| fact.id).collect::<Vec<_>>();
    assert_eq!(lookup("CAFE"), [one]);
    assert_eq!(lookup("brase"), [one], "the last word may be begun only");
    assert_eq!(lookup("stands pisa"), [two]);
    assert_eq!(lookup("may"), [one]);
    assert!(lookup("oxford").is_empty());
    for hostile in ["\"", "* AND (", "a NOT", "NEAR(", "statement:tower", "-", "^", "'", "{}", "\u{1F5FC}"] {
        assert!(library.lookup(hostile, 9).unwrap().is_empty(), "{hostile}");
    }
    assert_eq!(library.lookup(" ", 9).unwrap_err().kind(), ErrorKind::InvalidInput);
    library.edit(two, &amendment("It leans.")).unwrap();
    assert!(lookup("pisa").is_empty());
    assert_eq!(lookup("leans"), [two]);
    library.undo().unwrap();
    assert_eq!(lookup("pisa"), [two]);
    library.delete(two).unwrap();
    assert!(lookup("pisa").is_empty());
}

#[test]
fn text_keys_of_edits_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let id = library.add(record("One.", 1)).unwrap().id;
    let mut change = amendment("Two.");
    change.add_texts = vec![text("Two.", 50)];
    assert_eq!(library.edit(id, &change).unwrap().text_keys, 2);
    assert_eq!(library.search(Modality::Text, &unit(50), 1).unwrap()[0].fact, id);
}
