//! Two address spaces can hold the same memory: a shared mapping stays shared across `fork`.

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use anyhow::{Context, Result};
use lab::child::{Child, explain};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

pub const EXPERIMENT: Experiment = Experiment {
    name: "map-shared",
    question: "Can two processes still share memory?",
    claims: &["own-address-space"],
    run,
};

const LENGTH: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

fn run(_: &Lab) -> Result<Evidence> {
    let private = map(MapFlags::MAP_PRIVATE)?;
    let shared = map(MapFlags::MAP_SHARED)?;
    say!("parent", "maps a page private at {private:p} and a page shared at {shared:p}");

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            private.write_volatile(42);
            shared.write_volatile(42);
            say!("child", "writes 42 to both, at the same addresses");
            0
        })
    }?;
    child.wait()?;

    // SAFETY: both pages are mapped, and the only other process that wrote to them has ended.
    let (private_value, shared_value) =
        unsafe { (private.read_volatile(), shared.read_volatile()) };
    say!("parent", "finds {private_value} in the private page, {shared_value} in the shared one");
    for page in [private, shared] {
        // SAFETY: nothing refers to the page any more.
        unsafe { munmap(page.cast(), LENGTH.get()) }.context("munmap")?;
    }
    Ok(Evidence::new()
        .fact("private mapping: other sees the write", private_value == 42)
        .fact("shared mapping: other sees the write", shared_value == 42))
}

/// Maps a page of zeros.
fn map(sharing: MapFlags) -> Result<NonNull<u64>> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let page = unsafe { mmap_anonymous(None, LENGTH, access, sharing) };
    Ok(page.map_err(explain("mmap"))?.cast())
}
