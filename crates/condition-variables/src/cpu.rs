//! The CPU time of a thread, its id for those who watch it, and whether it sleeps.

use std::sync::mpsc::Sender;
use std::time::Duration;

use lab::child::LIMIT;
use lab::proc::comes_to_block_in;
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

/// Whether a thread comes to sleep in futex(2). Where /proc does not show that, it is given a while
/// and the answer is no.
pub fn sleeps(thread: Pid) -> bool {
    comes_to_block_in(thread, libc::SYS_futex, LIMIT).unwrap_or_else(|_| {
        std::thread::sleep(Duration::from_millis(50));
        false
    })
}
