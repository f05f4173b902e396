//! When `main` returns, the process ends, and with it threads that are not finished. That is a
//! rule of the C and Rust libraries: the kernel lets the first thread end like any other.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain_io, in_words};
use lab::{Evidence, Experiment, Lab, Role, TimeLimit, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::proc::{field, status};

pub const EXPERIMENT: Experiment = Experiment {
    name: "main-returns",
    question: "What becomes of a thread that is not finished when main is?",
    claims: &["threads-inside-processes"],
    run,
};

/// The program that the experiment watches.
pub const ROLE: Role = Role { name: "main-returns", run: program };

// ANCHOR: program
/// Starts a thread that waits for the end of its input, then leaves main in some way.
fn program(arguments: &[&str]) -> Result<()> {
    let worker = thread::Builder::new().name("worker".to_owned()).spawn(work);
    let worker = worker.map_err(explain_io("thread"))?;
    if arguments == ["join"] {
        let _ = worker.join();
    } else if arguments == ["exit-thread"] {
        // SAFETY: the call ends this thread and no other; the worker borrows nothing from it.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    Ok(())
}

fn work() {
    let _ = std::io::stdin().read(&mut [0]);
    let _ = std::io::stdout().write_all(b"done").and_then(|()| std::io::stdout().flush());
}
// ANCHOR_END: program

fn run(_: &Lab) -> Result<Evidence> {
    let returned = watch("return")?;
    let returns = if returned.main_has_ended() { "returns" } else { "stays" };
    say!("main", "main {returns} while a worker waits: the worker {}", returned.worker());
    let joined = watch("join")?;
    let joins =
        if joined.main_has_ended() { "does not join the worker" } else { "joins the worker first" };
    say!("main", "main {joins}: the worker {}", joined.worker());
    let alone = watch("exit-thread")?;
    let (state, threads) = (&alone.state, alone.threads);
    let exits = match (alone.main_has_ended(), threads) {
        (false, _) => "does not exit",
        (true, 0 | 1) => "ends all",
        (true, _) => "alone exits",
    };
    say!("main", "main's thread {exits}: {state}, threads in all: {threads}");
    say!("main", "and then the worker is let go: the worker {}", alone.worker());
    Ok(Evidence::new()
        .fact("main returns: main has ended", returned.main_has_ended())
        .fact("main returns: worker finishes", returned.finished())
        .fact("main joins: worker finishes", joined.finished())
        .fact("main's thread ends alone: worker finishes", alone.finished())
        .measured("main's thread ends alone: threads left", alone.threads, "threads")
        .fact("main's thread ends alone: its state", alone.state))
}

/// What was seen of one run of the program.
struct Seen {
    said: String,
    /// The state of the first thread when the worker was let go, such as `Z (zombie)`.
    state: String,
    /// How many threads there were then, the first one included.
    threads: u32,
}

impl Seen {
    fn main_has_ended(&self) -> bool {
        self.state.starts_with('Z')
    }

    fn finished(&self) -> bool {
        self.said == "done"
    }

    fn worker(&self) -> &'static str {
        if self.finished() { "finishes" } else { "never finishes" }
    }
}

fn watch(way: &str) -> Result<Seen> {
    let mut command = lab::role("threads", ROLE.name);
    command.arg(way).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = command.spawn().map_err(explain_io("fork"))?;
    let child = Child::adopt(Pid::from_raw(program.id() as i32));
    let (input, mut output) = (program.stdin.take(), program.stdout.take().context("stdout")?);

    // The worker waits as long as `input` is open. What main does meanwhile decides.
    let (state, threads) = state_in_the_end(child.pid(), way == "join")?;
    drop(input);
    let mut said = String::new();
    output.read_to_string(&mut said).context("read")?;
    let status = child.wait()?;
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the program {}", in_words(status));
    Ok(Seen { said, state, threads })
}

/// Waits until the first thread of `process` has ended, or `sleeps` where it is meant to, for 5 s
/// at most; returns its state and the number of threads that /proc/PID/status gives.
fn state_in_the_end(process: Pid, sleeps: bool) -> Result<(String, u32)> {
    let mut limit = TimeLimit::new(Duration::from_secs(5));
    loop {
        let text = status(&format!("/proc/{process}"))?;
        let state = field(&text, "State").context("State")?;
        let threads = field(&text, "Threads").context("Threads")?;
        if state.starts_with('Z') || sleeps && state.starts_with('S') || limit.is_over() {
            return Ok((state.to_owned(), threads.parse().context("Threads")?));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
