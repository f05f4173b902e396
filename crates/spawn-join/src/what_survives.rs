//! A task changes a global variable, the current directory and a file. What is left of that when
//! the task has ended depends on where it ran.

use std::env::{current_dir, set_current_dir};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use anyhow::{Context, Result, anyhow};
use lab::child::{Child, explain, explain_io};
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};

pub const EXPERIMENT: Experiment = Experiment {
    name: "what-survives",
    question: "What is left of a task's changes when the task has ended?",
    claims: &["python-thread-listing"],
    run,
};

static GLOBAL: AtomicU64 = AtomicU64::new(0);

/// The task: changes memory, the current directory, and a file that is open.
fn change(mut file: &File) -> std::io::Result<()> {
    GLOBAL.store(1, SeqCst);
    set_current_dir("/")?;
    file.write_all(b"changed")
}

fn run(_: &Lab) -> Result<Evidence> {
    let file = reset()?;
    say!("main", "global 0, directory /proc, file of 0 bytes");
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            say!("thread", "sets the global to 1, changes the directory, writes to the file");
            change(&file)
        });
        let worker = worker.map_err(explain_io("thread"))?;
        worker.join().map_err(|_| anyhow!("the thread panicked"))?.context("a change failed")
    })?;
    let thread = Left::now(&file)?;
    thread.tell("thread");

    let file = reset()?;
    // SAFETY: the thread was joined, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            say!("child", "sets the global to 1, changes the directory, writes to the file");
            i32::from(change(&file).is_err())
        })
    }?;
    child.wait()?;
    let process = Left::now(&file)?;
    process.tell("process");
    Ok(Evidence::new()
        .fact("thread: global changed", thread.global == 1)
        .fact("thread: directory changed", thread.directory == "/")
        .fact("thread: file changed", thread.bytes > 0)
        .fact("process: global changed", process.global == 1)
        .fact("process: directory changed", process.directory == "/")
        .fact("process: file changed", process.bytes > 0))
}

/// What is found after a task.
struct Left {
    global: u64,
    directory: String,
    bytes: u64,
}

impl Left {
    fn now(file: &File) -> Result<Left> {
        Ok(Left {
            global: GLOBAL.load(SeqCst),
            directory: current_dir().context("getcwd")?.display().to_string(),
            bytes: file.metadata().context("fstat")?.len(),
        })
    }

    fn tell(&self, after: &str) {
        let Left { global, directory, bytes } = self;
        say!("main", "after the {after}: global {global}, directory {directory}, {bytes} bytes");
    }
}

/// Everything as before the task, with a new empty file that has no name.
fn reset() -> Result<File> {
    GLOBAL.store(0, SeqCst);
    set_current_dir("/proc").context("chdir")?;
    let file = memfd_create(c"file", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}
