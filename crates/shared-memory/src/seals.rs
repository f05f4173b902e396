//! Whoever shares a file's memory shares its fate: if the peer shrinks the file, reading it is
//! SIGBUS. Seals are promises about a memfd that the kernel keeps, fcntl(2) `F_ADD_SEALS`.

use std::fs::File;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain, no_core_dump};
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

const PAGE: usize = 4096;

fn run(_: &Lab) -> Result<Evidence> {
    let file = make()?;
    let memory = map(&file)?;
    file.set_len(0).context("ftruncate")?;
    let reader = match read_in_a_child(&memory)? {
        WaitStatus::Signaled(_, signal, _) => signal.as_str(),
        _ => "the data",
    };
    say!("peer", "shrinks the file that both have mapped; reading it is {reader}");

    let file = make()?;
    let memory = map(&file)?;
    let no_resizing = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    fcntl(&file, FcntlArg::F_ADD_SEALS(no_resizing)).map_err(explain("F_ADD_SEALS"))?;
    let shrink = nix::unistd::ftruncate(&file, 0);
    say!("peer", "tries the same with a sealed one: {}", name(shrink));

    let early = fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)).map(drop);
    say!("owner", "seals it against writing while it is mapped for writing: {}", name(early));
    drop(memory);
    let no_writing = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(no_writing)).map_err(explain("F_ADD_SEALS"))?;
    let write = nix::unistd::write(&file, b"changed").map(drop);
    let mapping = map(&file).err().and_then(|error| {
        error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error)
    });
    let mapping = mapping.map_or(Ok(()), |errno| Err(Errno::from_raw(errno)));
    say!(
        "peer",
        "writes to what was sealed after that: {}, maps it: {}",
        name(write),
        name(mapping)
    );

    if shrink.is_ok() || write.is_ok() {
        bail!("the kernel broke a seal");
    }
    Ok(Evidence::new()
        .fact("unsealed, shrunk: the reader gets", reader)
        .fact("sealed: shrinking", name(shrink))
        .fact("sealed against writing while mapped", name(early))
        .fact("sealed: writing", name(write))
        .fact("sealed: mapping for writing", name(mapping)))
}

fn make() -> Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(c"sealed", flags).map_err(explain("memfd_create"))?);
    file.set_len(PAGE as u64).context("ftruncate")?;
    Ok(file)
}

fn map(file: &File) -> Result<MmapRaw> {
    MmapOptions::new().len(PAGE).map_raw(file).context("mmap")
}

/// Reads the first byte in a process that may crash over it.
fn read_in_a_child(memory: &MmapRaw) -> Result<WaitStatus> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds;
    // the read is a crash on purpose.
    let child = unsafe {
        Child::fork(|| {
            no_core_dump();
            std::hint::black_box(memory.as_ptr().read_volatile());
            0
        })
    }?;
    child.wait()
}

fn name(outcome: nix::Result<()>) -> String {
    outcome.map_or_else(|errno| format!("{errno:?}"), |()| "allowed".to_owned())
}
