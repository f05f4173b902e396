//! Anonymous memory, of this process alone or shared with the children that it forks.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use lab::child::explain;
use nix::sys::mman::{MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// A mapping of zeros. Dropped, it is unmapped.
pub struct Memory {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the mapping belongs to no thread, and is read and written through references alone.
unsafe impl Send for Memory {}
// SAFETY: shared references to it only read, but for atomic writes.
unsafe impl Sync for Memory {}

impl Memory {
    /// Memory that a forked child gets a copy of.
    pub fn private(length: usize) -> Result<Memory> {
        Memory::map(length, MapFlags::MAP_PRIVATE)
    }

    /// Memory that a forked child shares.
    pub fn shared(length: usize) -> Result<Memory> {
        Memory::map(length, MapFlags::MAP_SHARED)
    }

    fn map(length: usize, flags: MapFlags) -> Result<Memory> {
        let size = NonZeroUsize::new(length).context("an empty mapping")?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the place, so nothing that exists is replaced.
        let start =
            unsafe { mmap_anonymous(None, size, access, flags) }.map_err(explain("mmap"))?;
        Ok(Memory { start, length })
    }

    /// Writes to every page, so that each is there.
    pub fn touch(&mut self) {
        for page in self.bytes_mut().chunks_mut(4096) {
            page[0] = 1;
        }
    }

    /// Whether children get it, madvise(2).
    pub fn inherited(&self, inherited: bool) -> Result<()> {
        use nix::sys::mman::MmapAdvise::{MADV_DOFORK, MADV_DONTFORK};
        let advice = if inherited { MADV_DOFORK } else { MADV_DONTFORK };
        // SAFETY: the range is this mapping, and the advice changes nothing in this process.
        unsafe { madvise(self.start, self.length, advice) }.map_err(explain("madvise"))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is valid for its length, and bytes are only written through `&mut`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }

    /// Its bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has a reference to it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.length) }
    }

    /// The 64-bit word at `index`, as an atomic.
    pub fn word(&self, index: usize) -> &std::sync::atomic::AtomicU64 {
        assert!((index + 1) * 8 <= self.length, "the word lies within the mapping");
        // SAFETY: the word lies within the mapping and is aligned; whoever uses words only uses words.
        unsafe {
            std::sync::atomic::AtomicU64::from_ptr(self.start.as_ptr().cast::<u64>().add(index))
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference outlives it.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}
