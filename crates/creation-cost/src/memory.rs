//! Memory of a parent: anonymous mappings that are touched or not, and that fork copies or skips.

use std::fs;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU8;

use anyhow::{Context, Result};
use lab::Shared;
use lab::child::{explain, explain_io};
use lab::machine::{Cgroup, memory_available, page_size};
use memmap2::{MmapMut, MmapRaw};
use nix::errno::Errno;
use nix::sys::mman::{MmapAdvise, madvise};

/// An anonymous mapping; unmapped when dropped.
pub enum Memory {
    /// A forked child gets a copy of it.
    Private(MmapRaw),
    /// A forked child has the same.
    Shared(Shared<[AtomicU8]>),
}

impl Memory {
    /// Maps private memory in pages of the smallest size.
    pub fn private(bytes: usize) -> Result<Memory> {
        Memory::Private(map(bytes)?).skipped(MmapAdvise::MADV_NOHUGEPAGE)
    }

    /// Maps private memory for which the kernel may use huge pages.
    pub fn huge(bytes: usize) -> Result<Memory> {
        Memory::Private(map(bytes)?).skipped(MmapAdvise::MADV_HUGEPAGE)
    }

    /// Maps memory that a child shares.
    pub fn shared(bytes: usize) -> Result<Memory> {
        Memory::Shared(Shared::bytes(bytes)?).skipped(MmapAdvise::MADV_NOHUGEPAGE)
    }

    /// The same in such pages, and fork skips it until a measurement asks for it.
    fn skipped(self, pages: MmapAdvise) -> Result<Memory> {
        // A kernel without huge pages refuses this advice, and then it is not needed.
        let _ = self.advise(self.bytes(), pages);
        self.advise(self.bytes(), MmapAdvise::MADV_DONTFORK).context("madvise")?;
        Ok(self)
    }

    fn start(&self) -> *mut u8 {
        match self {
            Memory::Private(memory) => memory.as_mut_ptr(),
            Memory::Shared(bytes) => bytes.as_ptr().cast_mut().cast(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Memory::Private(memory) => memory.len(),
            Memory::Shared(bytes) => bytes.len(),
        }
    }

    /// Writes to every page of the first `bytes`, so that the process holds them alone.
    pub fn touch(&self, bytes: usize) {
        let start = self.start();
        for offset in (0..bytes.min(self.bytes())).step_by(page_size()) {
            // SAFETY: the offset lies within the mapping, which is writable.
            unsafe { start.add(offset).write_volatile(1) };
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
        let start = NonNull::new(self.start()).expect("a mapping").cast();
        // SAFETY: the range lies within the mapping, and no such advice changes its contents.
        unsafe { madvise(start, bytes.min(self.bytes()), advice) }
    }

    /// The share of its pages that are there, mincore(2): a page that nobody has touched is not.
    pub fn in_memory(&self) -> Result<f64> {
        let mut pages = vec![0u8; self.bytes().div_ceil(page_size())];
        // SAFETY: the range is the mapping, and there is a byte for each of its pages.
        let asked = unsafe { libc::mincore(self.start().cast(), self.bytes(), pages.as_mut_ptr()) };
        Errno::result(asked).map_err(explain("mincore"))?;
        Ok(pages.iter().filter(|page| **page & 1 == 1).count() as f64 / pages.len() as f64)
    }

    /// The share of it that is in huge pages, from smaps in proc(5).
    pub fn in_huge_pages(&self) -> Result<f64> {
        let smaps = fs::read_to_string("/proc/self/smaps").context("/proc/self/smaps")?;
        let (first, last) = (self.start() as usize, self.start() as usize + self.bytes());
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
        Ok(found as f64 / self.bytes() as f64)
    }
}

fn map(bytes: usize) -> Result<MmapRaw> {
    Ok(MmapMut::map_anon(bytes).map_err(explain_io("mmap"))?.into())
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
