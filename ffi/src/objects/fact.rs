//! Facts as other languages see them. Times are Unix milliseconds, ids are UUIDs in their usual text form.

use crane_core::FactId;
use crane_core::library;

use crate::shared::hex;

/// A correction as the person states it.
#[derive(uniffi::Record)]
pub struct NewFact {
    /// The fact in one or two sentences, 1 to 2,000 characters.
    pub statement: String,
    /// What the fact is about ("Brasenose College"), 1 to 500 characters.
    #[uniffi(default = None)]
    pub subject: Option<String>,
    /// What it says of it, the expected answer ("Oxford"), 1 to 500 characters.
    #[uniffi(default = None)]
    pub target: Option<String>,
    /// Encoded photos (JPEG, PNG, WebP) of what the fact is about, at most 32.
    #[uniffi(default = [])]
    pub images: Vec<Vec<u8>>,
    /// Further texts under which it is found, at most 32 of 1 to 2,000 characters; the statement always is one.
    #[uniffi(default = [])]
    pub texts: Vec<String>,
    /// Where it comes from ("museum label"), 1 to 500 characters.
    #[uniffi(default = None)]
    pub source: Option<String>,
    /// The person's own remark, 1 to 2,000 characters.
    #[uniffi(default = None)]
    pub note: Option<String>,
    /// First moment it holds; none: always has.
    #[uniffi(default = None)]
    pub valid_from: Option<i64>,
    /// Moment from which it no longer holds; none: never ends.
    #[uniffi(default = None)]
    pub valid_until: Option<i64>,
}

impl From<NewFact> for crane_core::NewFact {
    fn from(fact: NewFact) -> Self {
        let NewFact { statement, subject, target, images, texts, source, note, valid_from, valid_until } = fact;
        Self { statement, subject, target, images, texts, source, note, valid_from, valid_until }
    }
}

/// Where a fact stands. Only active facts fire.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum FactState {
    /// In force.
    Active,
    /// Kept, but does not fire until enabled again.
    Disabled,
    /// Replaced by a later fact.
    Superseded,
    /// Deleted; hidden from lists, restorable until forgotten.
    Deleted,
    /// Erased: only the id and times remain.
    Forgotten,
}

impl From<crane_core::FactState> for FactState {
    fn from(state: crane_core::FactState) -> Self {
        match state {
            crane_core::FactState::Active => Self::Active,
            crane_core::FactState::Disabled => Self::Disabled,
            crane_core::FactState::Superseded => Self::Superseded,
            crane_core::FactState::Deleted => Self::Deleted,
            crane_core::FactState::Forgotten => Self::Forgotten,
        }
    }
}

impl From<FactState> for crane_core::FactState {
    fn from(state: FactState) -> Self {
        match state {
            FactState::Active => Self::Active,
            FactState::Disabled => Self::Disabled,
            FactState::Superseded => Self::Superseded,
            FactState::Deleted => Self::Deleted,
            FactState::Forgotten => Self::Forgotten,
        }
    }
}

/// The way on which a fact came into this library.
#[derive(uniffi::Record)]
pub struct Origin {
    /// Digest of the fact pack, 64 hexadecimal digits.
    pub pack: String,
    /// Who signed the pack, `cranepub1:` and 64 hexadecimal digits; none: nobody.
    pub signer: Option<String>,
    /// Whether everyone who imported it trusted its signer.
    pub trusted: bool,
}

impl From<crane_core::Origin> for Origin {
    fn from(origin: crane_core::Origin) -> Self {
        let crane_core::Origin { pack, signer, trusted } = origin;
        Self { pack: hex(&pack), signer: signer.map(|key| key.to_string()), trusted }
    }
}

/// An edit fact as stored.
#[derive(uniffi::Record)]
pub struct Fact {
    /// Stable identity.
    pub id: String,
    /// The fact in one or two sentences.
    pub statement: String,
    /// What the fact is about.
    pub subject: Option<String>,
    /// The expected answer.
    pub target: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// The person's own remark.
    pub note: Option<String>,
    /// Where it stands.
    pub state: FactState,
    /// The fact that this one replaces.
    pub supersedes: Option<String>,
    /// When it was stated.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// First moment it holds.
    pub valid_from: Option<i64>,
    /// Moment from which it no longer holds.
    pub valid_until: Option<i64>,
    /// The pack it was imported from; none: it was stated here.
    pub origin: Option<Origin>,
    /// How many photos it is found by.
    pub image_keys: u32,
    /// How many texts it is found by.
    pub text_keys: u32,
}

impl From<crane_core::Fact> for Fact {
    fn from(fact: crane_core::Fact) -> Self {
        Self {
            id: fact.id.to_string(),
            statement: fact.statement,
            subject: fact.subject,
            target: fact.target,
            source: fact.source,
            note: fact.note,
            state: fact.state.into(),
            supersedes: fact.supersedes.map(|id| id.to_string()),
            created_at: fact.created_at,
            updated_at: fact.updated_at,
            valid_from: fact.valid_from,
            valid_until: fact.valid_until,
            origin: fact.origin.map(Into::into),
            image_keys: fact.image_keys,
            text_keys: fact.text_keys,
        }
    }
}

/// An existing fact that a new one collides with.
#[derive(uniffi::Record)]
pub struct Conflict {
    /// The fact in the way.
    pub fact: String,
    /// How similar one of its photos is to one of the new fact's, -1 to 1; none: the same subject has another target.
    pub similarity: Option<f32>,
}

impl From<library::Conflict> for Conflict {
    fn from(conflict: library::Conflict) -> Self {
        let similarity = match conflict.collision {
            library::Collision::Subject => None,
            library::Collision::Picture(similarity) => Some(similarity),
        };
        Self { fact: conflict.fact.to_string(), similarity }
    }
}

/// Which facts a list holds; the default is every fact that is not deleted, newest first.
#[derive(uniffi::Record)]
pub struct FactFilter {
    /// Only facts in one of these states; empty: every state but deleted and forgotten.
    #[uniffi(default = [])]
    pub states: Vec<FactState>,
    /// Only facts with exactly this source.
    #[uniffi(default = None)]
    pub source: Option<String>,
    /// Only facts with exactly this subject, upper and lower case of ASCII letters alike.
    #[uniffi(default = None)]
    pub subject: Option<String>,
    /// Only facts that hold at this moment.
    #[uniffi(default = None)]
    pub valid_at: Option<i64>,
    /// Skips that many.
    #[uniffi(default = 0)]
    pub offset: u32,
    /// Most facts to return; none: all.
    #[uniffi(default = None)]
    pub limit: Option<u32>,
}

impl From<FactFilter> for library::FactFilter {
    fn from(filter: FactFilter) -> Self {
        let FactFilter { states, source, subject, valid_at, offset, limit } = filter;
        let states = states.into_iter().map(Into::into).collect();
        Self { states, source, subject, valid_at, offset, limit }
    }
}

/// One change of the library. It names facts by id and holds no content.
#[derive(uniffi::Record)]
pub struct HistoryEntry {
    /// Its number, counting up from 1.
    pub seq: i64,
    /// When it was made.
    pub at: i64,
    /// What was done: `add`, `edit`, `enable`, `disable`, `delete`, `supersede`, `restore`, `import`, `forget`, `undo`,
    /// `redo`, `reembed`; `salvage` in a library that was made from a damaged one.
    pub op: String,
    /// The change that this one took back or brought again.
    pub undoes: Option<i64>,
    /// The facts it touched.
    pub facts: Vec<String>,
}

impl From<library::HistoryEntry> for HistoryEntry {
    fn from(entry: library::HistoryEntry) -> Self {
        let library::HistoryEntry { seq, at, op, undoes, facts } = entry;
        Self { seq, at, op, undoes, facts: facts.iter().map(FactId::to_string).collect() }
    }
}

/// What remains of a forgotten fact.
#[derive(uniffi::Record)]
pub struct Receipt {
    /// The fact that is gone.
    pub fact: String,
    /// When it was forgotten.
    pub at: i64,
    /// The change of the history that did it.
    pub change: i64,
    /// Digest of the history up to that change, 64 hexadecimal digits.
    pub digest: String,
}

impl From<library::Receipt> for Receipt {
    fn from(receipt: library::Receipt) -> Self {
        let library::Receipt { fact, at, change, digest } = receipt;
        Self { fact: fact.to_string(), at, change, digest: hex(&digest) }
    }
}
