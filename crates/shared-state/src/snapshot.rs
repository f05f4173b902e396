//! A pointer to a state that nobody changes any more. Who reads keeps what it has; who writes puts
//! a new state in its place.

use std::sync::{Arc, Barrier, Mutex};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "snapshot",
    question: "Can one read for long while another writes?",
    claims: &[],
    run,
};

/// A state with a rule: the two are equal.
#[derive(Clone)]
struct State {
    version: u32,
    total: u32,
}

/// The lock is held as long as it takes to copy or replace a pointer.
struct Current(Mutex<Arc<State>>);

impl Current {
    // ANCHOR: current
    fn load(&self) -> Arc<State> {
        self.0.lock().expect("nobody panics while holding it").clone()
    }

    fn store(&self, state: State) {
        *self.0.lock().expect("nobody panics while holding it") = Arc::new(state);
    }

    /// Puts `state` there if `seen` is still what is there.
    fn replace(&self, seen: &Arc<State>, state: State) -> bool {
        let mut current = self.0.lock().expect("nobody panics while holding it");
        let unchanged = Arc::ptr_eq(&current, seen);
        if unchanged {
            *current = Arc::new(state);
        }
        unchanged
    }
    // ANCHOR_END: current
}

fn run(_: &Lab) -> Result<Evidence> {
    let current = Current(Mutex::new(Arc::new(State { version: 1, total: 1 })));
    let old = current.load();
    current.store(State { version: 2, total: 2 });
    let new = current.load();
    let whole = old.version == old.total && new.version == new.total;
    say!("reader", "has had version {} all the time; the next gets {}", old.version, new.version);
    let (kept, observer) = (old.version, Arc::downgrade(&old));
    let before = observer.strong_count();
    drop(old);
    let after = observer.strong_count();
    let freed = if after == 0 { "its memory is given back" } else { "its memory stays" };
    say!("reader", "{before} held version {kept}; it lets go, {after} do: {freed}");

    let (stored, same) = two_updates(|current, _, state| {
        current.store(state);
        true
    })?;
    let (replaced, same_again) = two_updates(Current::replace)?;
    let from = match same && same_again {
        true => "both from the same snapshot",
        false => "not from the same snapshot",
    };
    say!("writers", "two add 1 to 0, {from}, and store: {stored}");
    say!("writers", "the same, if it is still the snapshot, else again: {replaced}");
    Ok(Evidence::new()
        .fact("snapshot: the reader keeps version", kept)
        .fact("snapshot: the next gets version", new.version)
        .fact("snapshot: both are whole", whole)
        .fact("snapshot: holders of the old one in the end", after)
        .fact("snapshot: two additions, from the same", same && same_again)
        .fact("snapshot: two additions, stored", stored)
        .fact("snapshot: two additions, replaced if unchanged", replaced))
}

/// What two threads make of 0 if both add 1 and have taken the same snapshot at first; whether they
/// have.
fn two_updates(put: fn(&Current, &Arc<State>, State) -> bool) -> Result<(u32, bool)> {
    let current = Current(Mutex::new(Arc::new(State { version: 0, total: 0 })));
    let original = current.load();
    let both_have_it = Barrier::new(2);
    std::thread::scope(|threads| {
        // ANCHOR: update
        let add = || {
            let mut seen = current.load();
            let same = Arc::ptr_eq(&seen, &original);
            both_have_it.wait();
            loop {
                let next = State { version: seen.version + 1, total: seen.total + 1 };
                if put(&current, &seen, next) {
                    return same;
                }
                seen = current.load();
            }
        };
        // ANCHOR_END: update
        let other = spawn(threads, "writer", add)?;
        let same = add();
        let other = other.join().ok().context("a writer has panicked")?;
        anyhow::Ok(same && other)
    })
    .map(|same| (current.load().total, same))
}
