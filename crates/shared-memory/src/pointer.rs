//! An address means something in one process only. An offset means the same in both.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, explain, in_words, no_core_dump, status};
use lab::{Evidence, Experiment, Lab, say};
use memmap2::{MmapOptions, MmapRaw};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "pointer",
    question: "Can a process send another one a pointer?",
    claims: &["cross-process-threads"],
    run,
};

const BYTES: usize = 4096;
/// Where in the shared memory the parent puts a value, in words.
const OFFSET: usize = 100;
/// What the parent's variable holds at the fork, and what it writes afterwards.
const BEFORE: u64 = 7;
const AFTER: u64 = 42;

fn run(_: &Lab) -> Result<Evidence> {
    let old = new_page(MapFlags::MAP_PRIVATE)?;
    // SAFETY: the page is writable, and nobody else uses it.
    unsafe { old.write_volatile(BEFORE) };
    let shared = memfd_create(c"shared", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let shared = File::from(shared);
    shared.set_len(BYTES as u64).context("ftruncate")?;
    let (reader, writer) = nix::unistd::pipe().map_err(explain("pipe"))?;

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe { Child::fork(|| status(receive(&reader, &shared))) }?;
    let new = new_page(MapFlags::MAP_SHARED)?; // Made after the fork: the child has no such page.
    let memory = map(&shared)?;
    // SAFETY: all three are writable, and nobody else writes them yet.
    unsafe {
        old.write_volatile(AFTER);
        new.write_volatile(AFTER);
        word(&memory, OFFSET).write_volatile(AFTER);
    }
    say!("parent", "writes {AFTER} at {old:p}, on a new page {new:p},");
    say!("parent", "and at word {OFFSET} of shared memory, mapped at {:p}", memory.as_ptr());
    for message in [old as usize, new as usize, OFFSET] {
        nix::unistd::write(&writer, &message.to_ne_bytes()).map_err(explain("write"))?;
    }
    let ended = child.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "the child {}", in_words(ended));

    // SAFETY: the child has ended, nobody writes there any more.
    let found = |index| unsafe { word(&memory, index).read_volatile() };
    let second = match nix::sys::signal::Signal::try_from(found(1) as i32) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => found(3).to_string(),
    };
    Ok(Evidence::new()
        .fact("old pointer: the other process reads", found(0))
        .fact("new pointer: the other process gets", second)
        .fact("offset: the other process reads", found(2)))
}

/// Follows what the parent sent, in the child, and leaves what it found in the shared memory.
fn receive(from: &OwnedFd, shared: &File) -> Result<()> {
    let old = receive_word(from)? as *const u64;
    let new = receive_word(from)? as *const u64;
    let offset = receive_word(from)?;

    // SAFETY: the parent made this page before the fork, so the child has it at that address.
    let copy = unsafe { old.read_volatile() };
    let whose = match copy {
        BEFORE => "its own copy, from before the write",
        AFTER => "what the parent wrote",
        _ => "neither the old value nor the new one",
    };
    say!("child", "reads {copy} at the first: {whose}");

    let mapped = lab::proc::mappings()?.iter().any(|one| one.addresses.contains(&(new as usize)));
    // SAFETY: this process has one thread. The read is a crash on purpose, in a process for it.
    let victim = unsafe {
        Child::fork(|| {
            no_core_dump();
            new.read_volatile() as i32
        })
    }?;
    let there = if mapped { "something else is" } else { "nothing is" };
    let (signal, second) = match victim.wait()? {
        WaitStatus::Signaled(_, signal, _) => {
            say!("child", "at the second, {signal}: {there} mapped there");
            (signal as u64, 0)
        }
        WaitStatus::Exited(_, value) => {
            say!("child", "reads {value} at the second: {there} mapped there");
            (0, value as u64)
        }
        status => bail!("the reader of the second {}", in_words(status)),
    };

    let memory = map(shared)?;
    // SAFETY: both processes mapped this page; the parent only reads it after the child's end.
    unsafe {
        let value = word(&memory, offset).read_volatile();
        say!("child", "maps the shared memory at {:p} and finds {value} there", memory.as_ptr());
        for (index, finding) in [copy, signal, value, second].into_iter().enumerate() {
            word(&memory, index).write_volatile(finding);
        }
    }
    Ok(())
}

fn receive_word(from: &OwnedFd) -> Result<usize> {
    let mut bytes = [0; size_of::<usize>()];
    let got = nix::unistd::read(from, &mut bytes).map_err(explain("read"))?;
    ensure!(got == bytes.len(), "the pipe ended early");
    Ok(usize::from_ne_bytes(bytes))
}

fn map(shared: &File) -> Result<MmapRaw> {
    MmapOptions::new().len(BYTES).map_raw(shared).context("mmap")
}

fn word(memory: &MmapRaw, index: usize) -> *mut u64 {
    memory.as_mut_ptr().cast::<u64>().wrapping_add(index)
}

/// A new page without a file. Whoever is forked afterwards has it too: a copy of a private one.
fn new_page(sharing: MapFlags) -> Result<*mut u64> {
    let length = NonZeroUsize::new(BYTES).context("no page")?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    Ok(unsafe { mmap_anonymous(None, length, access, sharing) }.context("mmap")?.cast().as_ptr())
}
