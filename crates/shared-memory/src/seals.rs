//! Whoever shares a file's memory shares its fate: if the peer shrinks the file, reading it is
//! SIGBUS. Seals are promises about a memfd that the kernel keeps, fcntl(2) `F_ADD_SEALS`.

use std::fs::File;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain, in_words, no_core_dump};
use lab::{Evidence, Experiment, Lab, say};
use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "seals",
    question: "What can a peer do to memory that it shares?",
    claims: &["ipc-by-shared-memory"],
    run,
};

const BYTES: usize = 4096;

fn run(_: &Lab) -> Result<Evidence> {
    let file = make()?;
    let memory = map(&file)?;
    let unsealed =
        peer("shrinks the file that both have mapped", || nix::unistd::ftruncate(&file, 0))?;
    let reader = read(&memory)?;
    say!("owner", "reads its mapping, in a process for it, and gets {reader}");
    drop(memory);

    let file = make()?;
    let memory = map(&file)?;
    let no_resizing = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    fcntl(&file, FcntlArg::F_ADD_SEALS(no_resizing)).map_err(explain("F_ADD_SEALS"))?;
    let seals = fcntl(&file, FcntlArg::F_GET_SEALS).map_err(explain("F_GET_SEALS"))?;
    let does = match SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_SHRINK) {
        true => "tries that with a file sealed against it",
        false => "tries that with a file that is not sealed against it",
    };
    let shrink = peer(does, || nix::unistd::ftruncate(&file, 0))?;

    let no_writing = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    let early = fcntl(&file, FcntlArg::F_ADD_SEALS(no_writing)).map(drop);
    say!("owner", "seals it against writing while mapped for that: {}", name(early));
    drop(memory);
    let late = fcntl(&file, FcntlArg::F_ADD_SEALS(no_writing)).map(drop);
    say!("owner", "unmaps it and tries again: {}", name(late));
    let write = peer("writes to it", || nix::unistd::write(&file, b"changed").map(drop))?;
    let mapping = peer("maps it for writing", || {
        map(&file).map(drop).map_err(|error| {
            let cause = error.downcast_ref::<std::io::Error>();
            Errno::from_raw(cause.and_then(std::io::Error::raw_os_error).unwrap_or(libc::EIO))
        })
    })?;
    Ok(Evidence::new()
        .fact("unsealed: shrinking", name(unsealed))
        .fact("unsealed, shrunk: the reader gets", reader)
        .fact("sealed: shrinking", name(shrink))
        .fact("sealed against writing while mapped", name(early))
        .fact("sealed against writing when unmapped", name(late))
        .fact("sealed: writing", name(write))
        .fact("sealed: mapping for writing", name(mapping)))
}

fn make() -> Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(c"sealed", flags).map_err(explain("memfd_create"))?);
    file.set_len(BYTES as u64).context("ftruncate")?;
    Ok(file)
}

fn map(file: &File) -> Result<MmapRaw> {
    MmapOptions::new().len(BYTES).map_raw(file).context("mmap")
}

/// Lets another process, which has the same file open, try something.
fn peer(does: &str, act: impl FnOnce() -> nix::Result<()>) -> Result<nix::Result<()>> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let outcome = act();
            say!("peer", "{does}: {}", name(outcome));
            outcome.map_or_else(|errno| errno as i32, |()| 0)
        })
    }?;
    match child.wait()? {
        WaitStatus::Exited(_, 0) => Ok(Ok(())),
        WaitStatus::Exited(_, errno) => Ok(Err(Errno::from_raw(errno))),
        status => bail!("the peer {}", in_words(status)),
    }
}

/// Reads the first byte in a process that may crash over it.
fn read(memory: &MmapRaw) -> Result<&'static str> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds;
    // the read is a crash on purpose.
    let child = unsafe {
        Child::fork(|| {
            no_core_dump();
            std::hint::black_box(memory.as_ptr().read_volatile());
            0
        })
    }?;
    Ok(match child.wait()? {
        WaitStatus::Signaled(_, signal, _) => signal.as_str(),
        _ => "the data",
    })
}

fn name(outcome: nix::Result<()>) -> String {
    outcome.map_or_else(|errno| format!("{errno:?}"), |()| "allowed".to_owned())
}
