//! The CPU time of a thread, and its id for those who watch it.

use std::sync::mpsc::Sender;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// How long this thread has had a CPU, clock_gettime(2).
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Tells another thread the id of this one. Who does not listen does not need it.
pub fn tid_of(to: &Sender<Pid>) {
    let _ = to.send(nix::unistd::gettid());
}
