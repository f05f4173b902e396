//! Threads in a child process, and a detector beside them. A thread that waits for a mutex cannot
//! be called off, so the end of the process is the only way out of a deadlock.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::child::{Child, exit, explain};
use lab::say;
use lab::thread::traced;
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;

use crate::named::{cycle, waiting};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Threads that wait for each other in a circle; 0 if all threads ended.
    pub in_cycle: usize,
    /// Threads that went on to their end while the others were frozen.
    pub went_on: usize,
}

/// A thread's name and what it does; it is told its name.
pub type Part<'a> = (&'static str, &'a (dyn Fn(&'static str) + Sync));

/// Between two looks.
const PAUSE: Duration = Duration::from_micros(200);
/// Exit status of a child that could not start its threads.
const NO_THREAD: i32 = 255;

/// Runs a thread for each part, in a child process, until all have ended or a cycle is found.
/// With `aloud` the cycle is told. This process must have one thread only.
pub fn watch(aloud: bool, parts: &[Part<'_>]) -> Result<Outcome> {
    // SAFETY: by the contract above, the child inherits no lock that another thread holds.
    let child = unsafe { Child::fork(|| run_and_watch(aloud, parts)) }?;
    match child.wait()? {
        WaitStatus::Exited(_, NO_THREAD) => Err(explain("thread")(Errno::EAGAIN)),
        WaitStatus::Exited(_, status) => {
            Ok(Outcome { in_cycle: status as usize & 15, went_on: status as usize >> 4 })
        }
        other => bail!("the process with the threads ended with {other:?}"),
    }
}

/// Sleeps for a moment at one turn in fifty, between two locks, so that others come in between
/// on a machine with one CPU as well. (On a busy machine yielding costs a whole time slice.)
pub fn pause_at(turn: u32) {
    if turn.is_multiple_of(50) {
        thread::sleep(Duration::from_micros(1));
    }
}

fn run_and_watch(aloud: bool, parts: &[Part<'_>]) -> i32 {
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (name, part) in parts {
            let thread = thread::Builder::new().name(name.to_string());
            match thread.spawn_scoped(scope, traced(move || part(name))) {
                Ok(thread) => threads.push(thread),
                Err(_) => exit(NO_THREAD),
            }
        }
        while !threads.iter().all(|thread| thread.is_finished()) {
            if let Some(circle) = cycle() {
                if aloud {
                    for edge in &circle {
                        let (waiter, lock, holder) = (edge.waiter, edge.lock, edge.holder);
                        say!("detector", "{waiter} waits for {lock}, which {holder} holds");
                    }
                }
                let ended = || threads.iter().filter(|thread| thread.is_finished()).count();
                while ended() + waiting() < threads.len() {
                    thread::sleep(PAUSE);
                }
                exit(circle.len() as i32 | (ended() as i32) << 4);
            }
            thread::sleep(PAUSE);
        }
    });
    0
}
