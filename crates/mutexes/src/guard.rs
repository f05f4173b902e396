//! A mutex keeps others out, its guard cannot forget to unlock, and the kernel is called only
//! when somebody has to wait.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{explain, give_up};
use lab::narrate::{wakes, woken};
use lab::proc::comes_to_block_in;
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::traced;
use lab::{Evidence, Experiment, Lab, say, say_why, span};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::advisory::who_comes_in;
use crate::no_kernel::calls_the_kernel;
use crate::turns::{Turns, pause};

pub const EXPERIMENT: Experiment = Experiment {
    name: "guard",
    question: "What does a mutex promise, and what does it cost?",
    claims: &["mutex-excludes"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let each = lab.by_effort(20_000, 50_000, 5_000_000);
    let (is, alternated) = count(each)?;
    let (should, turns) = (2 * each, if alternated { "by turns" } else { "one after the other" });
    say!("main", "2 threads count {turns} to {is}, should be {should}");

    let early = released_by_an_early_return()?;
    say!("main", "a function that returned early has unlocked: {}", yes(early));
    let asleep = watch_a_waiter()?;

    let evidence = Evidence::new()
        .fact("count under the mutex", is)
        .fact("count that it should be", should)
        .fact("the counting threads alternated", alternated)
        .fact("an early return unlocks", early)
        .fact("a waiter sleeps in futex", asleep);
    let evidence = who_comes_in(evidence)?;
    let evidence = without_the_kernel(evidence)?;
    prices(lab, evidence)
}

/// Two threads add to one counter; says also whether they took turns.
fn count(each: u64) -> Result<(u64, bool)> {
    let (counter, start, turns) = (Mutex::new(0), Barrier::new(2), Turns::default());
    let add = |me: u32| {
        start.wait();
        for number in 0..each {
            let mut count = counter.lock().expect("nobody panics while holding the lock");
            let seen = *count;
            pause(number, each); // Whoever is not kept out comes in now.
            *count = seen + 1;
            turns.note(me);
            drop(count);
            turns.wait_for_the_other(me, number, each);
        }
        turns.end();
    };
    with_a_second_thread(|| add(1), || add(2))?;
    Ok((counter.into_inner().context("the lock is poisoned")?, turns.alternated()))
}

// ANCHOR: early
/// Leaves its scope by `?` while the mutex is locked.
fn parse_under(lock: &Mutex<u32>, text: &str) -> Result<(), std::num::ParseIntError> {
    let mut value = lock.lock().expect("nobody panics while holding the lock");
    *value = text.parse()?;
    Ok(())
}
// ANCHOR_END: early

fn released_by_an_early_return() -> Result<bool> {
    let lock = Mutex::new(0);
    ensure!(parse_under(&lock, "seven").is_err(), "'seven' is a number");
    Ok(lock.try_lock().is_ok())
}

/// One thread holds the lock until the other is seen asleep.
fn watch_a_waiter() -> Result<bool> {
    let lock = Mutex::new(());
    let (held, seen) = (AtomicBool::new(false), AtomicBool::new(false));
    let asleep = AtomicBool::new(false);
    let waiter = || {
        while !held.load(SeqCst) {
            thread::sleep(Duration::from_micros(20));
        }
        let wait = span!("waiter", "wants the lock");
        let waiter = nix::unistd::gettid();
        thread::scope(|threads| {
            let watcher = || {
                asleep.store(sleeps_in_futex(waiter), SeqCst);
                seen.store(true, SeqCst);
            };
            let started = thread::Builder::new().spawn_scoped(threads, traced(watcher));
            seen.fetch_or(started.is_err(), SeqCst);
            drop(lock.lock());
            drop(wait);
            woken("lock");
            say!("waiter", "has had the lock");
        });
    };
    let holder = || {
        let guard = lock.lock();
        let _holds = span!("holder", "holds the lock");
        held.store(true, SeqCst);
        while !seen.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        wakes("lock");
        drop(guard);
    };
    with_a_second_thread(holder, waiter)?;
    Ok(asleep.load(SeqCst))
}

/// Looks at a thread until it sleeps in futex(2), for a second at most.
fn sleeps_in_futex(thread: Pid) -> bool {
    let (futex, limit) = (libc::SYS_futex, Duration::from_secs(1));
    let asleep = comes_to_block_in(thread, futex, limit).unwrap_or_else(|error| give_up(&error));
    if asleep {
        say!("watcher", "the waiter sleeps in system call {futex}, futex");
    }
    asleep
}

/// So many times a free lock is taken.
const FREE_LOCKS: u32 = 1000;

/// Locks where every system call is fatal.
fn without_the_kernel(evidence: Evidence) -> Result<Evidence> {
    let (free, taken) = (Mutex::new(()), Mutex::new(()));
    let alone = calls_the_kernel(|| (0..FREE_LOCKS).for_each(|_| drop(free.lock())))?;
    let _guard = taken.lock();
    let waiting = calls_the_kernel(|| drop(taken.lock()))?;
    let names = ["an uncontended lock calls the kernel", "a contended lock calls the kernel"];
    let (alone, waiting) = match (alone, waiting) {
        (Ok(alone), Ok(waiting)) => (alone, waiting),
        (Err(why), _) | (_, Err(why)) => {
            say!("main", "whether a lock calls the kernel is not to be seen here:");
            say_why!("main", "{why}");
            return Ok(names.into_iter().fold(evidence, |all, name| all.missing(name, &*why)));
        }
    };
    say!("main", "where a system call is fatal: {FREE_LOCKS} free locks: {}", fate(alone));
    say!("main", "where a system call is fatal: a lock that is taken: {}", fate(waiting));
    Ok(evidence.fact(names[0], alone).fact(names[1], waiting))
}

fn fate(called: bool) -> &'static str {
    if called { "killed" } else { "survived" }
}

fn yes(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}

/// The price of a lock that nobody else wants, beside that of a system call.
fn prices(lab: &Lab, evidence: Evidence) -> Result<Evidence> {
    let lock = Mutex::new(0_u64);
    let lock_and_unlock = Contestant::new("lock and unlock", || {
        *lock.lock().expect("nobody panics while holding the lock") += 1;
        Ok(())
    });
    let system_call = Contestant::new("getppid", || {
        nix::unistd::getppid();
        Ok(())
    });
    let _pinned = Pinned::to(*allowed_cpus().last().context("no CPU is allowed")?)?;
    let rounds = Rounds::measure(
        lab.by_effort(9, 21, 101),
        Duration::from_millis(1),
        &mut [lock_and_unlock, system_call],
    )?;
    let (lock, call) = (rounds.nanoseconds(0), rounds.nanoseconds(1));
    say!(
        "main",
        "in turn: lock and unlock {:.1} ns, a system call {:.1} ns",
        lock.median,
        call.median
    );
    Ok(evidence.compared("lock and unlock to a system call", &rounds.compare(0, 1)))
}

/// Runs both at the same time.
fn with_a_second_thread(first: impl FnOnce(), second: impl FnOnce() + Send) -> Result<()> {
    thread::scope(|threads| {
        let other = thread::Builder::new()
            .spawn_scoped(threads, traced(second))
            .map_err(|_| explain("thread")(Errno::EAGAIN))?;
        first();
        other.join().map_err(|_| anyhow::anyhow!("a thread panicked"))
    })
}
