//! A pipe with a name in the file system: processes that are not related can meet there.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, explain, explain_io, explain_temporary, in_words};
use lab::proc::comes_to_block_in;
use lab::{AtDeath, Evidence, Experiment, Lab, Role, say};
use nix::sys::stat::{Mode, SFlag, stat};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, mkfifo};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fifo",
    question: "How do two programs find each other that no parent has connected?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let directory = std::env::temp_dir().join(format!("pipes-{}", std::process::id()));
    let path = directory.join("fifo");
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let _removed_at_the_end = unsafe {
        AtDeath::promise(|| {
            let _ = std::fs::remove_dir_all(&directory);
        })
    }?;
    std::fs::create_dir(&directory).map_err(explain_temporary("mkdir"))?;
    // ANCHOR: fifo
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(explain("mkfifo"))?;
    let mut writer = lab::role("pipes", WRITER.name);
    let writer = writer.arg(&path).spawn().map_err(explain_io("posix_spawn"))?;
    let writer = Child::adopt(Pid::from_raw(writer.id() as i32));
    let waits = comes_to_block_in(writer.pid(), libc::SYS_openat, LIMIT)?;
    // ANCHOR_END: fifo
    say!("reader", "{} opens it to write, and {}", writer.pid(), sleeps(waits));
    let mut text = String::new();
    // Where nobody waits at the other end, the open would wait for ever.
    let flags = if waits { 0 } else { libc::O_NONBLOCK };
    let fifo = OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let mut fifo = fifo.map_err(explain_io("open"))?;
    fifo.read_to_string(&mut text).context("read")?;
    say!("reader", "opens it too, and reads: {}", text.trim_end());
    let ended = writer.wait()?;
    ensure!(matches!(ended, WaitStatus::Exited(_, 0)), "the writer {}", in_words(ended));
    let size = stat(&path).map_err(explain("stat"))?.st_size;
    let kind = if is_fifo(&path)? { "a FIFO" } else { "no FIFO" };
    let kept = if size == 0 { "nothing was written to a disk" } else { "the file keeps them" };
    say!("reader", "the name is {kind} of {size} bytes: {kept}");
    Ok(Evidence::new()
        .fact("fifo: open waits for the other end", waits)
        .fact("fifo: message", text.trim_end())
        .fact("fifo: size", size))
}

fn is_fifo(path: &Path) -> Result<bool> {
    let found = stat(path).map_err(explain("stat"))?;
    Ok(SFlag::from_bits_truncate(found.st_mode).contains(SFlag::S_IFIFO))
}

fn sleeps(waits: bool) -> &'static str {
    if waits { "sleeps until somebody reads" } else { "does not have to wait" }
}

/// A program that knows nothing but the name.
pub const WRITER: Role = Role {
    name: "writer",
    run: |arguments| {
        let path = arguments.first().context("the name is missing")?;
        let mut fifo = OpenOptions::new().write(true).open(path).map_err(explain_io("open"))?;
        fifo.write_all(b"hello from a stranger\n").context("write")
    },
};
