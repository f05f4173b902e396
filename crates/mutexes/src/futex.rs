//! A mutex in three steps: it spins, it sleeps, and it calls the kernel only when it must.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::child::explain;
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use crate::no_kernel::calls_the_kernel;
use crate::turns::{Turns, pause};
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
    let (is, alternated) = count::<L>(each)?;
    let (should, verb) = (2 * each, if is == 2 * each { "is" } else { "is not" });
    let free = Mutex::<L, ()>::default();
    let calls = calls_the_kernel(|| (0..1000).for_each(|_| drop(free.lock())))?;
    let hold = Duration::from_millis(lab.by_effort(10, 20, 200));
    let (waited, burnt) = wait_for::<L>(hold)?;
    let share = burnt.as_secs_f64() / waited.as_secs_f64();
    let (ms, cpu) = (waited.as_secs_f64() * 1e3, burnt.as_secs_f64() * 1e3);
    let free = match calls {
        Ok(true) => "calls the kernel",
        Ok(false) => "no system call",
        Err(_) => "not to be seen here",
    };
    say!("main", "{name:<11} count {verb} exact; free: {free};");
    say!("main", "{:<11} to wait {ms:.1} ms burns {cpu:.2} ms of CPU time", "");
    let evidence = Evidence::new()
        .fact(&format!("count under the {name} lock is exact"), is == should)
        .fact(&format!("threads alternated under the {name} lock"), alternated)
        .measured(&format!("CPU time of a {name} waiter"), 100.0 * share, "%");
    let fact = format!("a free {name} lock calls the kernel");
    Ok(match calls {
        Ok(calls) => evidence.fact(&fact, calls),
        Err(why) => evidence.missing(&fact, why),
    })
}

/// Two threads add to one counter; says also whether they took turns.
fn count<L: Lock + Sync>(each: u64) -> Result<(u64, bool)> {
    let (counter, turns) = (Mutex::<L, u64>::new(0), Turns::default());
    let both_there = Barrier::new(2);
    thread::scope(|threads| {
        let add = |me: u32| {
            both_there.wait();
            for number in 0..each {
                let mut count = counter.lock();
                let seen = *count;
                pause(number, each); // Whoever is not kept out comes in now.
                *count = seen + 1;
                turns.note(me);
                drop(count);
                turns.wait_for_the_other(me, number, each);
            }
            turns.end();
        };
        let other = start(threads, move || add(2))?;
        add(1);
        other.join().map_err(|_| anyhow::anyhow!("a thread panicked"))
    })?;
    Ok((*counter.lock(), turns.alternated()))
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
            thread::sleep(Duration::from_micros(20));
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
    thread::Builder::new()
        .spawn_scoped(threads, traced(body))
        .map_err(|_| explain("thread")(Errno::EAGAIN))
}

/// The CPU time that this thread has used so far.
fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
