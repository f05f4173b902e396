//! The most urgent thread waits for a lock of the least urgent one, which does not run because of
//! a third that needs no lock. The Mars Pathfinder rebooted for this (1997).

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::child::{explain, explain_io, give_up};
use lab::narrate::{wakes, woken};
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say, span};
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

pub const EXPERIMENT: Experiment = Experiment {
    name: "priority-inversion",
    question: "Can an urgent thread be held up by one that is less urgent?",
    claims: &[],
    run,
};

const NAMES: [&str; 2] = ["urgent thread's wait, plain", "urgent thread's wait, inheriting"];
/// How long the lock is held, and how long the third thread computes.
const HELD: Duration = Duration::from_millis(5);
const COMPUTES: Duration = Duration::from_millis(40);

fn run(_: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().first().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let (held, computes) = (HELD.as_millis(), COMPUTES.as_millis());
    say!("main", "one CPU, real-time priorities: urgent before busy before idle");
    say!("main", "idle locks for {held} ms, busy computes {computes} ms without a lock");
    if let Err(errno) = real_time(40) {
        let why =
            format!("real-time priorities need CAP_SYS_NICE or a limit (ulimit -r): {errno:?}");
        say!("main", "not to be seen here: they need CAP_SYS_NICE (ulimit -r): {errno:?}");
        return Ok(NAMES.into_iter().fold(Evidence::new(), |all, name| all.missing(name, &*why)));
    }
    let plain = urgent_wait(&PthreadMutex::new(libc::PTHREAD_PRIO_NONE)?)?;
    say!("urgent", "plain mutex: waited {:.1} ms", plain.as_secs_f64() * 1e3);
    let inheriting = urgent_wait(&PthreadMutex::new(libc::PTHREAD_PRIO_INHERIT)?)?;
    say!(
        "urgent",
        "mutex with priority inheritance: waited {:.1} ms",
        inheriting.as_secs_f64() * 1e3
    );
    Ok(Evidence::new().measured(NAMES[0], plain.as_secs_f64() * 1e3, "ms").measured(
        NAMES[1],
        inheriting.as_secs_f64() * 1e3,
        "ms",
    ))
}

// ANCHOR: three
/// Three threads on one CPU; returns how long the most urgent one waits for the lock.
fn urgent_wait(lock: &PthreadMutex) -> Result<Duration> {
    let (held, is_held) = mpsc::channel();
    let go = Barrier::new(3);
    thread::scope(|threads| {
        let idle = start(threads, 10, move || {
            lock.lock();
            let _span = span!("idle", "holds the lock");
            let _ = held.send(());
            compute(HELD);
            wakes("lock");
            lock.unlock();
        })?;
        is_held.recv().context("the lock was never taken")?;
        let busy = start(threads, 20, || {
            go.wait();
            let _span = span!("busy", "computes");
            compute(COMPUTES);
        })?;
        let urgent = start(threads, 30, || {
            go.wait();
            let _span = span!("urgent", "wants the lock");
            let since = Instant::now();
            lock.lock();
            let waited = since.elapsed();
            woken("lock");
            lock.unlock();
            waited
        })?;
        go.wait();
        let waited = urgent.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        ensure!(busy.join().is_ok() && idle.join().is_ok(), "a thread panicked");
        Ok(waited)
    })
}
// ANCHOR_END: three

/// A thread with a real-time priority. It inherits the priority of this one, which is higher than
/// all, and steps down by itself.
fn start<'scope, 'env, R: Send + 'scope>(
    threads: &'scope thread::Scope<'scope, 'env>,
    priority: i32,
    body: impl FnOnce() -> R + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, R>> {
    let stepping_down = move || {
        // The others would wait for this thread for ever.
        if let Err(errno) = real_time(priority) {
            give_up(&explain("sched_setscheduler")(errno));
        }
        body()
    };
    thread::Builder::new()
        .spawn_scoped(threads, traced(stepping_down))
        .map_err(explain_io("thread"))
}

/// Makes this thread run before all of lower priority, sched(7).
fn real_time(priority: i32) -> nix::Result<()> {
    // SAFETY: zeros are a valid sched_param, whatever fields a libc adds to it.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority;
    // SAFETY: the parameters are valid for reads; pid 0 is the calling thread.
    Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) }).map(drop)
}

/// Uses so much CPU time.
fn compute(time: Duration) {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(time, Duration::from);
    let end = used() + time;
    while used() < end {
        std::hint::spin_loop();
    }
}

/// A mutex of POSIX, whose protocol can be chosen: pthread_mutexattr_setprotocol(3).
struct PthreadMutex(Box<UnsafeCell<libc::pthread_mutex_t>>);

// SAFETY: a POSIX mutex is made to be used by several threads.
unsafe impl Sync for PthreadMutex {}

impl PthreadMutex {
    fn new(protocol: i32) -> Result<PthreadMutex> {
        let mutex = Box::new(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the attributes are initialised before they are used, and the box keeps the mutex
        // in its place.
        let outcome = unsafe {
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            libc::pthread_mutexattr_setprotocol(attributes.as_mut_ptr(), protocol);
            libc::pthread_mutex_init(mutex.get(), attributes.as_ptr())
        };
        ensure!(outcome == 0, "pthread_mutex_init: {:?}", Errno::from_raw(outcome));
        Ok(PthreadMutex(mutex))
    }

    fn lock(&self) {
        // SAFETY: the mutex was initialised and lives as long as `self`.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
    }

    fn unlock(&self) {
        // SAFETY: as above; whoever unlocks has locked before.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}

impl Drop for PthreadMutex {
    fn drop(&mut self) {
        // SAFETY: nobody holds the mutex: its users were joined.
        unsafe { libc::pthread_mutex_destroy(self.0.get()) };
    }
}
