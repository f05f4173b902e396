//! The states that a process goes through, each made on purpose and seen in proc_pid_stat(5).

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, in_words};
use lab::proc::state;
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "states",
    question: "Which states does a process go through?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let (mut gate, mut open) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _ = gate.read(&mut [0]);
            compute_until_told();
            7
        })
    }?;
    let pid = child.pid();
    let mut path = Vec::new();
    let sent = |signal: Signal| child.signal(signal).map(|()| format!("got {signal}"));
    let mut see = |wanted: char, why: &str| {
        let seen = comes_to(pid, wanted);
        say!("parent", "{}  {:<9} child {pid} {why}", letter(seen), word(seen));
        path.push(letter(seen));
        seen == Some(wanted)
    };

    // ANCHOR: states
    let sleeps = see('S', "reads from an empty pipe");
    let got = sent(Signal::SIGSTOP)?;
    let stops = see('T', &got);
    let got = sent(Signal::SIGCONT)?;
    let goes_on = see('S', &format!("{got}; the pipe is empty"));
    open.write_all(b"g").context("write")?;
    let runs = see('R', "can read, and has work to do");
    let got = sent(Signal::SIGTERM)?;
    let is_zombie = see('Z', &format!("{got}; nobody has waited"));
    let status = child.wait()?;
    let gone = state(pid).is_none();
    say!("parent", "-  {:<9} waitpid says: child {pid} {}", gone_word(gone), in_words(status));
    // ANCHOR_END: states
    say!("parent", "its way: {}", path.join(" -> "));

    let (runnable, on_one_cpu) = two_on_one_cpu()?;
    let place = if on_one_cpu { "on one CPU" } else { "not on one CPU" };
    say!("parent", "two processes {place}: both were R in {runnable} of {LOOKS} looks");
    Ok(Evidence::new()
        .fact("states: sleeping", sleeps)
        .fact("states: stopped", stops)
        .fact("states: goes on", goes_on)
        .fact("states: runnable", runs)
        .fact("states: zombie", is_zombie)
        .fact("states: gone after waitpid", gone)
        .fact("states: both on one CPU", on_one_cpu)
        .fact("states: R without a CPU", runnable > 0))
}

/// Computes, until a signal ends it.
fn compute_until_told() {
    let mut number = 1u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// The state in which the process is seen, at the latest when the time is over.
fn comes_to(process: Pid, wanted: char) -> Option<char> {
    let mut limit = TimeLimit::new(LIMIT);
    loop {
        let seen = state(process);
        if seen == Some(wanted) || seen.is_none() || limit.is_over() {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How often the parent looks at the two that compute.
const LOOKS: u32 = 20;

/// Two processes that compute on one CPU: in how many looks both are in state R, and whether both
/// were bound to that CPU.
fn two_on_one_cpu() -> Result<(u32, bool)> {
    let cpu = *allowed_cpus().first().context("no CPU is allowed")?;
    let pinned = Pinned::to(cpu)?;
    let compute = || {
        compute_until_told();
        0
    };
    // SAFETY: this process has one thread, so the children inherit no lock that someone else holds.
    let (one, other) = unsafe { (Child::fork(compute)?, Child::fork(compute)?) };
    let bound = [&one, &other].iter().all(|child| {
        let set = nix::sched::sched_getaffinity(child.pid());
        set.is_ok_and(|set| (0..nix::sched::CpuSet::count()).all(|n| set.is_set(n) == Ok(n == cpu)))
    });
    drop(pinned);
    let mut both = 0;
    for _ in 0..LOOKS {
        std::thread::sleep(Duration::from_millis(2));
        both += u32::from([&one, &other].iter().all(|child| state(child.pid()) == Some('R')));
    }
    Ok((both, bound))
}

fn letter(state: Option<char>) -> String {
    state.map_or("-".to_owned(), String::from)
}

fn word(state: Option<char>) -> &'static str {
    match state {
        Some('R') => "runnable",
        Some('S') => "sleeping",
        Some('D') => "waiting",
        Some('T') => "stopped",
        Some('t') => "traced",
        Some('Z') => "zombie",
        Some(_) => "other",
        None => "gone",
    }
}

fn gone_word(gone: bool) -> &'static str {
    if gone { "gone" } else { "still there" }
}
