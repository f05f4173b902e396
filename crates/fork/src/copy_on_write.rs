//! After `fork` both processes show the same page frames, until one of them writes.

use std::hint::black_box;
use std::io::{Read, Write, pipe};
use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use lab::child::{Child, status};
use lab::machine::page_size;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
use nix::sys::resource::{UsageWho, getrusage};

pub const EXPERIMENT: Experiment = Experiment {
    name: "copy-on-write",
    question: "When is the memory copied?",
    claims: &["creation-duplicates-parent"],
    run,
};

const PAGES: usize = 1000;

fn run(_: &Lab) -> Result<Evidence> {
    let page = page_size();
    let length = NonZeroUsize::new(PAGES * page).context("the page size is zero")?;
    let (access, private) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let memory = unsafe { mmap_anonymous(None, length, access, private) }.context("mmap")?;
    // SAFETY: the range is the mapping made above. Before Linux 5.8 a fault copied a huge page.
    let _ = unsafe { madvise(memory, length.get(), MmapAdvise::MADV_NOHUGEPAGE) };
    let first: *mut u8 = memory.cast().as_ptr();
    let write_every_page = |value: u8| {
        for index in 0..PAGES {
            // SAFETY: `index` is below the number of pages that were mapped writable.
            unsafe { first.add(index * page).write_volatile(value) };
        }
    };
    let pages_that_hold = |value: u8| {
        let holds = |index: &usize| {
            // SAFETY: as above, and every page may be read.
            unsafe { first.add(index * page).read_volatile() == value }
        };
        (0..PAGES).filter(holds).count() as u64
    };
    write_every_page(1);
    say!("parent", "has written 1 to {} of {PAGES} pages, then forks", pages_that_hold(1));

    let (mut from_child, to_parent) = pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            // ANCHOR: faults
            let before = minor_faults();
            let found = black_box(pages_that_hold(1));
            let after_reading = minor_faults();
            write_every_page(2);
            let after_writing = minor_faults();
            let written = pages_that_hold(2);
            // ANCHOR_END: faults
            let (reading, writing) = (after_reading - before, after_writing - after_reading);
            say!("child", "reads all pages, {found} hold 1: {reading} page faults");
            say!("child", "writes 2 to {written} pages: {writing} page faults");
            let counts = [found, written, reading, writing].map(u64::to_ne_bytes);
            status((&to_parent).write_all(counts.as_flattened()))
        })
    }?;
    child.wait()?;
    drop(to_parent);
    let [mut found, mut written, mut reading, mut writing] = [[0; 8]; 4];
    for count in [&mut found, &mut written, &mut reading, &mut writing] {
        from_child.read_exact(count).context("read the child's counts")?;
    }
    let kept = pages_that_hold(1);
    say!("parent", "finds its 1 in {kept} of {PAGES} pages after that");
    // SAFETY: nothing refers to the mapping any more.
    unsafe { munmap(memory, length.get()) }.context("munmap")?;
    Ok(Evidence::new()
        .fact("pages", PAGES)
        .fact("pages that the child finds", u64::from_ne_bytes(found))
        .fact("pages that the child has written", u64::from_ne_bytes(written))
        .fact("pages that the parent keeps", kept)
        .measured("faults while reading", u64::from_ne_bytes(reading), "faults")
        .measured("faults while writing", u64::from_ne_bytes(writing), "faults"))
}

/// Page faults of this process that needed no disk, getrusage(2).
fn minor_faults() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF);
    let faults = usage.map_or(0, |usage| usage.minor_page_faults() as u64);
    lab::counted("minor page faults", faults);
    faults
}
