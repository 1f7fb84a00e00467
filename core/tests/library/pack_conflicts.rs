//! What an import finds in its way, and the three ways to go on.

use crane_core::library::pack::{ExportOptions, ImportConflict, ImportOptions, ImportPreview, OnConflict};
use crane_core::library::{Amendment, Collision, Library, NewRecord};
use crane_core::{FactId, FactState, NewFact};

use crate::pack::{everything, exported, import, library, quiet, read};
use crate::support::record;

fn named(statement: &str, seed: u64, subject: &str, target: &str) -> NewRecord {
    let mut record = record(statement, seed);
    (record.fact.subject, record.fact.target) = (Some(subject.into()), Some(target.into()));
    record
}

fn preview(library: &Library, bytes: &[u8]) -> ImportPreview {
    library.preview_import(&mut read(bytes).unwrap(), &ImportOptions::default(), &mut quiet).unwrap()
}

fn edit(library: &Library, id: FactId, statement: &str) {
    let fact = NewFact { statement: statement.into(), ..NewFact::default() };
    library.edit(id, &Amendment { fact, ..Amendment::default() }).unwrap();
}

fn states(library: &Library) -> Vec<(String, FactState)> {
    let mut facts: Vec<_> = everything(library).into_iter().map(|fact| (fact.statement, fact.state)).collect();
    facts.sort_by(|one, other| one.0.cmp(&other.0));
    facts
}

/// Two libraries with a fact of the same subject, one of the same picture, one of the same id, and one that is new.
struct Clash {
    _folders: [tempfile::TempDir; 2],
    to: Library,
    bytes: Vec<u8>,
    /// Of the pack: by subject, by picture, by id, new, disabled.
    theirs: [FactId; 5],
    /// Of the library: by subject, by picture.
    mine: [FactId; 2],
}

impl Clash {
    fn new() -> Self {
        let ((a, from), (b, to)) = (library(), library());
        let shared = from.add(record("Shared.", 30)).unwrap().id;
        import(&to, &exported(&from, &ExportOptions::default()), OnConflict::Skip);
        edit(&from, shared, "Shared, theirs.");
        edit(&to, shared, "Shared, mine.");
        let subject = from.add(named("Theirs: Oxford.", 1, "College", "Oxford")).unwrap().id;
        let picture = from.add(record("Theirs: a lion.", 2)).unwrap().id;
        let new = from.add(record("Theirs: new.", 3)).unwrap().id;
        let disabled = from.add(named("Theirs: off.", 1, "college", "Bath")).unwrap().id;
        from.disable(disabled).unwrap();
        let mine = [
            to.add(named("Mine: Cambridge.", 11, "COLLEGE", "Cambridge")).unwrap().id,
            to.add(record("Mine: an eagle.", 2)).unwrap().id,
        ];
        let bytes = exported(&from, &ExportOptions::default());
        Self { _folders: [a, b], to, bytes, theirs: [subject, picture, shared, new, disabled], mine }
    }
}

#[test]
fn the_preview_says_what_is_new_same_and_conflicting_and_stores_nothing() {
    let clash = Clash::new();
    let [subject, picture, shared, new, disabled] = clash.theirs;
    let before = (everything(&clash.to), clash.to.stat().unwrap().changes);
    let found = preview(&clash.to, &clash.bytes);
    assert_eq!((found.new, found.same.len()), (vec![new, disabled], 0));
    assert_eq!(
        found.conflicts.iter().map(|c| (c.fact, c.differs)).collect::<Vec<_>>(),
        [(shared, true), (subject, false), (picture, false)]
    );
    let with = |conflict: &ImportConflict| conflict.with.iter().map(|c| (c.fact, c.collision)).collect::<Vec<_>>();
    assert!(with(&found.conflicts[0]).is_empty());
    assert_eq!(with(&found.conflicts[1]), [(clash.mine[0], Collision::Subject)]);
    let pictures = with(&found.conflicts[2]);
    assert!(matches!(pictures[..], [(id, Collision::Picture(score))] if id == clash.mine[1] && score > 0.99));
    assert_eq!((everything(&clash.to), clash.to.stat().unwrap().changes), before);
}

#[test]
fn skipping_leaves_the_library_as_it_is() {
    let clash = Clash::new();
    let before = states(&clash.to);
    let report = import(&clash.to, &clash.bytes, OnConflict::Skip);
    assert_eq!((report.added.len(), report.skipped.len(), report.superseded.len()), (2, 3, 0));
    let mine: Vec<_> =
        states(&clash.to).into_iter().filter(|(statement, _)| !statement.starts_with("Theirs")).collect();
    assert_eq!(mine, before);
    let again = import(&clash.to, &clash.bytes, OnConflict::Skip);
    assert_eq!((again.change, again.same, again.skipped.len()), (None, 2, 3));
}

#[test]
fn keeping_both_adds_beside_and_only_once() {
    let clash = Clash::new();
    let report = import(&clash.to, &clash.bytes, OnConflict::KeepBoth);
    assert_eq!((report.added.len(), report.replaced.len(), report.superseded.len()), (5, 0, 0));
    use FactState::{Active, Disabled};
    let expected = [
        ("Mine: Cambridge.", Active),
        ("Mine: an eagle.", Active),
        ("Shared, mine.", Active),
        ("Shared, theirs.", Active),
        ("Theirs: Oxford.", Active),
        ("Theirs: a lion.", Active),
        ("Theirs: new.", Active),
        ("Theirs: off.", Disabled),
    ];
    assert_eq!(states(&clash.to), expected.map(|(statement, state)| (statement.to_owned(), state)));
    let shared = clash.theirs[2];
    assert_eq!(clash.to.get(shared).unwrap().statement, "Shared, mine.", "the id is the library's");
    for policy in [OnConflict::KeepBoth, OnConflict::Skip] {
        assert_eq!(import(&clash.to, &clash.bytes, policy).change, None, "nothing is left to add");
    }
    assert!(clash.to.undo().unwrap().unwrap().facts.len() == 5 && everything(&clash.to).len() == 3);
}

#[test]
fn superseding_lets_the_pack_count_and_one_undo_takes_it_back() {
    let clash = Clash::new();
    let before = everything(&clash.to);
    let report = import(&clash.to, &clash.bytes, OnConflict::Supersede);
    let [subject, picture, shared, new, disabled] = clash.theirs;
    assert_eq!(report.added, [subject, picture, new, disabled]);
    assert_eq!((report.replaced, report.superseded), (vec![shared], clash.mine.to_vec()));
    use FactState::{Active, Disabled, Superseded};
    let expected = [
        ("Mine: Cambridge.", Superseded),
        ("Mine: an eagle.", Superseded),
        ("Shared, theirs.", Active),
        ("Theirs: Oxford.", Active),
        ("Theirs: a lion.", Active),
        ("Theirs: new.", Active),
        ("Theirs: off.", Disabled),
    ];
    assert_eq!(states(&clash.to), expected.map(|(statement, state)| (statement.to_owned(), state)));
    assert_eq!(clash.to.get(subject).unwrap().supersedes, Some(clash.mine[0]));
    let again = import(&clash.to, &clash.bytes, OnConflict::Supersede);
    assert_eq!((again.change, again.same), (None, 5), "all of it is here now");
    clash.to.undo().unwrap();
    assert_eq!(everything(&clash.to), before);
    clash.to.redo().unwrap();
    assert_eq!(states(&clash.to), expected.map(|(statement, state)| (statement.to_owned(), state)));
}

#[test]
fn facts_that_their_exporter_had_side_by_side_do_not_collide() {
    let ((_a, from), (_b, to)) = (library(), library());
    from.add(named("One.", 1, "College", "Oxford")).unwrap();
    import(&to, &exported(&from, &ExportOptions::default()), OnConflict::Skip);
    let both = from.add(named("Another.", 2, "College", "Cambridge")).unwrap().id;
    let bytes = exported(&from, &ExportOptions::default());
    assert_eq!(preview(&to, &bytes).new, [both]);
    assert_eq!(import(&to, &bytes, OnConflict::Supersede).superseded, []);
}

#[test]
fn what_was_superseded_elsewhere_becomes_superseded_here() {
    let ((_a, from), (_b, to)) = (library(), library());
    let old = from.add(named("Old.", 1, "College", "Oxford")).unwrap().id;
    import(&to, &exported(&from, &ExportOptions::default()), OnConflict::Skip);
    let new = from.supersede(old, &named("New.", 2, "College", "Cambridge")).unwrap().id;
    let bytes = exported(&from, &ExportOptions::default());
    let report = import(&to, &bytes, OnConflict::Skip);
    assert_eq!((report.change, report.skipped), (None, vec![old, new]), "half of it would be two facts in force");
    let report = import(&to, &bytes, OnConflict::Supersede);
    assert_eq!((report.replaced, report.added), (vec![old], vec![new]));
    assert_eq!(to.get(old).unwrap().state, FactState::Superseded);
    assert_eq!(to.get(new).unwrap().supersedes, Some(old));
    assert_eq!(preview(&to, &bytes).same.len(), 2);
}
