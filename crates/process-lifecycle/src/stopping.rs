//! A thread cannot be ended from outside without harm. It is asked, and it must look.

use std::ptr::null;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use lab::child::{Child, LIMIT, explain, failed};
use lab::proc::comes_to_block_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, gettid};

pub const EXPERIMENT: Experiment =
    Experiment { name: "stopping", question: "How is a thread stopped?", claims: &[], run };

fn run(_: &Lab) -> Result<Evidence> {
    let asked = asked()?;
    let rounds = if asked.looked { "looked and ended" } else { "did not end" };
    say!("main", "asked a worker that computes: it {rounds}");
    let still = if asked.slept_on { "still sleeps" } else { "has ended" };
    let one = if asked.sleeps { "one that sleeps" } else { "one that is awake" };
    say!("main", "asked {one}, by the flag alone: it {still}");
    let woken = if asked.woken_ends { "it ended" } else { "it did not end" };
    say!("main", "unparked it, so that it looks: {woken}");

    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe { Child::fork(cancelled) }?;
    let (holds, held) = match child.wait()? {
        WaitStatus::Exited(_, HELD) => (true, true),
        WaitStatus::Exited(_, GIVEN_BACK) => (true, false),
        WaitStatus::Exited(_, FREE) => (false, false),
        other => bail!("the process of pthread_cancel {}", lab::child::in_words(other)),
    };
    let holds = if holds { "holds a lock and sleeps" } else { "holds no lock and sleeps" };
    say!("main", "another process cancels a thread that {holds}");
    let lock = if held { "still locked, by nobody" } else { "free" };
    say!("main", "the thread is gone; the lock is {lock}");
    Ok(Evidence::new()
        .fact("stopping: asked and looks, ends", asked.looked)
        .fact("stopping: asked asleep, sleeps on", asked.slept_on)
        .fact("stopping: woken, ends", asked.woken_ends)
        .fact("stopping: cancelled, its lock stays locked", held))
}

struct Asked {
    looked: bool,
    sleeps: bool,
    slept_on: bool,
    woken_ends: bool,
}

fn asked() -> Result<Asked> {
    let (stop, rounds, sleeper) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        // ANCHOR: asked
        let computes = spawn(threads, "computes", || {
            while !stop.load(Ordering::Relaxed) {
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        let sleeps = spawn(threads, "sleeps", || {
            sleeper.store(gettid().as_raw() as u64, Ordering::Release);
            while !stop.load(Ordering::Relaxed) {
                std::thread::park();
            }
        })?;
        // ANCHOR_END: asked
        while rounds.load(Ordering::Relaxed) == 0 || sleeper.load(Ordering::Acquire) == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
        let tid = Pid::from_raw(sleeper.load(Ordering::Acquire) as i32);
        let asleep = sleeps_in(tid, libc::SYS_futex);
        stop.store(true, Ordering::Relaxed);
        let looked = computes.join().is_ok();
        std::thread::sleep(Duration::from_millis(50));
        let slept_on = sleeps_in(tid, libc::SYS_futex) && !sleeps.is_finished();
        sleeps.thread().unpark();
        Ok(Asked { looked, sleeps: asleep, slept_on, woken_ends: sleeps.join().is_ok() })
    })
}

/// What became of the lock: it stays locked, was given back, or was free before the thread was
/// cancelled.
const HELD: i32 = 2;
const GIVEN_BACK: i32 = 3;
const FREE: i32 = 0;

// The functions through which a cancelled thread leaves: they may unwind.
unsafe extern "C-unwind" {
    fn pause() -> libc::c_int;
}

// ANCHOR: cancel
/// Locks the mutex that it is given, and sleeps. It has no destructor that unwinding could run.
extern "C-unwind" fn lock_and_sleep(lock: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the argument is the mutex below, which outlives this thread.
    unsafe {
        libc::pthread_mutex_lock(lock.cast());
        pause();
        libc::pthread_mutex_unlock(lock.cast());
    }
    std::ptr::null_mut()
}

fn cancelled() -> i32 {
    // There the second thread is looked for.
    if let Err(error) = lab::proc::must_be_shown() {
        return failed(&error);
    }
    let mut lock = libc::PTHREAD_MUTEX_INITIALIZER;
    let mut thread: libc::pthread_t = 0;
    // SAFETY: the two functions differ in their ABI's right to unwind only.
    let body: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void =
        unsafe { std::mem::transmute(lock_and_sleep as extern "C-unwind" fn(_) -> _) };
    // SAFETY: mutex and thread id live until the thread was joined.
    unsafe {
        let made = libc::pthread_create(&mut thread, null(), body, (&raw mut lock).cast());
        if made != 0 {
            return failed(&explain("pthread_create")(Errno::from_raw(made)));
        }
        if !second_thread().is_some_and(|tid| sleeps_in(tid, libc::SYS_pause)) {
            return failed(&anyhow!("the second thread is not seen to sleep in pause"));
        }
        let free = libc::pthread_mutex_trylock(&mut lock) == 0;
        if free {
            libc::pthread_mutex_unlock(&mut lock);
        }
        let sent = libc::pthread_cancel(thread);
        if sent != 0 {
            return failed(&explain("pthread_cancel: tgkill")(Errno::from_raw(sent)));
        }
        libc::pthread_join(thread, std::ptr::null_mut());
        match libc::pthread_mutex_trylock(&mut lock) {
            libc::EBUSY => HELD,
            _ if free => FREE,
            _ => GIVEN_BACK,
        }
    }
}
// ANCHOR_END: cancel

/// The thread of this process that is not the first.
fn second_thread() -> Option<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let ids = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok());
    ids.map(Pid::from_raw).find(|tid| *tid != Pid::this())
}

/// Whether a thread comes to sleep in a system call. Where /proc does not show that, it is given a
/// while.
fn sleeps_in(thread: Pid, call: i64) -> bool {
    comes_to_block_in(thread, call, LIMIT).unwrap_or_else(|_| {
        std::thread::sleep(Duration::from_millis(50));
        true
    })
}
