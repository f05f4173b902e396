//! After `fork` both processes show the same page frames, until one of them writes.

use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use lab::child::Child;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "copy-on-write",
    question: "When is the memory copied?",
    claims: &["creation-duplicates-parent"],
    run,
};

const PAGES: usize = 1000;

fn run(_: &Lab) -> Result<Evidence> {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(4096) as usize;
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
    write_every_page(1);
    say!("parent", "has written {PAGES} pages, then forks");

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            // ANCHOR: faults
            let before = minor_faults();
            for index in 0..PAGES {
                // SAFETY: the mapping was inherited at the same address.
                std::hint::black_box(first.add(index * page).read_volatile());
            }
            let after_reading = minor_faults();
            write_every_page(2);
            let after_writing = minor_faults();
            // ANCHOR_END: faults
            let (reading, writing) = (after_reading - before, after_writing - after_reading);
            let reads_free = reading * 10 < PAGES as i64;
            let writes_copy = writing >= PAGES as i64;
            say!("child", "read all {PAGES} pages: {}", faults(reads_free, "hardly a fault"));
            say!(
                "child",
                "wrote all {PAGES} pages: {}",
                faults(writes_copy, "one fault each, the page is copied then")
            );
            i32::from(reads_free) | i32::from(writes_copy) << 1
        })
    }?;
    let WaitStatus::Exited(_, seen) = child.wait()? else {
        anyhow::bail!("the child did not exit by itself");
    };
    // SAFETY: the mapping is readable and this process made it.
    let still = unsafe { first.read_volatile() };
    say!("parent", "still reads {still} where the child wrote 2");
    // SAFETY: nothing refers to the mapping any more.
    unsafe { munmap(memory, length.get()) }.context("munmap")?;
    ensure!(still == 1, "the parent's page holds {still}");
    Ok(Evidence::new()
        .fact("parent keeps its value", still == 1)
        .fact("reading copies nothing", seen & 1 != 0)
        .fact("writing copies each page", seen & 2 != 0))
}

fn faults(as_expected: bool, sentence: &'static str) -> &'static str {
    if as_expected { sentence } else { "an unexpected number of faults" }
}

/// Page faults of this process that needed no disk, getrusage(2).
fn minor_faults() -> i64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.minor_page_faults())
}
