//! Waiting by looking again and again, and waiting by sleeping: what each costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::cpu_time;

pub const EXPERIMENT: Experiment = Experiment {
    name: "busy-wait",
    question: "What does waiting cost?",
    claims: &["condvar-waits"],
    run,
};

const WAIT: Duration = Duration::from_millis(100);

fn run(_: &Lab) -> Result<Evidence> {
    let (flag, lock, set) = (AtomicBool::new(false), Mutex::new(false), Condvar::new());
    std::thread::scope(|threads| {
        // ANCHOR: waits
        let spins = spawn(threads, "spins", || {
            while !flag.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            cpu_time()
        })?;
        let polls = spawn(threads, "polls", || {
            while !flag.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
            }
            cpu_time()
        })?;
        let sleeps = spawn(threads, "sleeps", || {
            let ready = lock.lock().expect("nobody panics while holding it");
            drop(set.wait_while(ready, |ready| !*ready));
            cpu_time()
        })?;
        // ANCHOR_END: waits
        let start = Instant::now();
        std::thread::sleep(WAIT);
        *lock.lock().expect("nobody panics while holding it") = true;
        set.notify_all();
        flag.store(true, Ordering::Release);
        let joined = [spins, polls, sleeps].map(|thread| thread.join().unwrap_or_default());
        let waited = start.elapsed().as_secs_f64() * 1e3;
        let [spins, polls, sleeps] = joined.map(|time| time.as_secs_f64() * 1e3);
        say!("main", "three threads have waited for {waited:.0} ms and used of a CPU:");
        say!("main", "  looking all the time   {spins:>8.2} ms");
        say!("main", "  looking every 1 ms     {polls:>8.2} ms");
        say!("main", "  on a condition variable{sleeps:>8.2} ms");
        Ok(Evidence::new()
            .measured("waiting: time", waited, "ms")
            .measured("waiting by spinning: CPU", spins, "ms")
            .measured("waiting by polling: CPU", polls, "ms")
            .measured("waiting on a condvar: CPU", sleeps, "ms")
            .fact("spinning costs more than ten times sleeping", spins > 10.0 * sleeps))
    })
}
