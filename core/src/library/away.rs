//! Putting a library away and taking it up again, as an app does that goes to the background.
//!
//! iOS ends an app (0xdead10cc) that it suspends while the app holds a lock on a file of a shared container, and SQLite
//! holds some for as long as a connection to a journalled database is open. So every connection is closed and the
//! writer's lock given back; the index stays in memory. Reading goes on through connections that are closed at once: an
//! app that works in the background, which the system allows it for a while, can still search.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::folder::{Folder, WriterLock};
use super::sql::sql_error;
use super::vectors::Vectors;
use super::{Access, Library, Writer, check_library, checkpoint, schema, sql};
use crate::busy;
use crate::error::{Error, ErrorKind, Result};

/// Whether connections may be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    Suspended,
    Closed,
}

/// Connections for reading: idle ones, and how many are in use.
pub(super) struct Readers {
    state: Mutex<State>,
    /// A reader has given its connection back.
    done: Condvar,
}

struct State {
    presence: Presence,
    idle: Vec<Connection>,
    /// A number for each reader that has a connection.
    busy: Vec<u64>,
    /// The next reader's number.
    next: u64,
}

impl Readers {
    pub(super) const fn new() -> Self {
        let state = State { presence: Presence::Here, idle: Vec::new(), busy: Vec::new(), next: 0 };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether changes may be made, and connections be kept.
    pub(super) fn require_here(&self) -> Result<()> {
        match self.state().presence {
            Presence::Here => Ok(()),
            Presence::Suspended => Err(suspended()),
            Presence::Closed => Err(Error::closed()),
        }
    }

    /// A connection, an idle one if there is any.
    fn begin(&self, folder: &Folder) -> Result<Reader<'_>> {
        let mut state = self.state();
        if state.presence == Presence::Closed {
            return Err(Error::closed());
        }
        let number = state.next;
        state.next += 1;
        state.busy.push(number);
        let idle = state.idle.pop();
        drop(state);
        let mut reader = Reader { readers: self, number, connection: None, keep: false };
        reader.connection = Some(idle.map_or_else(|| folder.open_reader(), Ok)?);
        Ok(reader)
    }

    /// Closes the idle connections and waits for those in use now; later ones are closed by whoever uses them.
    fn leave(&self, presence: Presence) {
        let mut state = self.state();
        if state.presence != Presence::Closed {
            state.presence = presence;
        }
        state.idle.clear();
        let later = state.next;
        while state.busy.iter().any(|number| *number < later) {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn come_back(&self) -> Result<()> {
        let mut state = self.state();
        if state.presence == Presence::Closed {
            return Err(Error::closed());
        }
        state.presence = Presence::Here;
        Ok(())
    }
}

/// A connection in use; dropping it gives it back, or closes it.
struct Reader<'a> {
    readers: &'a Readers,
    number: u64,
    connection: Option<Connection>,
    /// The query went well, so that the connection may serve another one.
    keep: bool,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.state();
        let connection = self.connection.take().filter(|_| self.keep && state.presence == Presence::Here);
        // Otherwise it is closed by now: whoever waits for this number relies on that.
        state.idle.extend(connection);
        state.busy.retain(|number| *number != self.number);
        self.readers.done.notify_all();
    }
}

/// The writer, until the next change.
pub(super) struct WriterGuard<'a>(MutexGuard<'a, Option<Writer>>);

impl Deref for WriterGuard<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        self.0.as_ref().expect("made of one that is there")
    }
}

impl DerefMut for WriterGuard<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        self.0.as_mut().expect("made of one that is there")
    }
}

impl Library {
    /// Empties SQLite's journal, closes every connection and gives the writer's lock back, so that the system may
    /// suspend the app; see `core/docs/LIFECYCLE.md`. Waits for what is being read or written. Afterwards changes give
    /// `Backgrounded`, and reading goes on, slower, through connections that are not kept.
    ///
    /// # Errors
    /// `StorageFull`, `StorageFailed` when the journal can't be emptied; everything is closed all the same, and the
    /// journal is read by the next who opens the library.
    pub fn suspend(&self) -> Result<()> {
        self.put_away(Presence::Suspended)
    }

    /// Takes up again what [`Library::suspend`] put away, with everything that other processes changed meanwhile.
    ///
    /// # Errors
    /// `LibraryLocked` when another process has begun to write: reading works, and the next change tries again.
    /// `Closed` after [`Library::close`]; else as [`Library::open`].
    pub fn resume(&self) -> Result<()> {
        self.readers.come_back()?;
        match &self.access {
            Access::Write(_) => self.writer().map(drop),
            Access::Read(_) => Ok(()),
        }
    }

    /// Closes the library: no lock and no journal is left behind, so an app may be suspended after it, and any use gives
    /// `Closed`. Dropping does the same and keeps errors to itself.
    ///
    /// # Errors
    /// As [`Library::suspend`].
    pub fn close(&self) -> Result<()> {
        self.put_away(Presence::Closed)
    }

    fn put_away(&self, presence: Presence) -> Result<()> {
        busy::check()?;
        self.readers.leave(presence);
        let done = match &self.access {
            Access::Write(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                // Searches must look again: another process may write from now on.
                self.behind.store(true, Ordering::Release);
                writer.take().map_or(Ok(()), close)
            }
            Access::Read(watch) => {
                *watch.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
        };
        if presence == Presence::Closed {
            *self.vectors.write().unwrap_or_else(PoisonError::into_inner) = Vectors::empty();
        }
        done
    }

    /// The writer, waiting for its turn.
    pub(super) fn writer(&self) -> Result<WriterGuard<'_>> {
        let Access::Write(writer) = &self.access else {
            return Err(Error::new(ErrorKind::ReadOnly, "the library was opened for reading only"));
        };
        busy::check()?;
        // Asked before waiting, or else a stream of changes would keep the library from being put away.
        self.readers.require_here()?;
        // A panic inside a transaction has rolled it back: the connection is sound.
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            self.readers.require_here()?;
            *writer = Some(self.take_up().map_err(|error| self.folder.explain(error))?);
        }
        Ok(WriterGuard(writer))
    }

    /// The lock and the connection again, and the index as it is now.
    fn take_up(&self) -> Result<Writer> {
        let lock = WriterLock::take(&self.folder)?;
        let was_left = self.folder.journal_len() > 0;
        let mut connection = self.folder.open_writer()?;
        if schema::accept(&connection)? != schema::VERSION || check_library(&connection, &self.fingerprint)? != self.id
        {
            let message = "another library lies where this one was: open it again";
            return Err(Error::new(ErrorKind::LibraryCorrupt, message));
        }
        sql::make_durable(&connection).map_err(sql_error)?;
        if was_left {
            sql::clear_shared_memory(&connection);
        }
        self.follow_others(&mut connection)?;
        self.behind.store(false, Ordering::Release);
        Ok(Writer { connection, _lock: lock })
    }

    /// `Backgrounded` or `Closed` while changes can't be made.
    pub(crate) fn require_here(&self) -> Result<()> {
        self.readers.require_here()
    }

    /// Whether connections may be kept.
    pub(super) fn is_away(&self) -> bool {
        self.readers.state().presence != Presence::Here
    }

    /// Runs a query on an idle reading connection, or on a new one.
    pub(super) fn read<T>(&self, query: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut reader = self.readers.begin(&self.folder)?;
        let result = query(reader.connection.as_mut().expect("only dropping takes it"));
        reader.keep = result.is_ok();
        result
    }
}

fn close(writer: Writer) -> Result<()> {
    let emptied = checkpoint(&writer.connection);
    let closed = writer.connection.close().map_err(|(_, error)| sql_error(error));
    emptied.and(closed)
}

fn suspended() -> Error {
    let message = "the library is put away while the app is in the background: try again in the foreground";
    Error::new(ErrorKind::Backgrounded, message)
}
