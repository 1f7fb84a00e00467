//! What a library must hold after a sequence of operations, worked out without the library.

use std::collections::{BTreeMap, BTreeSet};

use crane_core::{FactState, Modality};

/// A fact's number, in the order of adding.
pub type Label = u32;

/// One thing that can be done to a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Open,
    /// That many facts, in one change.
    Add(u32),
    /// New words and one more text; the key at this place is taken away.
    Edit(Label, Option<usize>),
    Supersede(Label),
    Set(Label, FactState),
    Undo,
    Redo,
    /// As it was after that change.
    Restore(Label, usize),
    Forget(Label),
    Flush,
    Suspend,
    Reopen,
}

/// A key's vector and words follow from its number, and so does whether it is a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyNumber(pub u64);

impl KeyNumber {
    fn new(label: Label, nth: u32, modality: Modality) -> Self {
        Self((u64::from(label) * 256 + u64::from(nth)) * 2 + u64::from(modality == Modality::Text))
    }

    pub fn modality(self) -> Modality {
        if self.0.is_multiple_of(2) { Modality::Image } else { Modality::Text }
    }
}

/// A fact as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which of its wordings.
    pub version: u32,
    pub state: FactState,
    pub supersedes: Option<Label>,
    /// In the order of adding.
    pub keys: Vec<KeyNumber>,
}

#[derive(Clone, Debug)]
struct Touch {
    label: Label,
    before: Option<Known>,
    after: Option<Known>,
}

/// A row of the history; its number is its place, from 1.
#[derive(Clone, Debug)]
pub struct Change {
    pub op: &'static str,
    pub undoes: Option<usize>,
    touched: Vec<Touch>,
}

/// What was ever said of a fact, and so must not be found once it is forgotten.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub versions: u32,
    pub keys: Vec<KeyNumber>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub facts: BTreeMap<Label, Known>,
    pub changes: Vec<Change>,
    pub forgotten: BTreeSet<Label>,
    /// How many of those are still listed: the others were undone before.
    pub husks: usize,
    pub said: BTreeMap<Label, Said>,
}

impl Model {
    pub fn next_label(&self) -> Label {
        self.said.len() as Label
    }

    /// The keys that a new fact gets: one or two photos, then a text.
    pub fn new_keys(label: Label) -> Vec<KeyNumber> {
        let photos = 1 + label % 2;
        let keys = (0..photos).map(|nth| KeyNumber::new(label, nth, Modality::Image));
        keys.chain([KeyNumber::new(label, photos, Modality::Text)]).collect()
    }

    /// The text that the next edit of a fact adds.
    pub fn next_key(&self, label: Label) -> KeyNumber {
        KeyNumber::new(label, self.said[&label].keys.len() as u32, Modality::Text)
    }

    /// Facts whose undone or deleted state still has content, so that they can be forgotten.
    pub fn forgettable(&self) -> Vec<Label> {
        self.said.keys().copied().filter(|label| !self.forgotten.contains(label)).collect()
    }

    /// The changes after which a fact was there.
    pub fn restorable(&self, label: Label) -> Vec<usize> {
        let known = |seq: &usize| self.known_after(label, *seq).is_some();
        if self.forgotten.contains(&label) { Vec::new() } else { (1..=self.changes.len()).filter(known).collect() }
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Open | Op::Flush | Op::Suspend | Op::Reopen => {}
            Op::Add(count) => {
                let touched = (0..*count).map(|_| self.insert(None)).collect();
                self.push("add", None, touched);
            }
            Op::Edit(label, removed) => self.edit(*label, *removed),
            Op::Supersede(old) => {
                let replaced = Known { state: FactState::Superseded, ..self.facts[old].clone() };
                let touched = vec![self.set(*old, Some(replaced)), self.insert(Some(*old))];
                self.push("supersede", None, touched);
            }
            Op::Set(label, state) => {
                if self.facts[label].state != *state {
                    let changed = Known { state: *state, ..self.facts[label].clone() };
                    let touched = vec![self.set(*label, Some(changed))];
                    self.push(op_name(*state), None, touched);
                }
            }
            Op::Undo => self.turn_back("undo", self.undoable()),
            Op::Redo => self.turn_back("redo", self.redoable()),
            Op::Restore(label, seq) => {
                let touched = vec![self.set(*label, self.known_after(*label, *seq))];
                self.push("restore", None, touched);
            }
            Op::Forget(label) => {
                self.husks += usize::from(self.facts.remove(label).is_some());
                self.forgotten.insert(*label);
                self.push("forget", None, Vec::new());
            }
        }
    }

    fn insert(&mut self, supersedes: Option<Label>) -> Touch {
        let label = self.next_label();
        let keys = Self::new_keys(label);
        self.said.insert(label, Said { versions: 1, keys: keys.clone() });
        self.set(label, Some(Known { version: 0, state: FactState::Active, supersedes, keys }))
    }

    fn edit(&mut self, label: Label, removed: Option<usize>) {
        let added = self.next_key(label);
        let said = self.said.get_mut(&label).unwrap();
        let mut known = self.facts[&label].clone();
        known.version = said.versions;
        known.keys.extend([added]);
        removed.map(|at| known.keys.remove(at));
        said.versions += 1;
        said.keys.push(added);
        let touched = vec![self.set(label, Some(known))];
        self.push("edit", None, touched);
    }

    fn set(&mut self, label: Label, after: Option<Known>) -> Touch {
        let before = match &after {
            Some(known) => self.facts.insert(label, known.clone()),
            None => self.facts.remove(&label),
        };
        Touch { label, before, after }
    }

    fn push(&mut self, op: &'static str, undoes: Option<usize>, touched: Vec<Touch>) {
        self.changes.push(Change { op, undoes, touched });
    }

    fn turn_back(&mut self, op: &'static str, seq: Option<usize>) {
        let Some(seq) = seq else { return };
        let touched = self.remembered(seq).cloned().collect::<Vec<_>>();
        let touched = touched.into_iter().map(|touch| self.set(touch.label, touch.before)).collect();
        self.push(op, Some(seq), touched);
    }

    /// What a change did, as far as it is not forgotten.
    fn remembered(&self, seq: usize) -> impl Iterator<Item = &Touch> {
        self.changes[seq - 1].touched.iter().filter(|touch| !self.forgotten.contains(&touch.label))
    }

    fn known_after(&self, label: Label, seq: usize) -> Option<Known> {
        let touches = self.changes[..seq].iter().rev().flat_map(|change| &change.touched);
        touches.into_iter().find(|touch| touch.label == label).and_then(|touch| touch.after.clone())
    }

    fn newest(&self, matches: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        let mut seqs = (1..=self.changes.len()).rev();
        seqs.find(|seq| self.remembered(*seq).next().is_some() && matches(self, *seq))
    }

    fn undoable(&self) -> Option<usize> {
        self.newest(|model, seq| {
            let stands = |undo: usize| !model.turned_back("redo", undo);
            let undone = model.turning_back("undo", seq).any(stands);
            !matches!(model.changes[seq - 1].op, "undo" | "redo" | "forget") && !undone
        })
    }

    fn redoable(&self) -> Option<usize> {
        let ordinary = |change: &Change| !matches!(change.op, "undo" | "redo");
        let barrier = self.changes.iter().rposition(ordinary).map_or(0, |at| at + 1);
        self.newest(|model, seq| {
            model.changes[seq - 1].op == "undo" && seq > barrier && !model.turned_back("redo", seq)
        })
    }

    fn turned_back(&self, op: &str, seq: usize) -> bool {
        self.turning_back(op, seq).next().is_some()
    }

    fn turning_back(&self, op: &str, seq: usize) -> impl Iterator<Item = usize> {
        let matches = move |change: &Change| change.op == op && change.undoes == Some(seq);
        (1..).zip(&self.changes).filter(move |(_, change)| matches(change)).map(|(seq, _)| seq)
    }
}

fn op_name(state: FactState) -> &'static str {
    match state {
        FactState::Active => "enable",
        FactState::Disabled => "disable",
        FactState::Deleted => "delete",
        FactState::Superseded | FactState::Forgotten => unreachable!("no operation sets it"),
    }
}
