//! A readers-writer lock lets any number read at the same time. Is it faster, then?

use std::sync::{Barrier, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::child::{explain_io, give_up};
use lab::sample::{Contestant, Rounds};
use lab::{Evidence, Experiment, Lab, say};

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
    say!("main", "{READERS} readers are inside at the same time; a writer is refused");
    ensure!(refused, "a writer came in among readers");

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
        "{READERS} reads that take {} ms each: mutex {:.0} ms, readers-writer lock {:.0} ms",
        hold.as_millis(),
        one_by_one.as_secs_f64() * 1e3,
        together.as_secs_f64() * 1e3
    );

    let rounds = Rounds::measure(
        lab.by_effort(9, 21, 101),
        Duration::from_millis(1),
        &mut [
            Contestant::new("RwLock::read", || {
                std::hint::black_box(*lock.read().expect("nobody panics"));
                Ok(())
            }),
            Contestant::new("Mutex::lock", || {
                std::hint::black_box(*mutex.lock().expect("nobody panics"));
                Ok(())
            }),
        ],
    )?;
    let ratio = rounds.ratio(0, 1);
    say!(
        "main",
        "a read that takes no time: mutex {:.1} ns at best, readers-writer lock {:.1} ns",
        rounds.nanoseconds(1).min,
        rounds.nanoseconds(0).min
    );
    Ok(Evidence::new()
        .fact("readers inside at the same time", READERS)
        .fact("a writer is refused among readers", refused)
        .measured("long reads, mutex", one_by_one.as_secs_f64() * 1e3, "ms")
        .measured("long reads, readers-writer lock", together.as_secs_f64() * 1e3, "ms")
        .sampled("short read, readers-writer lock against mutex", ratio, "x"))
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
