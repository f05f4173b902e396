//! What the kernel knows of this program's threads; of its tasks it knows nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::explain;
use lab::proc;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// How many threads this process has, proc_pid_status(5).
pub fn threads() -> Result<u32> {
    proc::read("/proc/self/status")?;
    let count = proc::status(Pid::this(), "Threads").context("/proc/self/status: no Threads")?;
    count.parse().context("/proc/self/status: Threads")
}

/// What this thread has used so far, getrusage(2).
pub fn used() -> Result<Usage> {
    getrusage(UsageWho::RUSAGE_THREAD).map_err(explain("getrusage"))
}

/// How long this thread has had a CPU, clock_gettime(2).
pub fn cpu_time() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(explain("clock_gettime"))?;
    Ok(time.into())
}

/// Computes until this thread has used so much of a CPU.
pub fn compute(time: Duration) -> Result<()> {
    let end = cpu_time()? + time;
    while cpu_time()? < end {
        std::hint::spin_loop();
    }
    Ok(())
}
