//! What lies where in this process's address space, and how much of it is in memory.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU8;

use anyhow::{Context, Result};
use lab::child::explain;
use lab::machine::page_size;
use lab::proc::{Mapping, mappings};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

pub const EXPERIMENT: Experiment = Experiment {
    name: "layout",
    question: "What lies where in an address space, and how much of it is memory?",
    claims: &[],
    run,
};

static GLOBAL: AtomicU8 = AtomicU8::new(0);
const PAGES: usize = 1000;

fn run(_: &Lab) -> Result<Evidence> {
    let page = page_size();
    let length = NonZeroUsize::new(PAGES * page).context("the page size is zero")?;
    let (access, private) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let fresh =
        unsafe { mmap_anonymous(None, length, access, private) }.map_err(explain("mmap"))?;
    // SAFETY: the range is the mapping made above. A huge page would be many pages at once.
    let _ = unsafe { madvise(fresh, length.get(), MmapAdvise::MADV_NOHUGEPAGE) };
    let (local, on_heap) = (0u8, Box::new(0u8));

    // ANCHOR: places
    let mut places = [
        ("a local variable", &raw const local as usize),
        ("a new mapping", fresh.as_ptr() as usize),
        ("the C library's read", libc::read as *const () as usize),
        ("a box", &raw const *on_heap as usize),
        ("a static variable", GLOBAL.as_ptr() as usize),
        ("this function", run as *const () as usize),
    ];
    // ANCHOR_END: places
    places.sort_by_key(|(_, address)| std::cmp::Reverse(*address));
    let all = mappings()?;
    let at = |address| all.iter().find(|mapping: &&Mapping| mapping.addresses.contains(&address));
    let mut evidence = Evidence::new();
    for (what, address) in places {
        let (access, name) = at(address).map_or(("unmapped", ""), |mapping| {
            (mapping.access.as_str(), mapping.name.rsplit('/').next().unwrap_or_default())
        });
        let name = if name.is_empty() { "no file" } else { name };
        say!("main", "{address:#14x} {what:<20} {access} {name}");
        evidence = evidence.fact(&format!("{what}: access"), access);
    }
    let nothing = if at(0).is_some() { "something" } else { "nothing" };
    say!("main", "{:#14x} {:<20} {nothing} is mapped here", 0, "the null pointer");
    let sum = |of: fn(&Mapping) -> usize| all.iter().map(of).sum::<usize>();
    let (mapped, resident) = (sum(Mapping::size), sum(|mapping| mapping.resident));
    say!("main", "{mapped} KiB are mapped in all, {resident} KiB of that are in memory");

    let untouched = in_memory(fresh.as_ptr().cast(), PAGES, page)?;
    // ANCHOR: touch
    let touched: Vec<usize> = (0..PAGES).step_by(10).collect();
    for index in &touched {
        // SAFETY: `index` is below the number of pages that were mapped writable.
        unsafe { fresh.cast::<u8>().add(index * page).write_volatile(1) };
    }
    // ANCHOR_END: touch
    let after = in_memory(fresh.as_ptr().cast(), PAGES, page)?;
    let kib = page / 1024;
    say!("main", "a new mapping of {PAGES} pages of {kib} KiB: {untouched} of them in memory");
    say!("main", "after a write to {} of its pages: {after} in memory", touched.len());
    // SAFETY: nothing refers to the mapping any more.
    unsafe { munmap(fresh, length.get()) }.context("munmap")?;
    Ok(evidence
        .fact("something is mapped at the null pointer", at(0).is_some())
        .measured("mapped", mapped, "KiB")
        .measured("in memory", resident, "KiB")
        .fact("pages of a new mapping in memory", untouched)
        .fact("pages written to", touched.len())
        .fact("pages in memory after that", after))
}

/// How many of `pages` pages from `first` on are in memory, mincore(2).
fn in_memory(first: *mut libc::c_void, pages: usize, page: usize) -> Result<usize> {
    let mut present = vec![0u8; pages];
    // SAFETY: the caller's range is mapped, and there is a byte for each of its pages.
    let result = unsafe { libc::mincore(first, pages * page, present.as_mut_ptr()) };
    Errno::result(result).map_err(explain("mincore"))?;
    Ok(present.iter().filter(|byte| **byte & 1 == 1).count())
}
