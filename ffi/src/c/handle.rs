//! Handles: numbers that name a place in a table, and how often that place was used.

use std::marker::PhantomData;
use std::sync::{PoisonError, RwLock};

use crane_core::{Error, ErrorKind, Result};

/// What kind of object a handle names.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Kind {
    Runtime = 1,
    Cancel = 2,
    Text = 3,
}

/// Bits of a handle, from the lowest: kind, place, use. A place whose uses are exhausted is not used again.
const KIND_BITS: u32 = 2;
const PLACE_BITS: u32 = usize::BITS / 2 - KIND_BITS;
const USE_BITS: u32 = usize::BITS / 2;

/// The live objects of one kind. `H` is the opaque type that the header shows.
pub(super) struct Table<H, T> {
    kind: Kind,
    places: RwLock<Places<T>>,
    header: PhantomData<fn() -> H>,
}

struct Places<T> {
    all: Vec<Place<T>>,
    free: Vec<usize>,
}

struct Place<T> {
    uses: usize,
    value: Option<T>,
}

impl<H, T: Clone> Table<H, T> {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, places: RwLock::new(Places { all: Vec::new(), free: Vec::new() }), header: PhantomData }
    }

    /// Keeps a value and gives its handle, which is never null.
    pub(super) fn insert(&self, value: T) -> Result<*mut H> {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let at = places.free.pop().unwrap_or(places.all.len());
        if at >> PLACE_BITS != 0 {
            return Err(Error::new(ErrorKind::OutOfMemory, "too many handles are in use: free some"));
        }
        if at == places.all.len() {
            places.all.push(Place { uses: 0, value: None });
        }
        let place = &mut places.all[at];
        place.uses += 1;
        place.value = Some(value);
        let bits = (place.uses << (usize::BITS - USE_BITS)) | (at << KIND_BITS) | self.kind as usize;
        Ok(std::ptr::without_provenance_mut(bits))
    }

    /// The value behind a handle.
    pub(super) fn get(&self, handle: *const H) -> Result<T> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(handle)?;
        let found = places.all.get(place.0).filter(|found| found.uses == place.1);
        found.and_then(|found| found.value.clone()).ok_or_else(dead)
    }

    /// Takes the value out; the handle is dead from then on.
    pub(super) fn take(&self, handle: *const H) -> Result<T> {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let (at, uses) = self.place(handle)?;
        let found = places.all.get_mut(at).filter(|found| found.uses == uses);
        let value = found.and_then(|found| found.value.take()).ok_or_else(dead)?;
        if uses >> (USE_BITS - 1) == 0 {
            places.free.push(at);
        }
        Ok(value)
    }

    /// Place and use that a handle names.
    fn place(&self, handle: *const H) -> Result<(usize, usize)> {
        let bits = handle.addr();
        if bits == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a handle is NULL"));
        }
        if bits & ((1 << KIND_BITS) - 1) != self.kind as usize {
            return Err(Error::new(ErrorKind::InvalidInput, "a handle is of another kind than is asked for here"));
        }
        Ok(((bits >> KIND_BITS) & ((1 << PLACE_BITS) - 1), bits >> (usize::BITS - USE_BITS)))
    }
}

fn dead() -> Error {
    Error::new(ErrorKind::InvalidInput, "a handle is not in use: it was freed before, or never given out")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Header;

    static NUMBERS: Table<Header, i32> = Table::new(Kind::Text);
    static OTHERS: Table<Header, i32> = Table::new(Kind::Cancel);

    #[test]
    fn a_handle_is_good_until_it_is_freed_and_never_again() {
        let first = NUMBERS.insert(1).unwrap();
        let second = NUMBERS.insert(2).unwrap();
        assert_eq!((NUMBERS.get(first).unwrap(), NUMBERS.get(second).unwrap()), (1, 2));
        assert_eq!(NUMBERS.take(first).unwrap(), 1);
        let third = NUMBERS.insert(3).unwrap();
        assert!(third != first && third.addr() & 0xFFFF == first.addr() & 0xFFFF, "the same place, another use");
        let mut elsewhere = Header;
        for bad in [first, std::ptr::null_mut(), std::ptr::without_provenance_mut(usize::MAX), &raw mut elsewhere] {
            assert_eq!(NUMBERS.get(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(NUMBERS.take(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(NUMBERS.get(third).unwrap(), 3);
        assert!(OTHERS.get(third).is_err(), "another kind");
    }
}
