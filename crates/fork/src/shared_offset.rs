//! The child's descriptors are copies, but they refer to the parent's open file descriptions: the
//! file offset is shared.

use std::io::{Read, Seek, Write};

use anyhow::{Context, Result};
use lab::child::{Child, explain};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};

pub const EXPERIMENT: Experiment = Experiment {
    name: "shared-offset",
    question: "If the child reads from an open file, where does the parent continue?",
    claims: &["creation-duplicates-parent"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let memfd = memfd_create(c"offset", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let mut file = std::fs::File::from(memfd);
    file.write_all(&[b'x'; 1000]).context("write")?;
    file.rewind().context("lseek")?;
    say!("parent", "opened a file; its offset is {}", file.stream_position()?);

    let mut inherited = &file;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let read = inherited.read(&mut [0; 100]).unwrap_or(0);
            say!("child", "reads {read} bytes");
            0
        })
    }?;
    child.wait()?;
    let offset = file.stream_position().context("lseek")?;
    say!("parent", "has read nothing, yet the offset is {offset}");

    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let own = std::fs::File::open(path).context("open")?.stream_position()?;
    say!("parent", "opens the file again: a description of its own, at offset {own}");
    Ok(Evidence::new()
        .fact("offset after the child's read", offset)
        .fact("offset of a second open", own))
}
