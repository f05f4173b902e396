//! Memory of a parent: anonymous mappings that are touched or not, and that fork copies or skips.

use std::fs;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use lab::child::explain;
use lab::machine::{Cgroup, memory_available, page_size};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

/// An anonymous mapping; unmapped when dropped.
pub struct Memory {
    start: NonNull<u8>,
    bytes: NonZeroUsize,
}

impl Memory {
    /// Maps private memory in pages of the smallest size.
    pub fn private(bytes: usize) -> Result<Memory> {
        Memory::map(bytes, MapFlags::MAP_PRIVATE, MmapAdvise::MADV_NOHUGEPAGE)
    }

    /// Maps private memory for which the kernel may use huge pages.
    pub fn huge(bytes: usize) -> Result<Memory> {
        Memory::map(bytes, MapFlags::MAP_PRIVATE, MmapAdvise::MADV_HUGEPAGE)
    }

    /// Maps memory that a child shares.
    pub fn shared(bytes: usize) -> Result<Memory> {
        Memory::map(bytes, MapFlags::MAP_SHARED, MmapAdvise::MADV_NOHUGEPAGE)
    }

    fn map(bytes: usize, kind: MapFlags, pages: MmapAdvise) -> Result<Memory> {
        let bytes = NonZeroUsize::new(bytes).context("nothing to map")?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
        let start =
            unsafe { mmap_anonymous(None, bytes, access, kind) }.map_err(explain("mmap"))?.cast();
        let memory = Memory { start, bytes };
        // A kernel without huge pages refuses this advice, and then it is not needed.
        let _ = memory.advise(memory.bytes.get(), pages);
        // Fork skips the mapping until a measurement asks for it.
        memory.advise(memory.bytes.get(), MmapAdvise::MADV_DONTFORK).context("madvise")?;
        Ok(memory)
    }

    /// Writes to every page of the first `bytes`, so that the process holds them alone.
    pub fn touch(&self, bytes: usize) {
        for offset in (0..bytes.min(self.bytes.get())).step_by(page_size()) {
            // SAFETY: the offset lies within the mapping, which is writable.
            unsafe { self.start.add(offset).write_volatile(1) };
        }
    }

    // ANCHOR: in-fork
    /// Runs `operation` while the first `bytes` belong to what fork has to copy.
    pub fn in_fork<T>(&self, bytes: usize, operation: impl FnOnce() -> Result<T>) -> Result<T> {
        self.advise(bytes, MmapAdvise::MADV_DOFORK).context("madvise")?;
        let outcome = operation();
        self.advise(bytes, MmapAdvise::MADV_DONTFORK).context("madvise")?;
        outcome
    }
    // ANCHOR_END: in-fork

    fn advise(&self, bytes: usize, advice: MmapAdvise) -> nix::Result<()> {
        // SAFETY: the range lies within the mapping, and no such advice changes its contents.
        unsafe { madvise(self.start.cast(), bytes.min(self.bytes.get()), advice) }
    }

    /// How many of its bytes are in huge pages, from smaps in proc(5).
    pub fn in_huge_pages(&self) -> Result<usize> {
        let smaps = fs::read_to_string("/proc/self/smaps").context("/proc/self/smaps")?;
        let (first, last) =
            (self.start.as_ptr() as usize, self.start.as_ptr() as usize + self.bytes.get());
        let mut inside = false;
        let mut found = 0;
        for line in smaps.lines() {
            let head = line.split(' ').next().unwrap_or("");
            if let Some((start, _)) = head.split_once('-') {
                let start = usize::from_str_radix(start, 16).unwrap_or(0);
                inside = (first..last).contains(&start);
            } else if inside && head == "AnonHugePages:" {
                found += kib(line) << 10;
            }
        }
        Ok(found)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the mapping any more.
        let _ = unsafe { munmap(self.start.cast(), self.bytes.get()) };
    }
}

/// How many bytes this process may still use, and what limits them: what the machine has free, or
/// its control group.
pub fn available() -> (usize, &'static str) {
    let free = memory_available();
    let whose = match Cgroup::here().memory_left {
        Some(left) if left == free => "the limit of its control group",
        _ => "MemAvailable",
    };
    (free as usize, whose)
}

fn kib(line: &str) -> usize {
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}
