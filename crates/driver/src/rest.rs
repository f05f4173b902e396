//! Until when a process does nothing by itself.
//!
//! Whether somebody gives up after a second or two is seen by waiting for so long, or by looking at what
//! it waits for: if all threads are in calls that end later, or with what comes from outside alone, it
//! gives up no earlier. The kernel shows the calls and their limits, proc_pid_syscall(5).

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use crate::observe;

/// Without end.
const EVER: Duration = Duration::MAX;

/// For how long at least nothing happens by itself in this process, whose calls have all begun after
/// `since`. Zero if it runs, or if that cannot be told.
pub(crate) fn rests(pid: i32, since: Instant) -> Duration {
    let (first, second) = (asleep(pid), asleep(pid));
    // Nobody ran between both looks, so for a moment all were asleep at the same time.
    let Some(threads) = first.filter(|first| second.as_ref() == Some(first)) else {
        return Duration::ZERO;
    };
    if !has_no_timer(pid) {
        return Duration::ZERO;
    }
    let left = threads.iter().map(|asleep| left(pid, asleep, since));
    left.map(|left| left.unwrap_or_default()).min().unwrap_or_default()
}

/// A thread that is asleep, in which call, and how often it has given up the processor so far.
#[derive(Debug, PartialEq)]
struct Asleep {
    thread: i32,
    number: i64,
    arguments: [u64; 6],
    switches: (u64, u64),
}

/// All threads of a process; `None` if one of them is not asleep, or may get a signal of a timer.
fn asleep(pid: i32) -> Option<Vec<Asleep>> {
    let of = |thread: i32| {
        let which = format!("{pid}/task/{thread}");
        let (number, arguments) = proc::call_with_arguments(pid, thread)?;
        let status = fs::read_to_string(format!("/proc/{which}/status")).ok()?;
        let field = |name: &str, radix: u32| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            u64::from_str_radix(rest?.trim(), radix).ok()
        };
        let waits_for_alarm = ALARMS & (field("SigCgt", 16)? | field("SigBlk", 16)?) != 0;
        let switches =
            (field("voluntary_ctxt_switches", 10)?, field("nonvoluntary_ctxt_switches", 10)?);
        let is_asleep = observe::stat(&which).is_some_and(|stat| stat.state == 'S');
        (is_asleep && !waits_for_alarm).then_some(Asleep { thread, number, arguments, switches })
    };
    observe::threads(pid).into_iter().map(of).collect()
}

/// The signals of setitimer(2), whose timers nobody sees from outside.
const ALARMS: u64 =
    1 << (libc::SIGALRM - 1) | 1 << (libc::SIGVTALRM - 1) | 1 << (libc::SIGPROF - 1);

/// Whether it has no timer, neither one that sends a signal nor one that is a descriptor. What is open
/// on something else that is no file may become ready by itself too.
fn has_no_timer(pid: i32) -> bool {
    let timers = fs::read_to_string(format!("/proc/{pid}/timers"));
    let harmless = |on: &String| {
        !on.starts_with("anon_inode:")
            || ["[pidfd]", "[eventfd]", "[eventpoll]", "[signalfd]"]
                .iter()
                .any(|it| on.ends_with(it))
    };
    // A thread may have descriptors of its own, clone(2).
    let of_thread =
        |thread| observe::descriptors(thread).is_some_and(|all| all.values().all(harmless));
    timers.is_ok_and(|timers| timers.is_empty()) && observe::threads(pid).into_iter().all(of_thread)
}

/// How long this call lasts at least, from now on; `None` if that is not known.
fn left(pid: i32, asleep: &Asleep, since: Instant) -> Option<Duration> {
    let Asleep { number, arguments, .. } = *asleep;
    // A call that lasts so long has begun after `since`, nobody knows when.
    let relative = |time: Option<Duration>| time.map(|time| time.saturating_sub(since.elapsed()));
    let time_at = |place: usize| time_at(pid, arguments[place]);
    // A negative number of milliseconds has no end.
    let milliseconds =
        |number: u64| Some(u64::try_from(number as i32).map_or(EVER, Duration::from_millis));
    match number {
        libc::SYS_wait4 | libc::SYS_waitid | libc::SYS_rt_sigsuspend => Some(EVER),
        libc::SYS_read => {
            let on =
                fs::read_link(format!("/proc/{pid}/task/{}/fd/{}", asleep.thread, arguments[0]));
            on.is_ok_and(|on| on.to_string_lossy().starts_with("pipe:")).then_some(EVER)
        }
        libc::SYS_futex => match arguments[1] as i32 & libc::FUTEX_CMD_MASK {
            libc::FUTEX_WAIT => relative(time_at(3)),
            libc::FUTEX_WAIT_BITSET => {
                let real = arguments[1] as i32 & libc::FUTEX_CLOCK_REALTIME != 0;
                until(time_at(3)?, if real { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC })
            }
            _ => None,
        },
        libc::SYS_ppoll | libc::SYS_rt_sigtimedwait => relative(time_at(2)),
        libc::SYS_pselect6 => relative(time_at(4)),
        libc::SYS_epoll_pwait => relative(milliseconds(arguments[3])),
        libc::SYS_epoll_pwait2 => relative(time_at(3)),
        libc::SYS_nanosleep => relative(time_at(0)),
        libc::SYS_clock_nanosleep if arguments[1] as i32 & libc::TIMER_ABSTIME != 0 => {
            until(time_at(2)?, arguments[0] as i32)
        }
        libc::SYS_clock_nanosleep => relative(time_at(2)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_pause => Some(EVER),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => relative(milliseconds(arguments[2])),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => relative(milliseconds(arguments[3])),
        _ => None,
    }
}

/// A `timespec` in its memory; no end if there is none.
fn time_at(pid: i32, address: u64) -> Option<Duration> {
    if address == 0 {
        return Some(EVER);
    }
    let mut bytes = [0; 16];
    File::open(format!("/proc/{pid}/mem")).ok()?.read_exact_at(&mut bytes, address).ok()?;
    let (seconds, nanoseconds) = bytes.split_at(8);
    let number = |bytes: &[u8]| Some(i64::from_ne_bytes(bytes.try_into().ok()?));
    duration(number(seconds)?, number(nanoseconds)?)
}

/// How long it is until a clock says this.
fn until(time: Duration, clock: libc::clockid_t) -> Option<Duration> {
    if time == EVER {
        return Some(EVER);
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives during the call.
    let asked = unsafe { libc::clock_gettime(clock, &mut now) };
    let now = duration(now.tv_sec, now.tv_nsec)?;
    (asked == 0).then(|| time.saturating_sub(now))
}

fn duration(seconds: i64, nanoseconds: i64) -> Option<Duration> {
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|it| *it < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A program that runs, and reads from a pipe to which nobody writes.
    struct Started(Child, Instant);

    impl Started {
        fn new(words: &[&str]) -> Started {
            let since = Instant::now();
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::null());
            Started(command.spawn().unwrap(), since)
        }

        fn pid(&self) -> i32 {
            self.0.id() as i32
        }

        fn rests(&self) -> Duration {
            rests(self.pid(), self.1)
        }

        /// Looks until it is so.
        fn wait(&self, so: impl Fn(&Started) -> bool) {
            while !so(self) {
                assert!(self.1.elapsed() < Duration::from_secs(60), "it does not come to that");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    impl Drop for Started {
        fn drop(&mut self) {
            if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
                eprintln!("{} is not ended: {error}", self.pid());
            }
        }
    }

    #[test]
    fn rest_lasts_as_long_as_the_calls() {
        if fs::read("/proc/self/syscall").is_err() {
            eprintln!("skipped: /proc/PID/syscall cannot be read here");
            return;
        }
        Started::new(&["cat"]).wait(|cat| cat.rests() == EVER);
        Started::new(&["sleep", "3600"]).wait(|sleep| {
            let rest = sleep.rests();
            assert!(rest <= HOUR, "{rest:?}");
            rest > HOUR / 2
        });
    }

    #[test]
    fn who_may_go_on_by_itself_does_not_rest() {
        let never = |started: &Started| {
            for _ in 0..20 {
                assert_eq!(started.rests(), Duration::ZERO);
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let spins = Started::new(&["sh", "-c", "while :; do :; done"]);
        let comm = |it: &Started| fs::read_to_string(format!("/proc/{}/comm", it.pid()));
        spins.wait(|it| {
            let stat = observe::stat(&it.pid().to_string());
            comm(it).is_ok_and(|name| name == "sh\n") && stat.is_some_and(|stat| stat.state == 'R')
        });
        never(&spins);
        // It is asleep until its timer sends a signal.
        let timers = |it: &Started| fs::read_to_string(format!("/proc/{}/timers", it.pid()));
        let has_timer = Started::new(&["timeout", "3600", "cat"]);
        has_timer.wait(|it| timers(it).is_ok_and(|timers| !timers.is_empty()));
        never(&has_timer);
    }
}
