//! `std::sync::Mutex` works between processes, until somebody has to wait: its futex is private,
//! so the one who unlocks wakes nobody in another process.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use anyhow::Result;
use lab::child::Child;
use lab::{Evidence, Experiment, Lab, say, span};

use crate::futex::{sleeps, wait_until_asleep};

pub const EXPERIMENT: Experiment = Experiment {
    name: "std-mutex-trap",
    question: "Does Rust's own mutex work between processes?",
    claims: &["cross-process-threads"],
    run,
};

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
            say!("waiter", "got it");
            0
        })
    }?;
    wait_until_asleep(&waiter, || page.step.load(Acquire) == 1)?;
    drop(guard);
    let never_woken = !waiter.ends_within(Duration::from_millis(100))?;
    let free = page.lock.try_lock().is_ok();

    say!("holder", "unlocked it 100 ms ago; it is {}", if free { "free" } else { "taken" });
    let asleep = sleeps(waiter.pid())?;
    if never_woken && asleep {
        say!("holder", "yet the waiter sleeps: the wake-up went to this process alone");
    }
    waiter.kill()?;
    Ok(Evidence::new()
        .fact("std mutex: unlocked, free again", free)
        .fact("std mutex: the other process sleeps on", never_woken && asleep))
}
