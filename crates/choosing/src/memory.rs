//! Memory that a parent has, and that a forked child gets a copy of.

use anyhow::Result;
use lab::child::explain_io;
use lab::machine::page_size;
use memmap2::MmapMut;

/// So many bytes of private memory, with a byte written to every page, so that each is there.
pub fn touched(bytes: usize) -> Result<MmapMut> {
    let mut memory = MmapMut::map_anon(bytes).map_err(explain_io("mmap"))?;
    for page in memory.chunks_mut(page_size()) {
        page[0] = 1;
    }
    Ok(memory)
}
