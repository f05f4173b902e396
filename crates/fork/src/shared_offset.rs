//! The child's descriptors are copies, but they refer to the parent's open file descriptions: the
//! file offset is shared.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, in_words, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "shared-offset",
    question: "If the child reads an open file, where does the parent continue?",
    claims: &["creation-duplicates-parent"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // There the file is opened once more.
    lab::proc::must_be_shown()?;
    let memfd = memfd_create(c"offset", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    let mut file = File::from(memfd);
    file.write_all(&[b'x'; 1000]).context("write")?;
    file.rewind().context("lseek")?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    say!("parent", "opened a file; its offset is {}", file.stream_position()?);

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let mut inherited = &file;
            status(inherited.read(&mut [0; 100]).map(|read| say!("child", "reads {read} bytes")))
        })
    }?;
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the child {}", in_words(status));
    let offset = file.stream_position().context("lseek")?;
    say!("parent", "has read nothing itself; its offset is {offset}");

    let mut own = File::open(&path).with_context(|| format!("open {path}"))?;
    let own = own.stream_position().context("lseek")?;
    say!("parent", "opens the file once more: the offset there is {own}");
    Ok(Evidence::new()
        .fact("offset after the child's read", offset)
        .fact("offset of a second open", own))
}
