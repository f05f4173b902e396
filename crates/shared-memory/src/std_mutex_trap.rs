//! `std::sync::Mutex` works between processes, until somebody has to wait: its futex is private,
//! so the one who unlocks wakes nobody in another process.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use anyhow::Result;
use lab::child::Child;
use lab::narrate::{wakes, woken};
use lab::{Evidence, Experiment, Lab, say, span};

use crate::futex::{sleeps, wait_until_asleep};

pub const EXPERIMENT: Experiment = Experiment {
    name: "std-mutex-trap",
    question: "Does Rust's own mutex work between processes?",
    claims: &["cross-process-threads"],
    run,
};

/// How long a waiter gets to wake up, which takes microseconds.
const LOOKED: Duration = Duration::from_millis(100);

/// What both processes see.
struct Page {
    lock: Mutex<u32>,
    step: AtomicU32,
}

fn run(_: &Lab) -> Result<Evidence> {
    let memory = crate::memory::shared(size_of::<Page>())?;
    let page: *mut Page = memory.as_mut_ptr().cast();
    // SAFETY: the mapping is large enough and page aligned, and outlives every use of `page`.
    let page: &Page = unsafe {
        page.write(Page { lock: Mutex::new(0), step: AtomicU32::new(0) });
        &*page
    };

    let guard = page.lock.lock().expect("nobody panics while holding the lock");
    say!("holder", "holds a std::sync::Mutex that lies in shared memory");
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let waiter = unsafe {
        Child::fork(|| {
            let _span = span!("waiter", "waits for it");
            page.step.store(1, Release);
            drop(page.lock.lock());
            woken("lock");
            say!("waiter", "gets it");
            0
        })
    }?;
    wait_until_asleep(&waiter, || page.step.load(Acquire) == 1)?;
    wakes("lock");
    drop(guard);
    let still_there = !waiter.ends_within(LOOKED)?;
    let free = page.lock.try_lock().is_ok();
    let asleep = still_there && sleeps(waiter.pid())?;
    let (ms, lock) = (LOOKED.as_millis(), if free { "free" } else { "taken" });
    if asleep {
        say!("holder", "unlocked it {ms} ms ago: it is {lock}, and the waiter sleeps on");
    } else {
        say!("holder", "unlocked it: it is {lock}, and the waiter has gone on");
    }
    waiter.kill()?;
    Ok(Evidence::new()
        .fact("std mutex: unlocked, free again", free)
        .fact("std mutex: the other process sleeps on", asleep))
}
