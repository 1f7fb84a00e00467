//! Does what a script says to a real library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crane_core::library::{Amendment, ImageKey, Library, NewRecord, TextKey};
use crane_core::{FactId, FactState, Modality, NewFact, Result};

use crate::model::{KeyNumber, Label, Model, Op};
use crate::script::Numbers;
use crate::support::{PRINT, raw, try_open, unit};

/// A word of twelve letters for a number; no two begin alike.
pub fn word(number: u64) -> String {
    let mut numbers = Numbers(number ^ 0x5EED);
    (0..12).map(|_| char::from(b'a' + numbers.below(26) as u8)).collect()
}

/// The words of a wording: in the statement, and as the subject.
pub fn words_of(label: Label, version: u32) -> [String; 2] {
    let number = (u64::from(label) << 16 | u64::from(version)) << 1;
    [word(number), word(number | 1)]
}

/// The word of a text key.
pub fn word_of(key: KeyNumber) -> String {
    word(1 << 60 | key.0)
}

pub fn statement(label: Label, version: u32) -> String {
    format!("{} stands here.", words_of(label, version)[0])
}

fn fields(label: Label, version: u32) -> NewFact {
    let [told, subject] = words_of(label, version);
    let (source, note) = (Some("a script".into()), Some(format!("As {told} said.")));
    NewFact { statement: statement(label, version), subject: Some(subject), source, note, ..NewFact::default() }
}

fn text_key(key: KeyNumber) -> TextKey {
    TextKey { text: format!("{} is a key.", word_of(key)), raw: raw(key.0), embedding: unit(key.0) }
}

/// A photo; every fourth keeps a copy that fills several pages.
fn image_key(key: KeyNumber) -> ImageKey {
    let copy = || [vec![0xFF, 0xD8, 0xFF], word_of(key).into_bytes().repeat(700)].concat();
    ImageKey { raw: raw(key.0), embedding: unit(key.0), thumbnail: key.0.is_multiple_of(8).then(copy) }
}

fn new_record(label: Label) -> NewRecord {
    let keys = Model::new_keys(label);
    let of = |modality| keys.iter().copied().filter(move |key: &KeyNumber| key.modality() == modality);
    NewRecord {
        fact: fields(label, 0),
        images: of(Modality::Image).map(image_key).collect(),
        texts: of(Modality::Text).map(text_key).collect(),
    }
}

/// A library and the names that its facts have in the script.
pub struct Actor {
    folder: PathBuf,
    library: Option<Library>,
    ids: BTreeMap<Label, FactId>,
}

impl Actor {
    /// Nothing is opened yet.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), library: None, ids: BTreeMap::new() }
    }

    /// Opens a library that is in the state of the model.
    pub fn resume(folder: &Path, model: &Model) -> Result<Self> {
        let mut actor = Self::new(folder);
        actor.open()?;
        actor.learn_names(model)?;
        Ok(actor)
    }

    /// Finds out which fact has which name in the script: every wording is in the history, unless it is forgotten.
    pub fn learn_names(&mut self, model: &Model) -> Result<()> {
        let labels: BTreeMap<String, Label> = (model.said.iter())
            .flat_map(|(label, said)| (0..said.versions).map(|version| (statement(*label, version), *label)))
            .collect();
        let mut ids = BTreeMap::new();
        for entry in self.library().history(None, u32::MAX)? {
            for id in entry.facts {
                let fact = self.library().as_of(id, entry.seq).ok();
                fact.and_then(|fact| labels.get(&fact.statement)).map(|label| ids.insert(*label, id));
            }
        }
        self.ids = ids;
        Ok(())
    }

    pub fn library(&self) -> &Library {
        self.library.as_ref().expect("the script opens before it does anything else")
    }

    pub fn is_open(&self) -> bool {
        self.library.is_some()
    }

    pub fn open(&mut self) -> Result<()> {
        self.library = Some(try_open(&self.folder, &PRINT)?);
        Ok(())
    }

    /// Does one operation to a library that is in the state of the model.
    pub fn run(&mut self, op: &Op, model: &Model) -> Result<()> {
        if !self.is_open() {
            self.open()?;
        }
        match op {
            Op::Open => {}
            Op::Reopen => {
                self.library.take().map_or(Ok(()), |library| library.close())?;
                self.open()?;
            }
            Op::Suspend => {
                self.library().suspend()?;
                self.library().resume()?;
            }
            Op::Add(count) => {
                let labels = model.next_label()..model.next_label() + count;
                let records: Vec<NewRecord> = labels.clone().map(new_record).collect();
                let facts = match &records[..] {
                    [one] => vec![self.library().add(one.clone())?],
                    many => self.library().add_all(many)?,
                };
                self.ids.extend(labels.zip(facts.iter().map(|fact| fact.id)));
            }
            Op::Supersede(old) => {
                let label = model.next_label();
                let id = self.library().supersede(self.ids[old], &new_record(label))?.id;
                self.ids.insert(label, id);
            }
            _ => self.change(op, model)?,
        }
        Ok(())
    }

    fn change(&self, op: &Op, model: &Model) -> Result<()> {
        let (library, id) = (self.library(), |label: &Label| self.ids[label]);
        match op {
            Op::Edit(label, removed) => self
                .amendment(*label, *removed, model)
                .and_then(|amendment| library.edit(id(label), &amendment))
                .map(drop),
            Op::Set(label, FactState::Active) => library.enable(id(label)).map(drop),
            Op::Set(label, FactState::Disabled) => library.disable(id(label)).map(drop),
            Op::Set(label, _) => library.delete(id(label)).map(drop),
            Op::Undo => library.undo().map(drop),
            Op::Redo => library.redo().map(drop),
            Op::Restore(label, seq) => library.restore(id(label), *seq as i64).map(drop),
            Op::Forget(label) => library.forget(id(label)).map(drop),
            _ => library.flush(),
        }
    }

    fn amendment(&self, label: Label, removed: Option<usize>, model: &Model) -> Result<Amendment> {
        let fact = fields(label, model.said[&label].versions);
        let mut keys: Vec<_> = self.library().keys(self.ids[&label])?.into_iter().map(|key| key.id).collect();
        keys.sort_unstable();
        let remove = removed.map(|at| keys[at]).into_iter().collect();
        Ok(Amendment { fact, add_texts: vec![text_key(model.next_key(label))], remove, ..Amendment::default() })
    }
}
