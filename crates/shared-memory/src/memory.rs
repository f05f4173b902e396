//! Memory that a process shares with the children it forks afterwards.

use std::fs::File;

use anyhow::{Context, Result};
use lab::child::explain;
use memmap2::{MmapOptions, MmapRaw};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Maps `bytes` zeroed bytes, shared and page aligned. They are gone with the last process that
/// has them mapped.
pub fn shared(bytes: usize) -> Result<MmapRaw> {
    let file = memfd_create(c"shared", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let file = File::from(file);
    file.set_len(bytes as u64).context("ftruncate")?;
    MmapOptions::new().len(bytes).map_raw(&file).context("mmap")
}
