//! The structs that go in. Zero is every field's default, and each struct begins with its own size, so that it can grow.

use std::ffi::c_char;
use std::num::NonZeroU32;
use std::time::Duration;

use crane_core::library::FactFilter;
use crane_core::library::pack::{ExportOptions, ImportOptions, OnConflict, SecretKey};
use crane_core::{AskOptions, FactState, NewFact, OpenOptions, Question, Result};
use zeroize::Zeroizing;

use super::args::{self, MAX_ENTRIES, Sized32, invalid, optional_number, optional_text, photo, text};
use crate::shared::{parse_key, parse_public_key};

/// What to open, and how. Begin with `CRANE_OPTIONS_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Options {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// Not 0: open the library for reading only; any number of processes may, and nothing is created.
    pub read_only: i32,
    /// The model bundle's folder.
    pub models: *const c_char,
    /// The library's folder; it is created where there is none.
    pub library: *const c_char,
    /// Not 0: keep a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again.
    pub keep_thumbnails: i32,
    /// Threads for each model; 0: one per core, as far as that helps.
    pub threads: u32,
    /// Layers of the language model to run on a GPU; 0: as many as fit; -1: none.
    pub gpu_layers: i32,
    /// Milliseconds of idleness after which models are unloaded, to be loaded again when needed; 0: never.
    pub idle_unload_ms: u32,
    /// Bytes of embeddings of recent photos and texts to keep in memory; 0: 4 MiB; -1: no such cache.
    pub embedding_cache_bytes: i64,
    /// The key of an encrypted library, with which a new one is created: `cranekey1:` and 64 hexadecimal digits, see
    /// `crane_key_generate`; NULL: it is plain.
    pub key: *const c_char,
    /// Most bytes that models, contexts and caches may take; 0: what the device has left, as far as the system tells.
    pub memory_budget: u64,
    /// A folder of the app's own, in which is remembered that a GPU has crashed; NULL: it is not remembered.
    pub state: *const c_char,
}

/// A correction as the person states it. Begin with `CRANE_NEW_FACT_INIT`; what is not needed stays NULL.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CNewFact {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// The fact in one or two sentences, 1 to 2,000 characters.
    pub statement: *const c_char,
    /// What the fact is about, 1 to 500 characters.
    pub subject: *const c_char,
    /// What it says of it, the expected answer, 1 to 500 characters.
    pub target: *const c_char,
    /// Where it comes from, 1 to 500 characters.
    pub source: *const c_char,
    /// The person's own remark, 1 to 2,000 characters.
    pub note: *const c_char,
    /// Photos of what the fact is about, at most 32.
    pub images: *const Photo,
    /// How many photos there are.
    pub image_count: usize,
    /// Further texts under which it is found, at most 32 of 1 to 2,000 characters.
    pub texts: *const *const c_char,
    /// How many texts there are.
    pub text_count: usize,
    /// First moment it holds, Unix milliseconds; NULL: always has.
    pub valid_from: *const i64,
    /// Moment from which it no longer holds, Unix milliseconds; NULL: never ends.
    pub valid_until: *const i64,
}

/// An encoded photo: JPEG, PNG or WebP, at most 64 MiB.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Photo {
    /// The file's bytes.
    pub data: *const u8,
    /// How many there are.
    pub size: usize,
}

/// A question. Begin with `CRANE_QUESTION_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CQuestion {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// 1 to 8,000 characters.
    pub text: *const c_char,
    /// Most tokens of the answer; 0: as the bundle has it.
    pub answer_tokens: u32,
    /// The photo that is asked about; no data: there is none.
    pub image: Photo,
    /// What chance draws from: the same seed, question and library give the same reply.
    pub seed: u64,
    /// Most tokens of the thought, after which it is closed; 0: as the bundle has it; -1: the answer alone.
    pub thought_tokens: i32,
    /// Above 0, up to 2: tokens are drawn by chance; -1: always the likeliest; 0: as the bundle has it.
    pub temperature: f32,
    /// Only facts with exactly this source may fire, 1 to 500 characters; NULL: all may.
    pub source: *const c_char,
}

/// Which facts a list holds. Begin with `CRANE_FILTER_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Filter {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// The `CRANE_STATE_…` that are wanted, added up; 0: all but deleted and forgotten.
    pub states: u32,
    /// Only facts with exactly this source.
    pub source: *const c_char,
    /// Only facts with exactly this subject, upper and lower case of ASCII letters alike.
    pub subject: *const c_char,
    /// Only facts that hold at this moment, Unix milliseconds.
    pub valid_at: *const i64,
    /// Skips that many.
    pub offset: u32,
    /// Most facts to return; 0: all.
    pub limit: u32,
}

/// What an export takes along. Begin with `CRANE_EXPORT_OPTIONS_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CExportOptions {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// Not 0: leave out the small copies of photos, where they are kept.
    pub without_thumbnails: i32,
    /// Not 0: leave out what the facts said before, and when they were changed.
    pub without_history: i32,
    /// The ids of the facts, in whatever state; NULL: every fact that is not deleted, and the receipts of forgotten ones.
    pub facts: *const *const c_char,
    /// How many ids there are.
    pub fact_count: usize,
    /// The key that the pack is signed with, `cranesec1:` and 64 hexadecimal digits, see `crane_signing_key_generate`; NULL:
    /// it is not signed.
    pub signing_key: *const c_char,
}

/// How to import. Begin with `CRANE_IMPORT_OPTIONS_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CImportOptions {
    /// Bytes of this struct.
    pub struct_size: u32,
    /// What becomes of facts that something stands against: one of `CRANE_CONFLICT_…`.
    pub on_conflict: i32,
    /// The signers that the person trusts, each `cranepub1:` and 64 hexadecimal digits. Facts of every other pack are marked
    /// untrusted for good.
    pub trusted: *const *const c_char,
    /// How many signers there are.
    pub trusted_count: usize,
    /// From which similarity (cosine, -1 to 1) two photos are taken for the same picture; 0: 0.95.
    pub similarity: f32,
}

/// It stays outside.
pub const CRANE_CONFLICT_SKIP: i32 = 0;
/// It is added beside; where its id is taken, under a new one.
pub const CRANE_CONFLICT_KEEP_BOTH: i32 = 1;
/// It counts: it replaces the fact of the same id, and those it collides with become superseded.
pub const CRANE_CONFLICT_SUPERSEDE: i32 = 2;

/// Facts in force.
pub const CRANE_STATE_ACTIVE: u32 = 1;
/// Facts that are kept, but don't fire until enabled again.
pub const CRANE_STATE_DISABLED: u32 = 2;
/// Facts that a later one has replaced.
pub const CRANE_STATE_SUPERSEDED: u32 = 4;
/// Facts that are deleted and can be restored.
pub const CRANE_STATE_DELETED: u32 = 8;
/// Facts that are erased.
pub const CRANE_STATE_FORGOTTEN: u32 = 16;

const STATES: [(u32, FactState); 5] = [
    (CRANE_STATE_ACTIVE, FactState::Active),
    (CRANE_STATE_DISABLED, FactState::Disabled),
    (CRANE_STATE_SUPERSEDED, FactState::Superseded),
    (CRANE_STATE_DELETED, FactState::Deleted),
    (CRANE_STATE_FORGOTTEN, FactState::Forgotten),
];

// SAFETY: numbers and pointers only, for which any bytes are valid; the size comes first.
unsafe impl Sized32 for Options {
    const AT_LEAST: usize = size_of::<Self>();
}
// SAFETY: as above.
unsafe impl Sized32 for CNewFact {
    const AT_LEAST: usize = size_of::<Self>();
}
// SAFETY: as above.
unsafe impl Sized32 for CQuestion {
    const AT_LEAST: usize = size_of::<Self>();
}
// SAFETY: as above.
unsafe impl Sized32 for CExportOptions {
    const AT_LEAST: usize = size_of::<Self>();
}
// SAFETY: as above.
unsafe impl Sized32 for CImportOptions {
    const AT_LEAST: usize = size_of::<Self>();
}
// SAFETY: as above.
unsafe impl Sized32 for Filter {
    const AT_LEAST: usize = size_of::<Self>();
}

impl Options {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<OpenOptions> {
        // SAFETY: the caller promises it.
        let (models, library) =
            unsafe { (text("models' folder", self.models)?, text("library's folder", self.library)?) };
        let defaults = OpenOptions::new(models, library);
        let gpu_layers = match self.gpu_layers {
            0 => None,
            -1 => Some(0),
            layers => Some(u32::try_from(layers).map_err(|_| invalid("gpu_layers is negative"))?),
        };
        let embedding_cache = match self.embedding_cache_bytes {
            0 => defaults.embedding_cache,
            -1 => 0,
            bytes => usize::try_from(bytes).map_err(|_| invalid("embedding_cache_bytes is out of range"))?,
        };
        // SAFETY: the caller promises it.
        let (key, state) = unsafe { (optional_text("key", self.key)?, optional_text("state's folder", self.state)?) };
        Ok(OpenOptions {
            key: parse_key(key)?,
            read_only: self.read_only != 0,
            keep_thumbnails: self.keep_thumbnails != 0,
            threads: NonZeroU32::new(self.threads),
            gpu_layers,
            idle_unload: (self.idle_unload_ms > 0).then(|| Duration::from_millis(self.idle_unload_ms.into())),
            embedding_cache,
            memory_budget: (self.memory_budget > 0).then_some(self.memory_budget),
            state: state.map(Into::into),
            ..defaults
        })
    }
}

impl CNewFact {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<NewFact> {
        // SAFETY: the caller promises it, of this pointer and of those it leads to.
        unsafe {
            let photos = args::entries("photos", self.images, self.image_count, MAX_ENTRIES)?;
            let texts = args::entries("texts", self.texts, self.text_count, MAX_ENTRIES)?;
            let no_photo = || invalid("a photo has no data");
            Ok(NewFact {
                statement: text("statement", self.statement)?,
                subject: optional_text("subject", self.subject)?,
                target: optional_text("target", self.target)?,
                images: photos.iter().map(|p| photo(p.data, p.size)?.ok_or_else(no_photo)).collect::<Result<_>>()?,
                texts: texts.iter().map(|from| text("key text", *from)).collect::<Result<_>>()?,
                source: optional_text("source", self.source)?,
                note: optional_text("note", self.note)?,
                valid_from: optional_number(self.valid_from),
                valid_until: optional_number(self.valid_until),
            })
        }
    }
}

impl CQuestion {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<Question> {
        let thought_tokens = match self.thought_tokens {
            0 => None,
            -1 => Some(0),
            most => Some(u32::try_from(most).map_err(|_| invalid("thought_tokens is negative"))?),
        };
        let temperature = match self.temperature {
            0.0 => None,
            -1.0 => Some(0.0),
            chosen => Some(chosen),
        };
        let answer_tokens = (self.answer_tokens > 0).then_some(self.answer_tokens);
        let options = AskOptions { thought_tokens, answer_tokens, temperature, seed: self.seed };
        // SAFETY: the caller promises it.
        unsafe {
            let (text, image) = (text("question", self.text)?, photo(self.image.data, self.image.size)?);
            Ok(Question { text, image, source: optional_text("source", self.source)?, options })
        }
    }
}

impl Filter {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<FactFilter> {
        let known = STATES.iter().fold(0, |all, (bit, _)| all | bit);
        if self.states & !known != 0 {
            return Err(invalid("states holds a bit that stands for no state"));
        }
        let wanted = STATES.iter().filter(|(bit, _)| self.states & bit != 0);
        // SAFETY: the caller promises it.
        unsafe {
            Ok(FactFilter {
                states: wanted.map(|(_, state)| *state).collect(),
                source: optional_text("source", self.source)?,
                subject: optional_text("subject", self.subject)?,
                valid_at: optional_number(self.valid_at),
                offset: self.offset,
                limit: (self.limit > 0).then_some(self.limit),
            })
        }
    }
}

impl CExportOptions {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<ExportOptions> {
        // SAFETY: the caller promises it, of this pointer and of those it leads to.
        unsafe {
            let facts = (!self.facts.is_null() || self.fact_count > 0)
                .then(|| args::fact_ids(self.facts, self.fact_count))
                .transpose()?;
            let signer = optional_text("signing key", self.signing_key)?.map(Zeroizing::new);
            Ok(ExportOptions {
                facts,
                thumbnails: self.without_thumbnails == 0,
                history: self.without_history == 0,
                signer: signer.map(|key| SecretKey::parse(&key)).transpose()?,
            })
        }
    }
}

impl CImportOptions {
    /// # Safety
    /// The pointers are as the header asks.
    pub(super) unsafe fn read(self) -> Result<ImportOptions> {
        let on_conflict = match self.on_conflict {
            CRANE_CONFLICT_SKIP => OnConflict::Skip,
            CRANE_CONFLICT_KEEP_BOTH => OnConflict::KeepBoth,
            CRANE_CONFLICT_SUPERSEDE => OnConflict::Supersede,
            _ => return Err(invalid("on_conflict is none of CRANE_CONFLICT_…")),
        };
        let defaults = ImportOptions::default();
        let similarity = if self.similarity == 0.0 { defaults.similarity } else { self.similarity };
        // SAFETY: the caller promises it, of this pointer and of those it leads to.
        unsafe {
            let signers = args::entries("signers", self.trusted, self.trusted_count, MAX_ENTRIES)?;
            let signer = |from: &*const c_char| parse_public_key(&text("signer", *from)?);
            let trusted = signers.iter().map(signer).collect::<Result<_>>()?;
            Ok(ImportOptions { trusted, similarity, on_conflict })
        }
    }
}
