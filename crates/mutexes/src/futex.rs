//! A mutex in three steps: it spins, it sleeps, and it calls the kernel only when it must.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use crate::no_kernel::calls_the_kernel;
use crate::{Lock, Mutex, Spin, ThreeState, TwoState};

pub const EXPERIMENT: Experiment = Experiment {
    name: "futex",
    question: "How is a mutex built?",
    claims: &["mutex-excludes"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let mut evidence = Evidence::new();
    evidence.merge(step::<Spin>("spin", lab)?);
    evidence.merge(step::<TwoState>("two-state", lab)?);
    evidence.merge(step::<ThreeState>("three-state", lab)?);
    Ok(evidence)
}

fn step<L: Lock + Sync>(name: &'static str, lab: &Lab) -> Result<Evidence> {
    let each = lab.by_effort(5_000, 20_000, 1_000_000);
    let (is, should) = (count::<L>(each)?, 2 * each);
    ensure!(is == should, "the {name} lock let two in: {is} instead of {should}");

    let free = Mutex::<L, ()>::default();
    let calls = calls_the_kernel(|| (0..1000).for_each(|_| drop(free.lock())))?;
    let hold = Duration::from_millis(lab.by_effort(10, 20, 200));
    let (waited, burnt) = wait_for::<L>(hold)?;
    let share = burnt.as_secs_f64() / waited.as_secs_f64();
    say!(
        "main",
        "{name:<11} free: {}; to wait {:.1} ms burns {:.2} ms of CPU time",
        match calls {
            Some(true) => "a system call each time",
            Some(false) => "no system call",
            None => "not to be seen here",
        },
        waited.as_secs_f64() * 1e3,
        burnt.as_secs_f64() * 1e3,
    );
    let evidence = Evidence::new()
        .fact(&format!("count under the {name} lock is exact"), is == should)
        .measured(&format!("CPU time of a {name} waiter"), 100.0 * share, "%");
    let fact = format!("a free {name} lock calls the kernel");
    Ok(match calls {
        Some(calls) => evidence.fact(&fact, calls),
        None => evidence.missing(&fact, "this kernel has no strict mode of seccomp(2)"),
    })
}

/// Two threads add to one counter.
fn count<L: Lock + Sync>(each: u64) -> Result<u64> {
    let counter = Mutex::<L, u64>::new(0);
    thread::scope(|threads| {
        let add = || (0..each).for_each(|_| *counter.lock() += 1);
        let other = start(threads, add)?;
        add();
        other.join().map_err(|_| anyhow::anyhow!("a thread panicked"))
    })?;
    Ok(*counter.lock())
}

/// Waits for a lock that is held for so long; returns the time by the clock and by the CPU.
fn wait_for<L: Lock + Sync>(hold: Duration) -> Result<(Duration, Duration)> {
    let lock = Mutex::<L, ()>::default();
    let held = AtomicBool::new(false);
    thread::scope(|threads| {
        let holder = start(threads, || {
            let _guard = lock.lock();
            held.store(true, SeqCst);
            thread::sleep(hold);
        })?;
        while !held.load(SeqCst) {
            thread::yield_now();
        }
        let (clock, cpu) = (Instant::now(), cpu_time()?);
        drop(lock.lock());
        let times = (clock.elapsed(), cpu_time()? - cpu);
        holder.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        Ok(times)
    })
}

fn start<'scope, 'env>(
    threads: &'scope thread::Scope<'scope, 'env>,
    body: impl FnOnce() + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, ()>> {
    thread::Builder::new().spawn_scoped(threads, body).map_err(|_| explain("thread")(Errno::EAGAIN))
}

/// The CPU time that this thread has used so far.
fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
