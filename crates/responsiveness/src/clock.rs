//! Clocks, and the 99th percentile of what they show.

use std::time::Duration;

use anyhow::Result;
use lab::child::explain;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// The time since some fixed point, the same in all processes.
pub fn now() -> Result<Duration> {
    read(ClockId::CLOCK_MONOTONIC)
}

/// The CPU time that this thread has had.
pub fn of_thread() -> Result<Duration> {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// The CPU time that all threads of this process have had.
pub fn of_process() -> Result<Duration> {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: ClockId) -> Result<Duration> {
    Ok(clock_gettime(clock).map_err(explain("clock_gettime"))?.into())
}

/// Sleeps until then. An absolute time, so that one that comes late delays none that follow.
pub fn sleep_until(then: Duration) -> Result<()> {
    let (clock, flag) = (ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME);
    loop {
        match clock_nanosleep(clock, flag, &TimeSpec::from_duration(then)) {
            Err(Errno::EINTR) => {}
            slept => return slept.map(drop).map_err(explain("clock_nanosleep")),
        }
    }
}

/// The time below or at which 99 of 100 are, in milliseconds; 0 of none.
pub fn p99(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * 99).div_ceil(100);
    times.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_the_second_worst_counts() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(p99(&mut times), 99.0);
        assert_eq!(p99(&mut times[..10]), 10.0);
        assert_eq!(p99(&mut []), 0.0);
    }
}
