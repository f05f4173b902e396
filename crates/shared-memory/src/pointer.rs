//! An address means something in one process only. An offset means the same in both.

use std::fs::File;
use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, no_core_dump};
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

const PAGE: usize = 4096;
/// Where in the shared memory the parent puts a value, in words.
const OFFSET: usize = 100;

fn run(_: &Lab) -> Result<Evidence> {
    let mut old = Box::new(7u64);
    let shared = memfd_create(c"shared", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let shared = File::from(shared);
    shared.set_len(PAGE as u64).context("ftruncate")?;
    let (reader, writer) = nix::unistd::pipe().map_err(explain("pipe"))?;

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| match receive(&reader, &shared) {
            Ok(()) => 0,
            Err(error) => {
                say!("child", "{error:#}");
                1
            }
        })
    }?;
    let new = private_page()?;
    let memory = map(&shared)?;
    *old = 42;
    // SAFETY: both are writable, and nobody else uses them yet.
    unsafe {
        new.write_volatile(42);
        word(&memory, OFFSET).write_volatile(42);
    }
    say!("parent", "writes 42 at {old:p}, on a new page at {new:p},");
    say!("parent", "and at word {OFFSET} of shared memory, mapped at {:p}", memory.as_ptr());
    for message in [&raw const *old as usize, new as usize, OFFSET] {
        nix::unistd::write(&writer, &message.to_ne_bytes()).map_err(explain("write"))?;
    }
    let status = child.wait()?;
    ensure!(status == WaitStatus::Exited(status.pid().context("no pid")?, 0), "child: {status:?}");

    // SAFETY: the child has ended, nobody writes there any more.
    let found = |index| unsafe { word(&memory, index).read_volatile() };
    let signal = nix::sys::signal::Signal::try_from(found(1) as i32);
    Ok(Evidence::new()
        .fact("old pointer: the other process reads", found(0))
        .fact("new pointer: the other process gets", signal.map_or("a value", |s| s.as_str()))
        .fact("offset: the other process reads", found(2))
        .fact("mapped at the same address", found(3) == memory.as_ptr() as u64))
}

/// Follows what the parent sent, in the child, and leaves what it found in the shared memory.
fn receive(from: &std::os::fd::OwnedFd, shared: &File) -> Result<()> {
    let old = receive_word(from)? as *const u64;
    let new = receive_word(from)? as *const u64;
    let offset = receive_word(from)?;

    // SAFETY: the parent made this box before the fork, so the child has a copy at that address.
    let copy = unsafe { old.read_volatile() };
    say!("child", "reads {copy} at the first address: its own copy, from before the write");

    // SAFETY: this process has one thread. The read is a crash on purpose, in a process for it.
    let victim = unsafe {
        Child::fork(|| {
            no_core_dump();
            std::hint::black_box(new.read_volatile());
            0
        })
    }?;
    let signal = match victim.wait()? {
        WaitStatus::Signaled(_, signal, _) => {
            say!("child", "following the second address is {signal}: nothing is mapped there");
            signal as u64
        }
        status => {
            say!("child", "following the second address: {status:?}");
            0
        }
    };

    let memory = map(shared)?;
    // SAFETY: both processes mapped this page; the parent only reads it after the child's end.
    unsafe {
        let value = word(&memory, offset).read_volatile();
        say!("child", "maps the shared memory at {:p} and finds {value} there", memory.as_ptr());
        let findings = [copy, signal, value, memory.as_ptr() as u64];
        for (index, finding) in findings.into_iter().enumerate() {
            word(&memory, index).write_volatile(finding);
        }
    }
    Ok(())
}

fn receive_word(from: &std::os::fd::OwnedFd) -> Result<usize> {
    let mut bytes = [0; size_of::<usize>()];
    let got = nix::unistd::read(from, &mut bytes).map_err(explain("read"))?;
    ensure!(got == bytes.len(), "the pipe ended early");
    Ok(usize::from_ne_bytes(bytes))
}

fn map(shared: &File) -> Result<MmapRaw> {
    MmapOptions::new().len(PAGE).map_raw(shared).context("mmap")
}

fn word(memory: &MmapRaw, index: usize) -> *mut u64 {
    memory.as_mut_ptr().cast::<u64>().wrapping_add(index)
}

/// A page that exists in this process only, because it is made after the fork.
fn private_page() -> Result<*mut u64> {
    let length = NonZeroUsize::new(PAGE).context("no page")?;
    let (access, private) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
    Ok(unsafe { mmap_anonymous(None, length, access, private) }.context("mmap")?.cast().as_ptr())
}
