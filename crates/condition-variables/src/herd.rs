//! One item for eight sleepers: `notify_one` wakes one of them, `notify_all` wakes them all, and
//! seven go back to sleep.

use std::sync::{Condvar, Mutex};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::{sleeps_on, tid_of};

pub const EXPERIMENT: Experiment = Experiment {
    name: "herd",
    question: "One item comes for eight that wait. How many wake up?",
    claims: &[],
    run,
};

const SLEEPERS: usize = 8;

/// What the sleepers look at.
#[derive(Default)]
struct Shared {
    items: usize,
    taken: usize,
    wakes: usize,
    over: bool,
    /// Whether all were seen asleep, before the notification and after it.
    all_slept: bool,
}

fn run(_: &Lab) -> Result<Evidence> {
    let one = wakes(Condvar::notify_one)?;
    say!("main", "notify_one: {} of {SLEEPERS} woke, {} got the item", one.wakes, one.taken);
    let all = wakes(Condvar::notify_all)?;
    let in_vain = all.wakes - all.taken;
    say!("main", "notify_all: {} of {SLEEPERS} woke, {} got the item", all.wakes, all.taken);
    let seen = one.all_slept && all.all_slept;
    let back = if seen { " and went back to sleep" } else { "; not all were seen asleep" };
    say!("main", "{in_vain} of them woke in vain{back}");
    Ok(Evidence::new()
        .fact("herd: sleepers", SLEEPERS)
        .fact("herd: all were seen asleep, before and after", seen)
        .fact("herd: woken by notify_one", one.wakes)
        .fact("herd: woken by notify_all", all.wakes)
        .fact("herd: woken in vain", in_vain))
}

/// Puts one item where eight wait for it; what has happened when all sleep again.
fn wakes(notify: fn(&Condvar)) -> Result<Shared> {
    let (shared, come) = (Mutex::new(Shared::default()), Condvar::new());
    let (tid, told) = std::sync::mpsc::channel();
    let lock = || shared.lock().expect("nobody panics while holding it");
    std::thread::scope(|threads| {
        for _ in 0..SLEEPERS {
            // ANCHOR: sleeper
            spawn(threads, "sleeper", || {
                let mut shared = lock();
                tid_of(&tid);
                while !shared.over {
                    shared = come.wait(shared).expect("nobody panics while holding it");
                    if shared.over {
                        return;
                    }
                    shared.wakes += 1;
                    if shared.items > 0 {
                        shared.items -= 1;
                        shared.taken += 1;
                    }
                }
            })?;
            // ANCHOR_END: sleeper
        }
        let mut sleepers = Vec::new();
        for _ in 0..SLEEPERS {
            sleepers.push(told.recv().context("a sleeper ended")?);
        }
        let all_sleep = || sleepers.iter().all(|tid| sleeps_on(*tid, &come));
        let before = all_sleep();
        lock().items = 1;
        notify(&come);
        // Who was woken has left the condition variable, and counts itself before it is back there.
        let after = all_sleep();
        let mut shared = lock();
        shared.all_slept = before && after;
        shared.over = true;
        let seen = Shared { ..*shared };
        drop(shared);
        come.notify_all();
        Ok(seen)
    })
}
