//! The first thread of a process can end before the others. What ends them all is not its end, but
//! what its language does then.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::{Child, explain_io, failed, in_words};
use lab::proc::{state, status};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "leader-exit",
    question: "The first thread ends. Does the process?",
    claims: &["at-least-one-thread", "main-thread"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // The worker waits until it sees there that the first thread has ended.
    lab::proc::must_be_shown()?;
    let (mut told, tell) = std::io::pipe().context("pipe")?;
    let (go, mut open) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe { Child::fork(move || first_thread_ends(tell, go)) }?;
    let pid = child.pid();
    let mut byte = [0];
    // Nothing comes if the process has ended: then the pipe has no writer any more.
    let goes_on = told.read(&mut byte).context("read")? == 1;
    let leader = state(pid);
    let threads = status(pid, "Threads").unwrap_or_default();
    let ended = if leader == Some('Z') { "has ended" } else { "has not ended" };
    if goes_on {
        let state = leader.map_or("?".to_owned(), String::from);
        let word = if threads == "1" { "thread" } else { "threads" };
        say!("parent", "the first thread of {pid} {ended}, its state is {state}");
        say!("parent", "yet the process has {threads} {word}, and the worker says it runs");
    } else {
        say!("parent", "the first thread of {pid} {ended}, and nobody says anything");
    }
    // Where nobody reads any more this fails, and the status tells.
    let _ = open.write_all(b"g");
    let ended = child.wait()?;
    if !goes_on && !matches!(ended, WaitStatus::Exited(_, 0)) {
        bail!("the process {}, not by the end of its first thread", in_words(ended));
    }
    let by_worker = matches!(ended, WaitStatus::Exited(_, 3));
    let whose = if by_worker { "the worker's status" } else { "not the worker's status" };
    say!("parent", "then the process {}: {whose}", in_words(ended));

    let mut program = lab::role("process-lifecycle", RETURNS.name);
    let program = program.stdout(Stdio::piped()).spawn().map_err(explain_io("posix_spawn"))?;
    let output = program.wait_with_output().context("wait")?;
    if !output.status.success() {
        bail!("the program whose main returns failed: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Vec<&str> = text.lines().filter(|line| *line != RETURNING).collect();
    let finished = said.contains(&FINISHED);
    // Who finishes first has said so before main says that it returns.
    let while_it_works = !finished || text.find(RETURNING) < text.find(FINISHED);
    let when = if while_it_works { "while its worker works" } else { "after its worker" };
    say!("parent", "another program's main returns {when}");
    let more = if finished { "" } else { ", and no more" };
    say!("parent", "its worker said: {}{more}", said.join(", "));
    let evidence = Evidence::new();
    let name = "leader: the process goes on";
    let evidence = match goes_on && leader != Some('Z') {
        true => evidence.doubtful(name, "the first thread was not seen to end"),
        false => evidence.fact(name, goes_on),
    };
    let name = "main returns: the worker finishes";
    let evidence = match while_it_works {
        true => evidence.fact(name, finished),
        false => evidence.doubtful(name, "main returned when the worker had finished already"),
    };
    Ok(evidence
        .fact("leader: its state", leader.map_or("gone".to_owned(), String::from))
        .fact("leader: the worker's status is the process's", by_worker))
}

// ANCHOR: leader
fn first_thread_ends(mut tell: std::io::PipeWriter, mut go: std::io::PipeReader) -> i32 {
    let leader = Pid::this();
    let worker = thread::Builder::new().spawn(move || {
        while state(leader) != Some('Z') {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = tell.write_all(b"r");
        let _ = go.read(&mut [0]);
        lab::child::exit(3);
    });
    if let Err(error) = worker {
        return failed(&explain_io("thread")(error));
    }
    // The raw call ends this thread alone. exit_group(2), which libc's exit makes, ends them all.
    // SAFETY: this thread's stack is the process's first one and stays mapped.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    2
}
// ANCHOR_END: leader

/// What the worker of [`RETURNS`] says in the end, and its main.
const FINISHED: &str = "finished";
const RETURNING: &str = "main returns";

/// A program whose main returns while a thread of it works.
pub const RETURNS: Role = Role {
    name: "main-returns",
    run: |_| {
        let begun = std::sync::Arc::new(std::sync::Barrier::new(2));
        let worker_begun = begun.clone();
        let worker = thread::Builder::new().spawn(move || {
            println!("begun");
            worker_begun.wait();
            // The end of the process comes sooner, however busy the machine is.
            thread::sleep(Duration::from_secs(3));
            println!("{FINISHED}");
        });
        worker.map_err(explain_io("thread"))?;
        begun.wait();
        println!("{RETURNING}");
        Ok(())
    },
};
