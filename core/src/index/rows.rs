//! The rows of a generation: memory of our own that is filled from the file a page at a time, when a row is first
//! looked at.
//!
//! This is what a mapped file does, with one difference: a page that can't be read is an error that `row` returns, not
//! a SIGBUS that no Rust code can catch. A page is written once, before its bit in `present` is set, and never again:
//! so rows can be lent out while other threads fill other pages.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use memmap2::{MmapMut, MmapRaw};

use super::format::{PAGE_LEN, ROW_LEN, ROWS_PER_PAGE};
use super::pages::Pages;
use super::table::LoadError;

/// Pages that [`Rows::warm_up`] reads at a time.
const RUN: usize = 64;

/// The rows of one generation file.
pub(super) struct Rows {
    count: usize,
    /// Anonymous memory, a whole number of pages.
    memory: MmapRaw,
    /// A bit for each page that is in memory and verified.
    present: Vec<AtomicU64>,
    missing: AtomicUsize,
    pages: Pages,
    /// The file's page in which the first row lies.
    first: usize,
    /// Held while pages are written.
    filling: Mutex<()>,
}

/// Room for one page that is not kept.
pub(super) struct Spare {
    page: Option<usize>,
    bytes: [u8; PAGE_LEN],
}

impl Spare {
    pub(super) const fn new() -> Self {
        Self { page: None, bytes: [0; PAGE_LEN] }
    }
}

impl Rows {
    /// So many rows, at least one, that begin in the page `first`. Nothing is read yet.
    pub(super) fn new(pages: Pages, first: usize, count: usize) -> io::Result<Self> {
        let len = count.div_ceil(ROWS_PER_PAGE);
        let memory = MmapMut::map_anon(len * PAGE_LEN)?.into();
        let present = (0..len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let missing = AtomicUsize::new(len);
        Ok(Self { count, memory, present, missing, pages, first, filling: Mutex::new(()) })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the pages that were read so far.
    pub(super) fn memory_bytes(&self) -> usize {
        (self.len() - self.missing.load(Ordering::Relaxed)) * PAGE_LEN + self.pages.memory_bytes()
    }

    /// One row, from the file when its page was not looked at before.
    #[inline]
    pub(super) fn row(&self, slot: usize) -> Result<&[u8; ROW_LEN], LoadError> {
        assert!(slot < self.count, "there is such a row");
        let page = slot / ROWS_PER_PAGE;
        if !self.is_present(page) {
            self.fill(page)?;
        }
        // SAFETY: the row lies in the map, in a page that was written completely before its bit was set and that
        // nobody writes afterwards; the bit was read with `Acquire`. The map lives as long as `self`.
        Ok(unsafe { &*self.memory.as_ptr().add(slot * ROW_LEN).cast::<[u8; ROW_LEN]>() })
    }

    /// Where a row is or will be, for a prefetch.
    #[inline]
    pub(super) fn address(&self, slot: usize) -> *const u8 {
        self.memory.as_ptr().wrapping_add(slot * ROW_LEN)
    }

    /// One row without keeping its page, for reading them all once and in order.
    pub(super) fn pass<'a>(&'a self, slot: usize, spare: &'a mut Spare) -> Result<&'a [u8; ROW_LEN], LoadError> {
        let page = slot / ROWS_PER_PAGE;
        if slot >= self.count || self.is_present(page) {
            return self.row(slot);
        }
        if spare.page != Some(page) {
            spare.page = None;
            self.pages.read(self.first + page, &mut spare.bytes)?;
            spare.page = Some(page);
        }
        Ok(&spare.bytes.as_chunks().0[slot % ROWS_PER_PAGE])
    }

    /// Reads every page that is not in memory yet.
    pub(super) fn warm_up(&self) -> Result<(), LoadError> {
        let _guard = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        // Advice only: all of it is wanted, so that large pages waste nothing and make searches a little faster.
        #[cfg(target_os = "linux")]
        let _ = self.memory.advise(memmap2::Advice::HugePage);
        let mut page = 0;
        while page < self.len() {
            let run = (page..self.len().min(page + RUN)).take_while(|page| !self.is_present(*page)).count();
            if run > 0 {
                self.read_in(page, run)?;
            }
            page += run.max(1);
        }
        Ok(())
    }

    #[cold]
    fn fill(&self, page: usize) -> Result<(), LoadError> {
        let _guard = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have filled it while this one waited.
        if self.is_present(page) { Ok(()) } else { self.read_in(page, 1) }
    }

    /// Reads absent pages; call it only with `filling` held.
    fn read_in(&self, page: usize, count: usize) -> Result<(), LoadError> {
        assert!(page + count <= self.len() && (page..page + count).all(|page| !self.is_present(page)));
        // SAFETY: the pages lie in the map. They are absent, so no one looks at them, and `filling` keeps other writers
        // away until their bits are set.
        let into = unsafe { std::slice::from_raw_parts_mut(self.at(page), count * PAGE_LEN) };
        self.pages.read(self.first + page, into)?;
        for page in page..page + count {
            self.present[page / 64].fetch_or(1 << (page % 64), Ordering::Release);
        }
        self.missing.fetch_sub(count, Ordering::Relaxed);
        Ok(())
    }

    #[inline]
    fn is_present(&self, page: usize) -> bool {
        (self.present[page / 64].load(Ordering::Acquire) >> (page % 64)) & 1 == 1
    }

    fn at(&self, page: usize) -> *mut u8 {
        self.memory.as_mut_ptr().wrapping_add(page * PAGE_LEN)
    }

    /// How many pages there are.
    fn len(&self) -> usize {
        self.count.div_ceil(ROWS_PER_PAGE)
    }
}
