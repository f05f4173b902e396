//! Waits for a time of day, sem_timedwait(3), while a thread waits for the end of the command; how much
//! time has passed it asks the clock that nobody sets.

use std::cell::UnsafeCell;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug)]
pub enum Outcome {
    InTime(ExitStatus),
    TimeUp(ExitStatus),
}

/// A semaphore, posted when the command has ended.
struct End(UnsafeCell<libc::sem_t>);

// SAFETY: semaphores are made for several threads.
unsafe impl Sync for End {}

impl End {
    fn new() -> End {
        let semaphore = UnsafeCell::new(unsafe { std::mem::zeroed() });
        unsafe { libc::sem_init(semaphore.get(), 0, 0) };
        End(semaphore)
    }

    fn comes_within(&self, time: Duration) -> bool {
        let start = Instant::now();
        loop {
            let left = time.saturating_sub(start.elapsed()).min(Duration::from_secs(86_400));
            let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let until = day.unwrap_or_default() + left;
            let until =
                libc::timespec { tv_sec: until.as_secs() as _, tv_nsec: until.subsec_nanos() as _ };
            if unsafe { libc::sem_timedwait(self.0.get(), &until) } == 0 {
                return true;
            }
            if start.elapsed() >= time {
                return false;
            }
        }
    }
}

fn see(pid: u32) {
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let how = libc::WEXITED | libc::WNOWAIT;
    while unsafe { libc::waitid(libc::P_PID, pid, &mut info, how) } == -1 {}
}

pub fn run_at_most(command: &mut Command, limit: Duration, grace: Duration) -> io::Result<Outcome> {
    let mut child = command.process_group(0).spawn()?;
    let pid = child.id();
    let send = |signal| unsafe { libc::kill(-(pid as i32), signal) };
    let end = End::new();
    let in_time = thread::scope(|scope| {
        let posted = &end;
        let watcher = thread::Builder::new().spawn_scoped(scope, move || {
            see(pid);
            unsafe { libc::sem_post(posted.0.get()) };
        });
        let in_time = watcher.map(|_| {
            let in_time = end.comes_within(limit);
            if !in_time {
                send(libc::SIGTERM);
                end.comes_within(grace);
            }
            in_time
        });
        send(libc::SIGKILL);
        in_time
    });
    let status = child.wait()?;
    Ok(if in_time? { Outcome::InTime(status) } else { Outcome::TimeUp(status) })
}
