//! A process that has ended and that nobody has waited for: a number and a status, and nothing
//! that could run.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, explain};
use lab::proc::{state, status};
use lab::{Evidence, Experiment, Lab, TimeLimit, mark, say, span, stretch};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "zombie",
    question: "A child has ended, and nobody has waited for it. What is left?",
    claims: &["at-least-one-thread"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(Signal::SIGCHLD, &action) }.map_err(explain("sigaction"))?;
    let (gate, mut open) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let waits = stretch!("child", "waits until it may end");
            let _ = nix::unistd::read(&gate, &mut [0]);
            drop(waits);
            mark!("child", "ends with status 7");
            7
        })
    }?;
    let pid = child.pid();
    let alive = able_to_run(pid)?;
    say!("parent", "child {pid} lives, with {}", threads(alive));

    open.write_all(b"g").context("write")?;
    // ANCHOR: zombie
    let left = ends(pid);
    let runnable = able_to_run(pid)?;
    let memory = status(pid, "VmSize");
    let answers = found(kill(pid, None))?;
    // The number of one that is gone may be a stranger's.
    let is_there = left == Some('Z');
    let survives = is_there && found(kill(pid, Signal::SIGKILL))? && state(pid) == Some('Z');
    // ANCHOR_END: zombie
    let entry = match left {
        Some('Z') => Some(span!("parent", "child {pid} has ended; its state is Z, zombie")),
        Some(state) => Some(span!("parent", "child {pid} is in state {state}")),
        None => {
            say!("parent", "child {pid} has ended, and is gone");
            None
        }
    };
    if left.is_some() {
        let memory = memory.as_deref().unwrap_or("no memory");
        say!("parent", "it has {memory}, and {}", threads(runnable));
        let answer = if answers { "is still taken" } else { "is free" };
        let after = if survives { "it is still there" } else { "it is gone" };
        say!("parent", "its number {answer}; after a SIGKILL {after}");
    }
    let kept = match waitpid(pid, None) {
        Ok(WaitStatus::Exited(_, code)) => Some(code),
        Ok(_) | Err(Errno::ECHILD) => None,
        Err(errno) => return Err(explain("waitpid")(errno)),
    };
    drop(entry);
    std::mem::forget(child);
    match kept {
        Some(code) => say!("parent", "waitpid says: it exited with {code}"),
        None => say!("parent", "waitpid says: there is no such child, and no status"),
    }
    let gone = !found(kill(pid, None))?;
    say!("parent", "now its number is {}", if gone { "free again" } else { "still taken" });
    Ok(Evidence::new()
        .fact("zombie: threads while alive", alive)
        .fact("zombie: state", left.map_or("gone".to_owned(), String::from))
        .fact("zombie: threads that can run", runnable)
        .fact("zombie: has memory", memory.is_some())
        .fact("zombie: survives SIGKILL", survives)
        .fact("zombie: its status is kept", kept == Some(7))
        .fact("zombie: gone after waitpid", gone))
}

/// Whether a signal found its process. That there is none is an answer, too; any other error is not.
fn found(sent: nix::Result<()>) -> Result<bool> {
    match sent {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(errno) => Err(explain("kill")(errno)),
    }
}

/// Waits until the process is a zombie or gone; the state in which it is then.
fn ends(process: Pid) -> Option<char> {
    let mut limit = TimeLimit::new(LIMIT);
    loop {
        let state = state(process);
        if matches!(state, None | Some('Z')) || limit.is_over() {
            return state;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many threads of the process exist and have not ended.
fn able_to_run(process: Pid) -> Result<usize> {
    let states = lab::proc::threads(process)?.into_iter().filter_map(state);
    Ok(states.filter(|state| !matches!(state, 'Z' | 'X')).count())
}

fn threads(number: usize) -> String {
    match number {
        0 => "no thread that could run".to_owned(),
        1 => "1 thread that can run".to_owned(),
        more => format!("{more} threads that can run"),
    }
}
