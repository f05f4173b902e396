//! One thread sleeps for the lock, the other unlocks it and locks it again at once. Whose turn is
//! it?

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::child::{LIMIT, give_up, late};
use lab::proc::comes_to_block_in;
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::unistd::Pid;

use crate::{Mutex, ThreeState};

pub const EXPERIMENT: Experiment = Experiment {
    name: "fairness",
    question: "Does the one who has waited get the lock next?",
    claims: &[],
    run,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_micros(20);

fn run(lab: &Lab) -> Result<Evidence> {
    let trials = lab.by_effort(10, 20, 1000);
    // ANCHOR: mutexes
    let standard = std::sync::Mutex::new(());
    let three_state = Mutex::<ThreeState, ()>::default();
    let parking = parking_lot::Mutex::new(());
    let overtaken = [
        ("std", overtakes(trials, &|| standard.lock(), drop)?),
        ("three-state", overtakes(trials, &|| three_state.lock(), drop)?),
        ("parking_lot", overtakes(trials, &|| parking.lock(), drop)?),
        (
            "unlock_fair",
            overtakes(trials, &|| parking.lock(), parking_lot::MutexGuard::unlock_fair)?,
        ),
    ];
    // ANCHOR_END: mutexes
    let mut evidence = Evidence::new().fact("times a thread slept for the lock", trials);
    for (name, times) in overtaken {
        say!("main", "{name:<11} the sleeper was overtaken {times} of {trials} times");
        evidence = evidence.measured(&format!("sleeper overtaken, {name}"), times, "times");
    }
    Ok(evidence)
}

/// How often the thread that unlocks has the lock again before the one that slept for it.
fn overtakes<G>(trials: u32, lock: &(dyn Fn() -> G + Sync), unlock: fn(G)) -> Result<u32> {
    let [trial, had, done] = [0; 3].map(AtomicU32::new);
    let sleeper_id = AtomicI32::new(0);
    let cpus = allowed_cpus();
    let pin = |cpu: Option<&usize>| cpu.and_then(|cpu| Pinned::to(*cpu).ok());
    let _here = pin(cpus.first());
    let sleeper = || {
        // On a CPU of its own, where there is one, it can't push the other thread aside.
        let _there = pin(cpus.last());
        sleeper_id.store(nix::unistd::gettid().as_raw(), SeqCst);
        for next in 1..=trials {
            while trial.load(SeqCst) != next {
                thread::sleep(PAUSE); // Not in futex(2): that is kept for the lock.
            }
            let guard = lock();
            had.store(next, SeqCst);
            drop(guard);
            done.store(next, SeqCst);
        }
    };
    let mut overtaken = 0;
    thread::scope(|threads| {
        let other = spawn(threads, "sleeper", sleeper)?;
        // ANCHOR: overtake
        for this in 1..=trials {
            let guard = lock();
            trial.store(this, SeqCst);
            until_asleep(&sleeper_id);
            unlock(guard);
            let again = lock();
            overtaken += u32::from(had.load(SeqCst) != this);
            drop(again);
            while done.load(SeqCst) != this {
                thread::sleep(PAUSE);
            }
        }
        // ANCHOR_END: overtake
        ensure!(other.join().is_ok(), "a thread panicked");
        Ok(overtaken)
    })
}

/// Waits until the thread sleeps in futex(2).
fn until_asleep(thread_id: &AtomicI32) {
    while thread_id.load(SeqCst) == 0 {
        thread::sleep(PAUSE); // It has not begun yet.
    }
    let thread = Pid::from_raw(thread_id.load(SeqCst));
    let error = match comes_to_block_in(thread, libc::SYS_futex, LIMIT) {
        Ok(true) => return,
        Ok(false) => late("a thread that waits for a lock was not seen asleep"),
        Err(error) => error,
    };
    // To return would not do: the other thread waits for trials that will not come.
    give_up(&error)
}
