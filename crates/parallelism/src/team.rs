//! Threads that are kept, and do one batch after another together with the thread that asks.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Result;
use lab::child::give_up;
use lab::sample::Pinned;
use lab::thread::spawn;

/// The threads, and what they wait at.
pub struct Team<'a> {
    begin: &'a Barrier,
    end: &'a Barrier,
}

impl Team<'_> {
    // ANCHOR: team
    /// Keeps a thread on each CPU but the first, which is the caller's. In each batch every one of
    /// them calls `work` with its number.
    pub fn keep<T>(
        cpus: &[usize],
        work: &(dyn Fn(usize) + Sync),
        ask: impl FnOnce(&Team<'_>) -> Result<T>,
    ) -> Result<T> {
        let (begin, end) = (Barrier::new(cpus.len()), Barrier::new(cpus.len()));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (number, cpu) in cpus.iter().enumerate().skip(1) {
                let (begin, end, over) = (&begin, &end, &over);
                spawn(scope, "worker", move || {
                    let _pinned = Pinned::to(*cpu).unwrap_or_else(|error| give_up(&error));
                    loop {
                        begin.wait();
                        if over.load(Relaxed) {
                            break;
                        }
                        work(number);
                        end.wait();
                    }
                })?;
            }
            // Threads that are never told that it is over would be waited for without end.
            let done = ask(&Team { begin: &begin, end: &end });
            let done = done.unwrap_or_else(|error| give_up(&error));
            over.store(true, Relaxed);
            begin.wait();
            Ok(done)
        })
    }

    /// One batch, from the moment in which it is given out until all are done with it.
    pub fn batch(&self, own: impl FnOnce()) {
        self.begin.wait();
        own();
        self.end.wait();
    }
    // ANCHOR_END: team
}
