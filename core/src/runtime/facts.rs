//! Telling facts: everything under which one is to be found is embedded first.

use super::session::Session;
use super::{Inner, Runtime};
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::library::{
    Amendment, Conflict, ImageKey, Key, Library, MAX_IMAGE_KEYS, MAX_TEXT_CHARS, MAX_TEXT_KEYS, NewRecord, TextKey,
};
use crate::lifecycle::Work;
use crate::pipeline::OnPhoto;
use crate::trace::StageTimes;
use crate::types::{Fact, FactId, NewFact};

/// Longer side of the small copies that a library may keep of photos, in pixels.
const THUMBNAIL_SIDE: u32 = 256;

impl Runtime {
    /// Stores a correction under its photos and texts; the statement itself is always one of the texts.
    ///
    /// # Errors
    /// `InvalidInput` for a field beyond its limits (see [`NewFact`]), `UnsupportedImage` for a photo that can't be
    /// used, `ReadOnly`, `StorageFull`, `Backgrounded`, `Closed`. The library is then as it was.
    pub fn add_fact(&self, fact: NewFact) -> Result<Fact> {
        let (session, library) = self.begin_change()?;
        library.add(session.embed_fact(fact)?)
    }

    /// Active facts that a new one would collide with: the same subject with another target, or a photo at least as similar
    /// as `similarity` (cosine, -1 to 1; 0.95 is nearly the same picture). Nothing is stored. What was embedded for this is
    /// kept for [`Runtime::add_fact`].
    ///
    /// # Errors
    /// As [`Runtime::add_fact`].
    pub fn conflicts(&self, fact: &NewFact, similarity: f32) -> Result<Vec<Conflict>> {
        let (session, library) = self.begin_change()?;
        library.conflicts(&session.embed_fact(fact.clone())?, similarity)
    }

    /// Stores a correction in place of several others, as one change.
    ///
    /// # Errors
    /// As [`Runtime::replace_fact`]; `InvalidInput` when none is named.
    pub fn replace_facts(&self, old: &[FactId], fact: NewFact) -> Result<Fact> {
        if old.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "no fact is named that is to be replaced: add the new one",
            ));
        }
        let (session, library) = self.begin_change()?;
        library.supersede_all(old, &session.embed_fact(fact)?)
    }

    /// Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both
    /// back.
    ///
    /// # Errors
    /// As [`Runtime::add_fact`]; `NotFound` for the old fact.
    pub fn replace_fact(&self, old: FactId, fact: NewFact) -> Result<Fact> {
        let (session, library) = self.begin_change()?;
        library.supersede(old, &session.embed_fact(fact)?)
    }

    /// Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is found
    /// by, and a new statement takes the old one's place among the texts.
    ///
    /// # Errors
    /// As [`Runtime::add_fact`]; `NotFound`.
    pub fn edit_fact(&self, id: FactId, fact: NewFact) -> Result<Fact> {
        let (session, library) = self.begin_change()?;
        let old = library.get(id)?;
        let keys = library.keys(id)?;
        let has = |text: &String| keys.iter().any(|key| key.text.as_ref() == Some(text));
        let NewRecord { fact, images, mut texts } = session.embed_fact(fact)?;
        let outdated = |key: &&Key| fact.statement != old.statement && key.text.as_ref() == Some(&old.statement);
        let remove = keys.iter().filter(outdated).map(|key| key.id).collect();
        texts.retain(|key| !has(&key.text));
        library.edit(id, &Amendment { fact, add_images: images, add_texts: texts, remove })
    }

    /// Lets a disabled fact fire again.
    pub fn enable(&self, id: FactId) -> Result<Fact> {
        self.begin_change()?.1.enable(id)
    }

    /// Keeps a fact from firing until it is enabled.
    pub fn disable(&self, id: FactId) -> Result<Fact> {
        self.begin_change()?.1.disable(id)
    }

    /// Deletes a fact; its history stays.
    pub fn delete(&self, id: FactId) -> Result<Fact> {
        self.begin_change()?.1.delete(id)
    }

    /// Begins work on a library that can be changed now: no photo is embedded for one that can't.
    pub(super) fn begin_change(&self) -> Result<(Session, &Library)> {
        let session = Session::begin(&self.inner, Work::Plain)?;
        let library = self.inner.library.as_ref().filter(|library| !library.is_read_only());
        let read_only = || Error::new(ErrorKind::ReadOnly, "the library was opened for reading only");
        let library = library.ok_or_else(read_only)?;
        library.require_here()?;
        Ok((session, library))
    }
}

impl Session {
    /// Embeds everything under which a fact is to be found.
    fn embed_fact(&self, mut fact: NewFact) -> Result<NewRecord> {
        let photos = std::mem::take(&mut fact.images);
        let mut texts = vec![fact.statement.clone()];
        texts.append(&mut fact.texts);
        texts.dedup();
        check_keys(photos.len(), &texts)?;
        let cancel = self.token(&CancelToken::new());
        let images = photos.iter().map(|photo| self.inner.image_key(photo, &cancel)).collect::<Result<_>>()?;
        let texts = texts.into_iter().map(|text| self.inner.text_key(text, &cancel)).collect::<Result<_>>()?;
        Ok(NewRecord { fact, images, texts })
    }
}

impl Inner {
    fn image_key(&self, photo: &[u8], cancel: &CancelToken) -> Result<ImageKey> {
        let mut decoded = None;
        let mut on_photo = |photo, _| decoded = Some(photo);
        let on_photo: Option<OnPhoto<'_>> = if self.keep_thumbnails { Some(&mut on_photo) } else { None };
        let embedded = self.held.photo(photo, on_photo, cancel, &mut StageTimes::default())?;
        let thumbnail = decoded.map(|photo| photo.thumbnail(THUMBNAIL_SIDE)).transpose()?;
        Ok(ImageKey { raw: embedded.raw.clone(), embedding: embedded.projected.clone(), thumbnail })
    }

    fn text_key(&self, text: String, cancel: &CancelToken) -> Result<TextKey> {
        let embedded = self.held.text(&text, cancel, &mut StageTimes::default())?;
        Ok(TextKey { text, raw: embedded.raw.clone(), embedding: embedded.projected.clone() })
    }
}

/// The limits that must hold before any key is embedded, which takes time; the library checks everything else.
fn check_keys(photos: usize, texts: &[String]) -> Result<()> {
    let invalid = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
    if photos > MAX_IMAGE_KEYS {
        return invalid(format!("{photos} photos: at most {MAX_IMAGE_KEYS} are allowed"));
    }
    if texts.len() > MAX_TEXT_KEYS {
        return invalid(format!(
            "{} texts besides the statement: at most {} are allowed",
            texts.len() - 1,
            MAX_TEXT_KEYS - 1
        ));
    }
    for (at, text) in texts.iter().enumerate() {
        let name = if at == 0 { "statement" } else { "key text" };
        if text.trim().is_empty() {
            return invalid(format!("the {name} is empty"));
        }
        if text.len() > MAX_TEXT_CHARS * 4 || text.chars().count() > MAX_TEXT_CHARS {
            return invalid(format!("the {name} is longer than {MAX_TEXT_CHARS} characters"));
        }
    }
    Ok(())
}
