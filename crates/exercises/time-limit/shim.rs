//! Calls `run_at_most` with the command and the times that the driver names.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use driver::nix::libc;
use driver::shim::answer;
use driver::{Failure, Wire};
use time_limit::{Outcome, run_at_most};

/// The types that a submission must have.
const _: fn(&mut Command, Duration, Duration) -> io::Result<Outcome> = run_at_most;
const _: [fn(ExitStatus) -> Outcome; 2] = [Outcome::InTime, Outcome::TimeUp];

/// The signals that were sent to numbers which nobody had.
static STRAYS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// The signals that were sent to groups which are not there, though a process of that number is.
static GROUPLESS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// When the last call began, and when each signal was first sent after that, or 0: nanoseconds of the
/// clock that `Instant` has.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static SENT: [AtomicU64; 65] = [const { AtomicU64::new(0) }; 65];

/// Nanoseconds of that clock. A signal handler may ask for them.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives during the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Stands before kill(2) of the C library, for whoever calls that. Notes when it is called, and if there
/// was nobody.
extern "C" fn send_signal(target: i32, signal: i32) -> i32 {
    if let Some(first) = SENT.get(signal as usize) {
        let _ = first.compare_exchange(0, now(), SeqCst, SeqCst);
    }
    // SAFETY: kill(2) takes two integers.
    let send = |target: i32, signal: i32| unsafe { libc::syscall(libc::SYS_kill, target, signal) };
    let sent = send(target, signal);
    // SAFETY: the place of errno is always there.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let error = unsafe { *errno };
    if sent == -1 && error == libc::ESRCH && signal != 0 && target.unsigned_abs() > 1 {
        // The leader of a group may be there, not yet in its group.
        let to = if send(target.abs(), 0) == -1 { &STRAYS } else { &GROUPLESS };
        to.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(signal);
        // SAFETY: as above.
        unsafe { *errno = error };
    }
    sent as i32
}

/// Stands before killpg(3).
extern "C" fn send_to_group(group: i32, signal: i32) -> i32 {
    send_signal(-group, signal)
}

// The names by which both are called. Hidden, they are those of this program and of no library.
std::arch::global_asm!(
    ".globl kill, killpg",
    ".hidden kill, killpg",
    cfg_select! {
        target_arch = "x86_64" => { "kill: jmp {}" }
        _ => { "kill: b {}" }
    },
    cfg_select! {
        target_arch = "x86_64" => { "killpg: jmp {}" }
        _ => { "killpg: b {}" }
    },
    sym send_signal,
    sym send_to_group,
);

driver::hurrying_clock!();

fn main() {
    answer(|name, arguments| {
        if let Some(signals) = match name {
            "strays" => Some(&STRAYS),
            "groupless" => Some(&GROUPLESS),
            _ => None,
        } {
            let mut signals = signals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            return std::mem::take(&mut *signals).to_bytes();
        }
        if name == "sent" {
            let signal: i32 = arguments.take();
            let first = SENT[signal as usize].load(SeqCst).checked_sub(BEGUN.load(SeqCst));
            return first.map(Duration::from_nanos).to_bytes();
        }
        let mut command = arguments.command();
        let (limit, grace) = (arguments.take(), arguments.take());
        SENT.iter().for_each(|first| first.store(0, SeqCst));
        BEGUN.store(now(), SeqCst);
        let outcome = run_at_most(&mut command, limit, grace);
        let outcome = outcome.map(|outcome| match outcome {
            Outcome::InTime(status) => (true, status.into_raw()),
            Outcome::TimeUp(status) => (false, status.into_raw()),
        });
        outcome.map_err(Failure::from).to_bytes()
    })
}
