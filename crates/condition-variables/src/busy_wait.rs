//! Waiting by looking again and again, and waiting by sleeping: what each costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::{cpu_time, sleeps_on, tid_of};

pub const EXPERIMENT: Experiment = Experiment {
    name: "busy-wait",
    question: "What does waiting cost?",
    claims: &["condvar-waits"],
    run,
};

const WAIT: Duration = Duration::from_millis(100);
/// How long who polls sleeps between two looks.
const EVERY: Duration = Duration::from_millis(1);

fn run(_: &Lab) -> Result<Evidence> {
    let (flag, lock, set) = (AtomicBool::new(false), Mutex::new(false), Condvar::new());
    let begun = Barrier::new(4);
    let (tid, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        // ANCHOR: waits
        let spins = spawn(threads, "spins", || {
            begun.wait();
            while !flag.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            cpu_time()
        })?;
        let polls = spawn(threads, "polls", || {
            begun.wait();
            while !flag.load(Ordering::Acquire) {
                std::thread::sleep(EVERY);
            }
            cpu_time()
        })?;
        let sleeps = spawn(threads, "sleeps", || {
            tid_of(&tid);
            begun.wait();
            let ready = lock.lock().expect("nobody panics while holding it");
            drop(set.wait_while(ready, |ready| !*ready));
            cpu_time()
        })?;
        // ANCHOR_END: waits
        let sleeper = told.recv().context("the one that sleeps has ended")?;
        begun.wait();
        let start = Instant::now();
        let asleep = sleeps_on(sleeper, &set);
        std::thread::sleep(WAIT);
        *lock.lock().expect("nobody panics while holding it") = true;
        set.notify_all();
        flag.store(true, Ordering::Release);
        let waited = start.elapsed().as_secs_f64() * 1e3;
        let [spins, polls, sleeps] = [spins, polls, sleeps].map(|thread| {
            let used = thread.join().ok().context("a thread has panicked")??;
            anyhow::Ok(used.as_secs_f64() * 1e3)
        });
        let (spins, polls, sleeps) = (spins?, polls?, sleeps?);
        say!("main", "three threads have waited for {waited:.0} ms and used of a CPU:");
        say!("main", "  looking all the time   {spins:>8.2} ms");
        let every = format!("looking every {} ms", EVERY.as_millis());
        say!("main", "  {every:<23}{polls:>8.2} ms");
        let seen = if asleep { "" } else { ", but was not seen asleep" };
        say!("main", "  on a condition variable{sleeps:>8.2} ms{seen}");
        Ok(Evidence::new()
            .measured("waiting: time", waited, "ms")
            .fact("waiting on a condvar: seen asleep", asleep)
            .measured("waiting by spinning: CPU", spins, "ms")
            .measured("waiting by polling: CPU", polls, "ms")
            .measured("waiting on a condvar: CPU", sleeps, "ms")
            .fact("spinning costs more than ten times sleeping", spins > 10.0 * sleeps))
    })
}
