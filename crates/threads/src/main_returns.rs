//! When `main` returns, the process ends, and with it threads that are not finished. That is a
//! rule of the C and Rust libraries: the kernel lets the first thread end like any other.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain_io, in_words, late};
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
    let worker = thread::Builder::new().name("worker".to_owned()).spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        let _ = std::io::stdout().write_all(b"done").and_then(|()| std::io::stdout().flush());
    });
    let worker = worker.map_err(explain_io("thread"))?;
    if arguments == ["join"] {
        let _ = worker.join();
    } else if arguments == ["exit-thread"] {
        // SAFETY: exit(2) ends this thread and no other; the worker borrows nothing from it.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    Ok(())
}
// ANCHOR_END: program

fn run(_: &Lab) -> Result<Evidence> {
    let returned = watch("return")?;
    say!("main", "if main returns while a worker waits, the worker says \"{}\"", returned.said);
    let joined = watch("join")?;
    say!("main", "if main joins the worker first, the worker says \"{}\"", joined.said);
    let alone = watch("exit-thread")?;
    say!("main", "if main's thread ends itself by exit(2), it is {}", alone.state);
    say!("main", "and the process runs on without it: the worker says \"{}\"", alone.said);
    Ok(Evidence::new()
        .fact("main returns: worker finishes", returned.said == "done")
        .fact("main joins: worker finishes", joined.said == "done")
        .fact("main's thread ends alone: worker finishes", alone.said == "done")
        .fact("main's thread ends alone: its state", alone.state))
}

/// What was seen of one run of the program.
struct Seen {
    said: String,
    /// The state of the first thread while the worker waited, such as `Z (zombie)`.
    state: String,
}

fn watch(way: &str) -> Result<Seen> {
    let mut command = lab::role("threads", ROLE.name);
    command.arg(way).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = command.spawn().map_err(explain_io("fork"))?;
    let child = Child::adopt(Pid::from_raw(program.id() as i32));
    let (input, mut output) = (program.stdin.take(), program.stdout.take().context("stdout")?);

    // The worker waits as long as `input` is open. What main does meanwhile decides.
    let wanted = match way {
        "join" => 'S',
        _ => 'Z',
    };
    let state = state_once(wanted, child.pid())?;
    drop(input);
    let mut said = String::new();
    output.read_to_string(&mut said).context("read")?;
    match child.wait()? {
        WaitStatus::Exited(_, 0) => Ok(Seen { said, state }),
        other => bail!("the program {}", in_words(other)),
    }
}

/// Waits until the first thread of `process` is in the state `wanted`, as /proc/PID/stat has it.
fn state_once(wanted: char, process: Pid) -> Result<String> {
    let mut limit = TimeLimit::new(Duration::from_secs(5));
    loop {
        let text = status(&format!("/proc/{process}"))?;
        let state = field(&text, "State").context("State")?;
        let threads = field(&text, "Threads").context("Threads")?;
        if state.starts_with(wanted) {
            return Ok(format!("{state}, threads: {threads}"));
        }
        if limit.is_over() {
            return Err(late(&format!("the first thread of {process} stays in state {state}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
