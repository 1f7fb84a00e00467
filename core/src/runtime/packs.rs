//! Fact packs, as work that closing ends: see [`crate::library::pack`].

use std::path::Path;

use super::Runtime;
use super::session::Session;
use crate::busy;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind, Result};
use crate::library::pack::{ExportOptions, ExportReport, ImportOptions, ImportPreview, ImportReport, Pack};
use crate::library::{Library, Progress};
use crate::lifecycle::Work;

impl Runtime {
    /// Writes facts to a file, see [`Library::export_file`].
    ///
    /// # Errors
    /// As there; `NotFound` where there is no library yet; `Closed`, also in the midst of it.
    pub fn export_pack(&self, file: &Path, options: &ExportOptions, progress: Progress<'_>) -> Result<ExportReport> {
        let (session, library) = self.begin_reading()?;
        library.export_file(file, options, &mut watched(&session, progress))
    }

    /// What an import of this file would find, see [`Library::preview_import`].
    ///
    /// # Errors
    /// As there and as [`Pack::open`]; `NotFound` where there is no library yet; `Closed`, also in the midst of it.
    pub fn preview_pack(&self, file: &Path, options: &ImportOptions, progress: Progress<'_>) -> Result<ImportPreview> {
        let (session, library) = self.begin_reading()?;
        library.preview_import(&mut Pack::open(file)?, options, &mut watched(&session, progress))
    }

    /// Imports a file, see [`Library::import`].
    ///
    /// # Errors
    /// As there and as [`Pack::open`]; `Closed`, also in the midst of it.
    pub fn import_pack(&self, file: &Path, options: &ImportOptions, progress: Progress<'_>) -> Result<ImportReport> {
        let (session, library) = self.begin_change()?;
        library.import(&mut Pack::open(file)?, options, &mut watched(&session, progress))
    }

    /// Begins work on a library as it is.
    fn begin_reading(&self) -> Result<(Session, &Library)> {
        let session = Session::begin(&self.inner, Work::Plain)?;
        let none = || Error::new(ErrorKind::NotFound, "there is no library yet: add a fact first");
        Ok((session, self.library().ok_or_else(none)?))
    }
}

/// Progress that ends when the runtime is closed, and from within which nothing is changed.
fn watched<'a>(session: &Session, progress: Progress<'a>) -> impl FnMut(u64, u64) -> Result<()> + use<'a> {
    let stop = session.token(&CancelToken::new());
    move |done, total| {
        stop.check()?;
        busy::telling(|| progress(done, total))
    }
}
