//! A readers-writer lock lets any number read at the same time. Is it faster, then? For a long read
//! it is. In a short one, counting the readers is most of the work, and the line of memory with
//! the count can be in one CPU's cache at a time.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use lab::child::{explain_io, give_up};
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, say_why};

pub const EXPERIMENT: Experiment = Experiment {
    name: "readers-writer",
    question: "When does it pay to let readers in together?",
    claims: &[],
    run,
};

const READERS: usize = 4;

fn run(lab: &Lab) -> Result<Evidence> {
    let lock = RwLock::new(7);
    let (all_inside, tried) = (Barrier::new(READERS + 1), Barrier::new(READERS + 1));
    let refused = in_threads(
        READERS,
        || {
            let value = lock.read().expect("nobody panics while holding the lock");
            all_inside.wait(); // Nobody passes before all are inside.
            tried.wait();
            std::hint::black_box(*value);
        },
        || {
            all_inside.wait();
            let refused = lock.try_write().is_err();
            tried.wait();
            refused
        },
    )?;
    let writer = if refused { "is refused" } else { "comes in" };
    say!("main", "{READERS} readers have locked for reading; a writer {writer}");

    let hold = Duration::from_millis(lab.by_effort(3, 10, 50));
    let (mutex, lock) = (Mutex::new(7), RwLock::new(7));
    let one_by_one = long_reads(|| {
        let _guard = mutex.lock();
        thread::sleep(hold);
    })?;
    let together = long_reads(|| {
        let _guard = lock.read();
        thread::sleep(hold);
    })?;
    say!(
        "main",
        "{READERS} reads of {} ms each: mutex {:.0} ms, RwLock {:.0} ms",
        hold.as_millis(),
        one_by_one.as_secs_f64() * 1e3,
        together.as_secs_f64() * 1e3
    );

    let evidence = Evidence::new()
        .fact("a writer is refused among readers", refused)
        .measured("long reads, mutex", one_by_one.as_secs_f64() * 1e3, "ms")
        .measured("long reads, readers-writer lock", together.as_secs_f64() * 1e3, "ms");
    short_reads(lab, evidence)
}

/// A read that takes no time, alone and while a thread on another CPU does the same.
fn short_reads(lab: &Lab, evidence: Evidence) -> Result<Evidence> {
    let (cpus, lock, mutex) = (allowed_cpus(), RwLock::new(7), Mutex::new(7));
    let facts = ["read with a second reader to alone", "read, readers-writer lock to mutex"];
    let [here, .., there] = cpus[..] else {
        say!("main", "one CPU is allowed: no second reader can read at the same time");
        let why = "one CPU is allowed";
        return Ok(facts.into_iter().fold(evidence, |all, fact| all.missing(fact, why)));
    };
    let _pinned = Pinned::to(here)?;
    let read = || drop(std::hint::black_box(lock.read()));
    let locked = || drop(std::hint::black_box(mutex.lock()));
    let rounds = Rounds::measure(
        lab.by_effort(9, 21, 101),
        Duration::from_millis(1),
        &mut [
            Contestant::timed("read, alone", |times| Ok(time(times, read))).switching(SPINNING),
            Contestant::timed("read, with a second reader", |times| beside(there, times, read)),
            Contestant::timed("mutex, with a second thread", |times| beside(there, times, locked)),
        ],
    )?;
    let [mut shared, against] = [rounds.compare(1, 0), rounds.compare(1, 2)];
    if shared.ratio.p90 > 5.0 * shared.ratio.p10 {
        // The second CPU was somebody else's now and then.
        shared.doubt.get_or_insert(format!("too noisy: the ratio swings, {}", shared.ratio));
    }
    let [alone, second, mutex] = [0, 1, 2].map(|index| rounds.nanoseconds(index).median);
    say!("main", "a short read: alone {alone:.1} ns, beside a second CPU {second:.1} ns");
    match &shared.doubt {
        None => say!(
            "main",
            "that is {:.1} x ({}); a mutex then takes {mutex:.1} ns",
            shared.ratio.median,
            shared.ratio
        ),
        Some(doubt) => say_why!("main", "not to be compared: {doubt}"),
    }
    Ok(evidence.compared(facts[0], &shared).compared(facts[1], &against))
}

/// Whoever spins in user space is not switched but by others.
const SPINNING: RangeInclusive<f64> = 0.0..=0.001;

/// How long so many reads take.
fn time(times: u32, read: impl Fn()) -> Duration {
    let start = Instant::now();
    (0..times).for_each(|_| read());
    start.elapsed()
}

/// The same while a thread on the CPU `there` reads without a pause.
fn beside(there: usize, times: u32, read: impl Fn() + Sync) -> Result<Duration> {
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|threads| {
        let second = spawn(threads, "second", || {
            let pinned = Pinned::to(there);
            while !over.load(Relaxed) {
                read();
                begun.store(true, Relaxed);
            }
            pinned.map(drop)
        })?;
        while !begun.load(Relaxed) && !second.is_finished() {
            std::hint::spin_loop();
        }
        let took = time(times, &read);
        over.store(true, Relaxed);
        second.join().map_err(|_| anyhow!("a thread panicked"))??;
        Ok(took)
    })
}

/// How long the readers take, all in all.
fn long_reads(read: impl Fn() + Sync) -> Result<Duration> {
    let start = Instant::now();
    in_threads(READERS - 1, &read, &read)?;
    Ok(start.elapsed())
}

/// Runs `body` in so many threads, and `here` in this one.
fn in_threads<R>(threads: usize, body: impl Fn() + Sync, here: impl FnOnce() -> R) -> Result<R> {
    thread::scope(|scope| {
        let mut started = Vec::new();
        for _ in 0..threads {
            match thread::Builder::new().spawn_scoped(scope, &body) {
                Ok(thread) => started.push(thread),
                // The others would wait for it for ever: only the end of the process frees them.
                Err(error) => give_up(&explain_io("thread")(error)),
            }
        }
        let result = here();
        for thread in started {
            ensure!(thread.join().is_ok(), "a thread panicked");
        }
        Ok(result)
    })
}
