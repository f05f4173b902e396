//! Between looking and going to sleep there is a moment. Who notifies in that moment notifies
//! nobody, unless the lock closes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::time::Duration;

use anyhow::Result;
use lab::narrate::{wakes, woken};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, mark, say, stretch};

pub const EXPERIMENT: Experiment = Experiment {
    name: "lost-wakeup",
    question: "What if the notification comes before the sleep?",
    claims: &[],
    run,
};

/// After this long a sleeper counts as one that nobody wakes.
const PATIENCE: Duration = Duration::from_millis(200);

fn run(_: &Lab) -> Result<Evidence> {
    let broken = broken()?;
    mark!("sleeper", "{}", outcome(broken));
    say!("broken", "looked without the lock, was notified, then went to sleep");
    say!("broken", "{}", outcome(broken));
    let fixed = fixed()?;
    mark!("sleeper", "{}", outcome(fixed));
    say!("fixed", "looked under the lock, which the notifier needs too");
    say!("fixed", "{}", outcome(fixed));
    Ok(Evidence::new()
        .fact("lost wake-up: broken wakes", broken)
        .fact("lost wake-up: fixed wakes", fixed))
}

fn outcome(wakes: bool) -> String {
    match wakes {
        true => "was woken".to_owned(),
        false => format!("slept for {} ms and was not woken", PATIENCE.as_millis()),
    }
}

/// Whether a sleeper that looks without the lock wakes up.
fn broken() -> Result<bool> {
    let (ready, lock, set) = (AtomicBool::new(false), Mutex::new(()), Condvar::new());
    // The moment between looking and sleeping is held open until the notification was sent.
    let (looked, notified) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|threads| {
        // ANCHOR: broken
        let sleeper = spawn(threads, "sleeper", || {
            if !ready.load(Ordering::SeqCst) {
                looked.wait();
                notified.wait();
                let _trace = stretch!("sleeper", "waits to be notified");
                let guard = lock.lock().expect("nobody panics while holding it");
                let (_guard, slept) =
                    set.wait_timeout(guard, PATIENCE).expect("nobody panics while holding it");
                return !slept.timed_out();
            }
            true
        })?;
        // ANCHOR_END: broken
        looked.wait();
        mark!("notifier", "the sleeper has looked; sets ready and notifies");
        ready.store(true, Ordering::SeqCst);
        set.notify_one();
        notified.wait();
        Ok(sleeper.join().unwrap_or(false))
    })
}

/// Whether one that looks under the lock does. The notifier is let go at the same moment; it has to
/// wait until the sleeper has given the lock back, and that is what going to sleep does.
fn fixed() -> Result<bool> {
    let (lock, set) = (Mutex::new(false), Condvar::new());
    let looked = Barrier::new(2);
    std::thread::scope(|threads| {
        // ANCHOR: fixed
        let sleeper = spawn(threads, "sleeper", || {
            let mut ready = lock.lock().expect("nobody panics while holding it");
            looked.wait();
            let _trace = stretch!("sleeper", "waits, and gives the lock back in the same step");
            while !*ready {
                let waited = set.wait_timeout(ready, PATIENCE);
                let (guard, slept) = waited.expect("nobody panics while holding it");
                ready = guard;
                if slept.timed_out() {
                    return *ready;
                }
            }
            woken("ready");
            true
        })?;
        // ANCHOR_END: fixed
        looked.wait();
        let wants = stretch!("notifier", "waits for the lock");
        *lock.lock().expect("nobody panics while holding it") = true;
        drop(wants);
        mark!("notifier", "had the lock and set ready; notifies");
        wakes("ready");
        set.notify_one();
        Ok(sleeper.join().unwrap_or(false))
    })
}
