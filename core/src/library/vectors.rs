//! The two indexes beside the database: loaded from their generations or from SQLite, kept up with the history.

use std::fs::File;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::MODALITIES;
use super::change::{Sealed, last_change};
use super::folder::{Folder, index_name};
use super::sql::{damaged, io_error, sql_error};
use crate::error::Result;
use crate::index::kernel::Kernel;
use crate::index::{Entry, Header, Identity, Index, LoadError, ROW_LEN, Row, WriteError, state_of};
use crate::types::{FactId, FactState, KeyId, Modality, RawEmbedding};

/// Both indexes at one point of the history.
pub(super) struct Vectors {
    image: Index,
    text: Index,
    /// The last change that they hold.
    pub(super) change: i64,
    /// The last change that both generation files hold.
    pub(super) saved: i64,
    /// Keys touched since then.
    pub(super) unsaved: usize,
}

impl Vectors {
    /// Of no keys at all.
    pub(super) fn empty() -> Self {
        let index = || Index::new(Kernel::best());
        Self { image: index(), text: index(), change: 0, saved: 0, unsaved: 0 }
    }

    /// The index of a modality.
    pub(super) fn of(&self, modality: Modality) -> &Index {
        match modality {
            Modality::Image => &self.image,
            Modality::Text => &self.text,
        }
    }

    fn of_mut(&mut self, modality: Modality) -> &mut Index {
        match modality {
            Modality::Image => &mut self.image,
            Modality::Text => &mut self.text,
        }
    }

    /// Whether so much has changed since the generations were written that the next open would take long.
    pub(super) fn wants_saving(&self) -> bool {
        self.unsaved > 512.max((self.image.len() + self.text.len()) / 16)
    }

    /// Loads both indexes as of the connection's present snapshot, so call it inside a read transaction.
    pub(super) fn load(connection: &Connection, folder: &Folder) -> Result<Self> {
        let kernel = Kernel::best();
        let (last, _) = last_change(connection).map_err(sql_error)?;
        let load = |modality| match read_generation(connection, folder, modality)? {
            Some((index, change)) if change <= last => Ok((index, change, change)),
            _ => Ok((rebuild(connection, modality, kernel)?, last, 0)),
        };
        let (image, image_change, image_saved) = load(Modality::Image)?;
        let (text, text_change, text_saved) = load(Modality::Text)?;
        let (change, saved) = (image_change.min(text_change), image_saved.min(text_saved));
        let unsaved = if saved == 0 { image.len() + text.len() } else { 0 };
        let mut vectors = Self { image, text, change, saved, unsaved };
        vectors.catch_up(connection)?;
        Ok(vectors)
    }

    /// Takes over every change since the one they hold. After a forgetting they start afresh, since rows must leave memory;
    /// true: there was one.
    pub(super) fn take_over(&mut self, connection: &Connection, folder: &Folder) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM changes WHERE seq > ?1 AND op = 'forget')";
        let forgotten = connection.prepare_cached(sql).and_then(|mut s| s.query_row([self.change], |row| row.get(0)));
        if forgotten.map_err(sql_error)? {
            *self = Self::load(connection, folder)?;
            return Ok(true);
        }
        self.catch_up(connection)?;
        Ok(false)
    }

    /// The cost is that of the facts changed.
    fn catch_up(&mut self, connection: &Connection) -> Result<()> {
        let (last, _) = last_change(connection).map_err(sql_error)?;
        let mut facts = connection
            .prepare_cached("SELECT DISTINCT fact FROM revisions WHERE change > ?1 AND change <= ?2")
            .map_err(sql_error)?;
        let mut facts = facts.query(params![self.change, last]).map_err(sql_error)?;
        while let Some(row) = facts.next().map_err(sql_error)? {
            self.refresh(connection, &row.get(0).map_err(sql_error)?)?;
        }
        self.change = last;
        Ok(())
    }

    /// Takes over a change that was committed just now.
    pub(super) fn follow(&mut self, connection: &Connection, folder: &Folder, sealed: Sealed) -> Result<()> {
        match sealed.fresh {
            Some(keys) if self.change + 1 == sealed.seq => {
                self.unsaved += keys.len();
                for key in keys.into_iter().filter(|key| !key.entry.is_gone()) {
                    self.of_mut(key.modality).push(key.entry, &key.row);
                }
                self.change = sealed.seq;
                Ok(())
            }
            _ => self.take_over(connection, folder).map(drop),
        }
    }

    /// Writes both indexes as new generations, lets the database name them, and removes the files named before.
    pub(super) fn save(
        &mut self,
        connection: &mut Connection,
        folder: &Folder,
        library: [u8; 16],
        fingerprint: [u8; 32],
    ) -> Result<()> {
        if self.unsaved == 0 && self.saved == self.change {
            return Ok(());
        }
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
        let sql = "SELECT coalesce(max(generation), 0) FROM generations";
        let last = tx.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(sql_error)?.unsigned_abs();
        for modality in MODALITIES {
            let (generation, change) = (last + 1, self.change.unsigned_abs());
            let identity = Identity { modality, generation, change, fingerprint, library };
            let header = self.write(&tx, folder, &identity)?;
            name_generation(&tx, &header).map_err(sql_error)?;
        }
        tx.commit().map_err(sql_error)?;
        (self.saved, self.unsaved) = (self.change, 0);
        self.reopen(connection, folder)?;
        let keep = named_files(connection)?;
        folder.remove_stale(&keep).map_err(|e| io_error("removing an old index file", e))
    }

    /// Writes one index. When the file that its rows lie in fails it, it is rebuilt first.
    fn write(&mut self, tx: &Connection, folder: &Folder, identity: &Identity) -> Result<Header> {
        let name = index_name(identity.modality, identity.generation);
        let written = match self.of(identity.modality).write_sealed(folder.path(), &name, identity, folder.index_key())
        {
            Err(WriteError::Source(error)) => {
                tracing::warn!(%error, "index is rebuilt from the database");
                self.rebuild(tx, identity.modality)?;
                self.of(identity.modality).write_sealed(folder.path(), &name, identity, folder.index_key())
            }
            written => written,
        };
        written.map_err(|error| io_error("writing an index file", error.into()))
    }

    /// Goes over to the generations just written: their rows need no memory until they are looked at, and the files
    /// named before are let go of.
    fn reopen(&mut self, connection: &Connection, folder: &Folder) -> Result<()> {
        for modality in MODALITIES {
            // Without it the index goes on as it was.
            if let Some((index, _)) = read_generation(connection, folder, modality)? {
                *self.of_mut(modality) = index;
            }
        }
        Ok(())
    }

    /// Builds one index from the database alone. Call it inside a transaction.
    pub(super) fn rebuild(&mut self, connection: &Connection, modality: Modality) -> Result<()> {
        *self.of_mut(modality) = rebuild(connection, modality, Kernel::best())?;
        (self.saved, self.unsaved) = (0, self.image.len() + self.text.len());
        self.catch_up(connection)
    }

    /// Both indexes from the keys alone, as no file holds them.
    pub(super) fn rebuilt(connection: &mut Connection) -> Result<Self> {
        let tx = connection.transaction().map_err(sql_error)?;
        let mut vectors = Self { change: last_change(&tx).map_err(sql_error)?.0, ..Self::empty() };
        MODALITIES.into_iter().try_for_each(|modality| vectors.rebuild(&tx, modality))?;
        Ok(vectors)
    }

    fn refresh(&mut self, connection: &Connection, fact: &[u8; 16]) -> Result<()> {
        let sql = format!("{KEY_SELECT} WHERE k.fact = ?1");
        let mut keys = connection.prepare_cached(&sql).map_err(sql_error)?;
        let mut keys = keys.query([fact]).map_err(sql_error)?;
        while let Some(row) = keys.next().map_err(sql_error)? {
            let key = KeyRow::read(row)?;
            let index = self.of_mut(key.modality);
            if key.entry.is_gone() {
                // Without a row there is nothing to hide.
                index.update(key.entry);
            } else {
                index.push(key.entry, &key.row);
            }
            self.unsaved += 1;
        }
        Ok(())
    }
}

fn name_generation(tx: &Connection, header: &Header) -> rusqlite::Result<()> {
    let sql = "INSERT INTO generations (modality, generation, change, digest) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (modality) DO UPDATE SET generation = ?2, change = ?3, digest = ?4";
    let modality = KeyRow::code(header.modality);
    // Both count up from 1, one at a time: they stay far below 2^63.
    let (generation, change) = (header.generation.cast_signed(), header.change.cast_signed());
    tx.prepare_cached(sql)?.execute(params![modality, generation, change, header.digest()])?;
    Ok(())
}

/// Names of the index files that count.
pub(super) fn named_files(connection: &Connection) -> Result<Vec<String>> {
    let mut named = connection.prepare_cached("SELECT modality, generation FROM generations").map_err(sql_error)?;
    let mut named = named.query([]).map_err(sql_error)?;
    let mut names = Vec::new();
    while let Some(row) = named.next().map_err(sql_error)? {
        let modality = KeyRow::modality(row.get(0).map_err(sql_error)?)?;
        names.push(index_name(modality, row.get::<_, i64>(1).map_err(sql_error)?.unsigned_abs()));
    }
    Ok(names)
}

/// The index file of a modality that counts, as the database names it.
pub(super) struct Generation {
    modality: Modality,
    pub(super) generation: i64,
    digest: [u8; 32],
}

impl Generation {
    /// The one that the connection's present snapshot names.
    pub(super) fn named(connection: &Connection, modality: Modality) -> Result<Option<Self>> {
        let sql = "SELECT generation, digest FROM generations WHERE modality = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok(Self { modality, generation: row.get(0)?, digest: row.get(1)? });
        let named =
            connection.prepare_cached(sql).and_then(|mut s| s.query_row([KeyRow::code(modality)], read).optional());
        named.map_err(sql_error)
    }

    fn file_name(&self) -> String {
        index_name(self.modality, self.generation.unsigned_abs())
    }

    /// Opens the file; its rows are read when they are looked at.
    pub(super) fn open(&self, folder: &Folder) -> Result<(Index, Header), LoadError> {
        let file = File::open(folder.path().join(self.file_name()))?;
        Index::open_sealed(file, &self.digest, Kernel::best(), folder.index_key())
    }
}

/// Reads the generation that the database names; anything wrong with it is reported to the log and answered by `None`.
fn read_generation(connection: &Connection, folder: &Folder, modality: Modality) -> Result<Option<(Index, i64)>> {
    let Some(named) = Generation::named(connection, modality)? else { return Ok(None) };
    match named.open(folder) {
        Ok((index, header)) => Ok(i64::try_from(header.change).ok().map(|change| (index, change))),
        Err(error) => {
            tracing::warn!(file = named.file_name(), %error, "index is rebuilt from the database");
            Ok(None)
        }
    }
}

/// Builds an index from the database alone.
pub(super) fn rebuild(connection: &Connection, modality: Modality, kernel: Kernel) -> Result<Index> {
    let sql = format!("{KEY_SELECT} WHERE k.modality = ?1 ORDER BY k.id");
    let mut keys = connection.prepare_cached(&sql).map_err(sql_error)?;
    let mut keys = keys.query([KeyRow::code(modality)]).map_err(sql_error)?;
    let mut index = Index::new(kernel);
    while let Some(row) = keys.next().map_err(sql_error)? {
        let key = KeyRow::read(row)?;
        if !key.entry.is_gone() {
            index.push(key.entry, &key.row);
        }
    }
    Ok(index)
}

/// The columns that [`KeyRow::read`] expects.
pub(super) const KEY_SELECT: &str = "SELECT k.id, k.fact, k.modality, k.live, k.text, k.vector, k.crc, \
     f.state, f.valid_from, f.valid_until FROM keys k LEFT JOIN facts f ON f.id = k.fact";

/// A key with what its fact says of it.
pub(super) struct KeyRow {
    pub(super) entry: Entry,
    pub(super) modality: Modality,
    pub(super) row: Row,
}

impl KeyRow {
    /// The number of a modality in the database; never renumber.
    pub(super) const fn code(modality: Modality) -> i64 {
        match modality {
            Modality::Image => 0,
            Modality::Text => 1,
        }
    }

    /// The modality of a number.
    pub(super) fn modality(code: i64) -> Result<Modality> {
        match code {
            0 => Ok(Modality::Image),
            1 => Ok(Modality::Text),
            _ => Err(damaged("a key has an unknown modality")),
        }
    }

    /// CRC-32 over everything of a key that never changes; the column holds its complement while the key is not live.
    pub(super) fn crc(key: KeyId, fact: FactId, modality: Modality, text: Option<&str>, row: &Row) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&key.0.to_le_bytes());
        hash.update(fact.0.as_bytes());
        hash.update(&Self::code(modality).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
        hash.update(&row.0);
        hash.finalize()
    }

    /// Reads the columns of `KEY_SELECT` and checks them against their checksum.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self> {
        let column = |error| sql_error(error);
        let key = KeyId(row.get(0).map_err(column)?);
        let fact = FactId(Uuid::from_bytes(row.get(1).map_err(column)?));
        let modality = Self::modality(row.get(2).map_err(column)?)?;
        let live: bool = row.get(3).map_err(column)?;
        let text = row.get_ref(4).map_err(column)?.as_str_or_null().map_err(|_| damaged("a key's text"))?;
        let vector = Row(row.get::<_, [u8; ROW_LEN]>(5).map_err(column)?);
        let crc = Self::crc(key, fact, modality, text, &vector);
        if row.get::<_, u32>(6).map_err(column)? != if live { crc } else { !crc } {
            return Err(damaged("checksum of a key"));
        }
        let state = row.get::<_, Option<i64>>(7).map_err(column)?.map(|code| state_of(code).ok_or(code));
        let state = match state {
            Some(Ok(state)) if live => state,
            Some(Err(_)) => return Err(damaged("a fact has an unknown state")),
            // A key that was taken from its fact, or whose fact was undone.
            _ => FactState::Deleted,
        };
        let valid_from = row.get::<_, Option<i64>>(8).map_err(column)?.unwrap_or(i64::MIN);
        let valid_until = row.get::<_, Option<i64>>(9).map_err(column)?.unwrap_or(i64::MAX);
        Ok(Self { entry: Entry { key, fact, state, valid_from, valid_until }, modality, row: vector })
    }
}

/// A raw embedding as f16, little-endian.
pub(super) fn half_bytes(raw: &RawEmbedding) -> Vec<u8> {
    let mut halves = vec![f16::ZERO; raw.0.len()];
    // Many at once: the CPU has instructions for that.
    halves.convert_from_f32_slice(&raw.0);
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// The embedding of such bytes.
pub(super) fn half_values(bytes: &[u8]) -> RawEmbedding {
    RawEmbedding(bytes.as_chunks().0.iter().map(|half| f16::from_le_bytes(*half).to_f32()).collect())
}

/// CRC-32 over what a vector was made from.
pub(super) fn originals_crc(key: KeyId, raw: &[u8], thumbnail: Option<&[u8]>) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&key.0.to_le_bytes());
    hash.update(&(raw.len() as u64).to_le_bytes());
    hash.update(raw);
    hash.update(thumbnail.unwrap_or_default());
    hash.finalize()
}
