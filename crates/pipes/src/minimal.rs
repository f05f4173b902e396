//! A child computes a number. How does it get to the parent: by itself, by exit status, by a pipe?

use std::io::{Read, Write};
use std::num::NonZeroUsize;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain, in_words};
use lab::narrate::{receives, sends};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "minimal",
    question: "A child has found a number. How does the parent learn it?",
    claims: &["processes-need-ipc"],
    run,
};

/// What the child finds: 2^40 and a little more.
const FOUND: u64 = (1 << 40) + 300;

fn run(_: &Lab) -> Result<Evidence> {
    let length = NonZeroUsize::new(size_of::<u64>()).context("a number takes no room")?;
    let (access, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    let memory = unsafe { mmap_anonymous(None, length, access, flags) }.map_err(explain("mmap"))?;
    let result = memory.cast::<u64>().as_ptr();

    // SAFETY: the mapping is readable and this process made it.
    let before = unsafe { result.read_volatile() };

    // ANCHOR: three-ways
    let (mut from_child, mut to_parent) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds;
    // `result` is mapped in both, aligned and large enough.
    let child = unsafe {
        Child::fork(|| {
            result.write_volatile(FOUND); // into its own memory
            let found = result.read_volatile();
            let sent = to_parent.write_all(&found.to_ne_bytes()); // into the pipe
            sends("found");
            if sent.is_ok() { found as i32 } else { 0 } // as its exit status
        })
    }?;
    drop(to_parent);
    let WaitStatus::Exited(_, status) = child.wait()? else {
        bail!("the child did not exit by itself");
    };
    // ANCHOR_END: three-ways
    let mut bytes = [0; 8];
    from_child.read_exact(&mut bytes).context("read")?;
    receives("found");
    let piped = u64::from_ne_bytes(bytes);
    // SAFETY: the mapping is readable and this process made it.
    let remembered = unsafe { result.read_volatile() };
    say!("parent", "the child is to write {FOUND} to a variable");
    say!("parent", "that variable holds {remembered} here");
    say!("parent", "its exit status is {status}");
    say!("parent", "the pipe says {piped}");
    // SAFETY: `result` is not used after this.
    unsafe { munmap(memory, length.get()) }.context("munmap")?;

    let mut arrived = Vec::new();
    for status in [1, 255, 256, 257, 1000] {
        // SAFETY: as above.
        let child = unsafe { Child::fork(|| status) }?;
        match child.wait()? {
            WaitStatus::Exited(_, seen) => arrived.push((status, seen)),
            other => bail!("the child {}", in_words(other)),
        }
    }
    let pairs: Vec<String> =
        arrived.iter().map(|(sent, seen)| format!("{sent} as {seen}")).collect();
    let eight_bits = arrived.iter().all(|(sent, seen)| sent & 0xff == *seen);
    say!("parent", "{}", pairs.join(", ").replacen(" as ", " arrives as ", 1));
    let bits = if eight_bits { "the lowest eight bits of each" } else { "not eight bits of each" };
    say!("parent", "that is {bits}");
    Ok(Evidence::new()
        .fact("pipes: the child's variable shows in the parent", remembered != before)
        .fact("pipes: exit status", status)
        .fact("pipes: an exit status has eight bits", eight_bits)
        .fact("pipes: the pipe carries the number", piped == FOUND))
}
