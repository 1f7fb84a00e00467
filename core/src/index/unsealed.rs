//! What stands in for `seal` in builds without the feature `encryption`: types without values,
//! so that no code elsewhere has to ask for the feature.

use std::fs::File;
use std::io;

use super::format::{Damage, PAGE_LEN};
use super::table::LoadError;

pub(super) const PRELUDE_LEN: usize = 0;

/// What the index files of one library are sealed with: nothing, in this build.
#[derive(Debug)]
pub enum SealKey {}

impl SealKey {
    pub(crate) fn salt_in(_: &mut File) -> Option<[u8; 16]> {
        None
    }
}

pub(super) enum FileSeal {}

impl FileSeal {
    pub(super) const PAGE_LEN: usize = PAGE_LEN;

    pub(super) fn create(key: &SealKey) -> io::Result<Self> {
        match *key {}
    }

    pub(super) fn open(key: &SealKey, _: &mut File) -> Result<Self, LoadError> {
        match *key {}
    }

    pub(super) const fn prelude(&self) -> &[u8] {
        match *self {}
    }

    pub(super) fn seal(&self, _: u64, _: &mut [u8; PAGE_LEN]) -> [u8; 0] {
        match *self {}
    }

    pub(super) fn unseal(&self, _: u64, _: &[u8], _: &mut [u8; PAGE_LEN]) -> Result<(), Damage> {
        match *self {}
    }
}
