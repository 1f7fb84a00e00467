//! What stands in for `keys` in builds without the feature `encryption`: a type without values, so that no code
//! elsewhere has to ask for the feature.

use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::index::SealKey;
use crate::key::LibraryKey;

pub(super) const SALT_LEN: usize = 16;

pub(super) enum FileKeys {}

impl FileKeys {
    pub(super) fn derive(_: &LibraryKey, _: [u8; SALT_LEN]) -> Result<Self> {
        let message = "this build of Crane has no encryption: build it with the cargo feature `encryption`";
        Err(Error::new(ErrorKind::WrongKey, message))
    }

    pub(super) const fn index(&self) -> &SealKey {
        match *self {}
    }

    pub(super) const fn salt(&self) -> &[u8; SALT_LEN] {
        match *self {}
    }

    pub(super) fn unlock(&self, _: &Connection) -> rusqlite::Result<()> {
        match *self {}
    }

    pub(super) fn attach(&self, _: &Connection, _: &str, _: &str) -> rusqlite::Result<()> {
        match *self {}
    }

    pub(super) fn fit(&self, _: &[u8]) -> bool {
        match *self {}
    }

    pub(super) fn salvage(&self, _: &mut [u8], _: &mut [u8]) {
        match *self {}
    }
}
