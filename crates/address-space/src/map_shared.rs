//! Two address spaces can hold the same memory: a shared mapping stays shared across `fork`.

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::sys::wait::WaitStatus;

use lab::machine::page_size;
use lab::proc::mappings;

pub const EXPERIMENT: Experiment = Experiment {
    name: "map-shared",
    question: "Can two processes still share memory?",
    claims: &["own-address-space"],
    run,
};

/// What the child writes to both pages, which begin as zeros.
const WRITTEN: u64 = 42;

fn run(_: &Lab) -> Result<Evidence> {
    let length = NonZeroUsize::new(page_size()).context("the page size is zero")?;
    // ANCHOR: map
    let private = map(length, MapFlags::MAP_PRIVATE)?;
    let shared = map(length, MapFlags::MAP_SHARED)?;
    // ANCHOR_END: map
    let kinds = [kind(private)?, kind(shared)?];
    say!("parent", "maps a {} page at {private:p}", kinds[0]);
    say!("parent", "maps a {} page at {shared:p}", kinds[1]);
    // SAFETY: both pages were mapped above.
    let before = unsafe { (private.read_volatile(), shared.read_volatile()) };

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            private.write_volatile(WRITTEN);
            shared.write_volatile(WRITTEN);
            let (one, other) = (private.read_volatile(), shared.read_volatile());
            say!("child", "is to write, and finds {one} and {other} at the same addresses");
            // Which of the two it has changed.
            i32::from(one != before.0) + 2 * i32::from(other != before.1)
        })
    }?;
    let WaitStatus::Exited(_, wrote @ 0..=3) = child.wait()? else {
        bail!("the child did not exit by itself");
    };

    // SAFETY: both pages are mapped, and the only other process that wrote to them has ended.
    let (private_value, shared_value) =
        unsafe { (private.read_volatile(), shared.read_volatile()) };
    let [one, other] = kinds;
    say!("parent", "finds {private_value} in the {one} page, {shared_value} in the {other} one");
    for page in [private, shared] {
        // SAFETY: nothing refers to the page any more.
        unsafe { munmap(page.cast(), length.get()) }.context("munmap")?;
    }
    Ok(Evidence::new()
        .fact("mappings: the child wrote to both", wrote == 3)
        .fact("private mapping: other sees the write", private_value == WRITTEN)
        .fact("shared mapping: other sees the write", shared_value == WRITTEN))
}

/// Whether a page is shared or private, as proc_pid_maps(5) shows it.
fn kind(page: NonNull<u64>) -> Result<&'static str> {
    let address = page.as_ptr() as usize;
    let all = mappings()?;
    let found = all.iter().find(|mapping| mapping.addresses.contains(&address));
    let found = found.context("the page is not mapped")?;
    Ok(if found.access.ends_with('s') { "shared" } else { "private" })
}

/// Maps a page of zeros.
fn map(length: NonZeroUsize, sharing: MapFlags) -> Result<NonNull<u64>> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let page = unsafe { mmap_anonymous(None, length, access, sharing) };
    Ok(page.map_err(explain("mmap"))?.cast())
}
