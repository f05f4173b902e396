//! Between looking and going to sleep there is a moment. Who notifies in that moment notifies
//! nobody, unless the lock closes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::LIMIT;
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
    let order = Order::default();
    let broken = broken(&order)?;
    let without = order.told();
    let ended = outcome(broken, &without, PATIENCE);
    mark!("sleeper", "{ended}");
    say!("broken", "without the lock: {without}");
    say!("broken", "{ended}");
    let order = Order::default();
    let fixed = fixed(&order)?;
    let under = order.told();
    let ended = outcome(fixed, &under, LIMIT);
    mark!("sleeper", "{ended}");
    say!("fixed", "under the lock: {under}");
    say!("fixed", "{ended}");
    Ok(Evidence::new()
        .fact("lost wake-up: broken goes on", broken)
        .fact("lost wake-up: broken, in this order", without)
        .fact("lost wake-up: fixed goes on", fixed)
        .fact("lost wake-up: fixed, in this order", under))
}

/// What happened to the sleeper, in the order in which it was noted.
#[derive(Default)]
struct Order(Mutex<Vec<&'static str>>);

impl Order {
    fn note(&self, happened: &'static str) {
        self.0.lock().expect("nobody panics while holding it").push(happened);
    }

    fn told(&self) -> String {
        self.0.lock().expect("nobody panics while holding it").join(", ")
    }
}

/// How it ended for a sleeper that slept for so long at most, and whether it slept.
fn outcome(goes_on: bool, order: &str, at_most: Duration) -> String {
    match (goes_on, order.contains(SLEPT)) {
        (true, true) => "was woken".to_owned(),
        (true, false) => "saw that it was ready, and did not sleep".to_owned(),
        (false, _) => format!("slept for {} ms and was not woken", at_most.as_millis()),
    }
}

const LOOKED: &str = "looked";
const SLEPT: &str = "went to sleep";
const NOTIFIED: &str = "was notified";

/// Whether a sleeper that looks without the lock wakes up.
fn broken(order: &Order) -> Result<bool> {
    let (ready, lock, set) = (AtomicBool::new(false), Mutex::new(()), Condvar::new());
    // The moment between looking and sleeping is held open until the notification was sent.
    let (looked, notified) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|threads| {
        // ANCHOR: broken
        let sleeper = spawn(threads, "sleeper", || {
            if !ready.load(Ordering::SeqCst) {
                order.note(LOOKED);
                looked.wait();
                notified.wait();
                let _trace = stretch!("sleeper", "waits to be notified");
                let guard = lock.lock().expect("nobody panics while holding it");
                order.note(SLEPT);
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
        order.note(NOTIFIED);
        set.notify_one();
        notified.wait();
        sleeper.join().ok().context("the sleeper has panicked")
    })
}

/// Whether one that looks under the lock does. The notifier is let go at the same moment; it has to
/// wait until the sleeper has given the lock back, and that is what going to sleep does.
fn fixed(order: &Order) -> Result<bool> {
    let (lock, set) = (Mutex::new(false), Condvar::new());
    let looked = Barrier::new(2);
    std::thread::scope(|threads| {
        // ANCHOR: fixed
        let sleeper = spawn(threads, "sleeper", || {
            let mut ready = lock.lock().expect("nobody panics while holding it");
            order.note(LOOKED);
            looked.wait();
            let _trace = stretch!("sleeper", "waits, and gives the lock back in the same step");
            while !*ready {
                order.note(SLEPT);
                let waited = set.wait_timeout(ready, LIMIT);
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
        order.note(NOTIFIED);
        mark!("notifier", "had the lock and set ready; notifies");
        wakes("ready");
        set.notify_one();
        sleeper.join().ok().context("the sleeper has panicked")
    })
}
