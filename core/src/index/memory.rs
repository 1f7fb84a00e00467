//! Anonymous memory for the coarse codes: page-aligned, on huge pages where the system offers them.

use std::io;

use memmap2::MmapMut;

/// A block of zeroed bytes that belongs to this process alone; no file is behind it.
pub(super) struct Memory(Option<MmapMut>);

impl Memory {
    /// No bytes.
    pub(super) const fn empty() -> Self {
        Self(None)
    }

    /// `len` zeroed bytes, or an error when the system has no memory left.
    pub(super) fn zeroed(len: usize) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self::empty());
        }
        let map = MmapMut::map_anon(len)?;
        // Advice only: without it the scan is a little slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(Some(map)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or(&mut [])
    }
}
