//! The CPU time of a thread, its id for those who watch it, and whether it sleeps.

use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Result;
use lab::child::{LIMIT, explain};
use lab::proc::comes_to_sleep_on;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// How long this thread has had a CPU, clock_gettime(2).
pub fn cpu_time() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(explain("clock_gettime"))?;
    Ok(Duration::from(time))
}

/// Tells another thread the id of this one. Who does not listen does not need it.
pub fn tid_of(to: &Sender<Pid>) {
    let _ = to.send(nix::unistd::gettid());
}

/// Whether a thread comes to sleep on this condition variable, and not merely on the lock that belongs
/// to it. Where /proc does not show that, it is given a while and the answer is no.
pub fn sleeps_on<T>(thread: Pid, condvar: &T) -> bool {
    comes_to_sleep_on(thread, condvar, LIMIT).unwrap_or_else(|_| {
        std::thread::sleep(Duration::from_millis(50));
        false
    })
}
