//! A task changes a global variable, an environment variable, the current directory and a file.
//! What is left of that when the task has ended depends on where it ran.

use std::env::{current_dir, set_current_dir, set_var, var};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use lab::child::{Child, explain, explain_io, in_words, status};
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

pub const EXPERIMENT: Experiment = Experiment {
    name: "what-survives",
    question: "What is left of a task's changes when the task has ended?",
    claims: &[],
    run,
};

static GLOBAL: AtomicU64 = AtomicU64::new(0);

/// An environment variable.
const VARIABLE: &str = "MOOD";

// ANCHOR: task
/// The task: changes memory, an environment variable, the directory, and a file that is open.
fn change(mut file: &File) -> std::io::Result<()> {
    GLOBAL.store(1, SeqCst);
    // SAFETY: whoever started this task waits for it, so nobody reads the environment meanwhile.
    unsafe { set_var(VARIABLE, "new") };
    set_current_dir("/")?;
    file.write_all(b"changed")
}
// ANCHOR_END: task

fn run(_: &Lab) -> Result<Evidence> {
    let file = reset()?;
    Left::now(&file)?.tell("before", "the thread");
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(
            scope,
            traced(|| {
                say!("thread", "changes all four");
                change(&file)
            }),
        );
        let worker = worker.map_err(explain_io("thread"))?;
        worker.join().map_err(|_| anyhow!("the thread panicked"))?.context("a change failed")
    })?;
    let thread = Left::now(&file)?;
    thread.tell("after", "the thread");

    let file = reset()?;
    Left::now(&file)?.tell("before", "the process");
    // SAFETY: the thread was joined, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            say!("child", "changes all four");
            status(change(&file))
        })
    }?;
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the child {}", in_words(status));
    let process = Left::now(&file)?;
    process.tell("after", "the process");
    Ok(thread.facts("thread", process.facts("process", Evidence::new())))
}

/// What is found before or after a task.
struct Left {
    global: u64,
    variable: String,
    directory: String,
    bytes: u64,
}

impl Left {
    fn now(file: &File) -> Result<Left> {
        Ok(Left {
            global: GLOBAL.load(SeqCst),
            variable: var(VARIABLE).unwrap_or_else(|_| "unset".to_owned()),
            directory: current_dir().context("getcwd")?.display().to_string(),
            bytes: file.metadata().context("fstat")?.len(),
        })
    }

    fn tell(&self, when: &str, task: &str) {
        let Left { global, variable, directory, bytes } = self;
        let place = format!("{when} {task}:");
        say!(
            "main",
            "{place:<19} global {global}, {VARIABLE} {variable}, in {directory}, file: {bytes} B"
        );
    }

    fn facts(&self, task: &str, evidence: Evidence) -> Evidence {
        evidence
            .fact(&format!("{task}: global changed"), self.global == 1)
            .fact(&format!("{task}: environment changed"), self.variable == "new")
            .fact(&format!("{task}: directory changed"), self.directory == "/")
            .fact(&format!("{task}: file changed"), self.bytes > 0)
    }
}

/// Everything as before the task, with a new empty file that has no name.
fn reset() -> Result<File> {
    GLOBAL.store(0, SeqCst);
    // SAFETY: this process has one thread now.
    unsafe { std::env::remove_var(VARIABLE) };
    set_current_dir("/proc").context("chdir")?;
    let file = memfd_create(c"file", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}
