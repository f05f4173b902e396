//! Whether two threads that count were really under way at the same time, and a moment in which
//! whoever is not kept out can come in.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often on the way a thread pauses under the lock, and waits for the other outside it.
const TIMES: u64 = 8;
/// How long it waits for the other, which others may keep from its CPU.
const LIMIT: Duration = Duration::from_secs(1);

/// Notes whose turn it was.
#[derive(Default)]
pub struct Turns {
    last: AtomicU32,
    changes: AtomicU64,
    one_is_done: AtomicBool,
}

impl Turns {
    /// It is the turn of thread `me`, which is not 0 and holds the lock.
    pub fn note(&self, me: u32) {
        if self.last.swap(me, Relaxed) != me {
            self.changes.fetch_add(1, Relaxed);
        }
    }

    /// Now and then on the way to `each`, waits until the other thread has had a turn. Not to be
    /// called by one that holds the lock.
    pub fn wait_for_the_other(&self, me: u32, number: u64, each: u64) {
        if !is_a_stop(number, each) {
            return;
        }
        let end = Instant::now() + LIMIT;
        while self.last.load(Relaxed) == me
            && !self.one_is_done.load(Relaxed)
            && Instant::now() < end
        {
            std::thread::yield_now();
        }
    }

    /// This thread takes no more turns.
    pub fn end(&self) {
        self.one_is_done.store(true, Relaxed);
    }

    /// Whether one came in after the other had come in after it. Two that ran one after the other
    /// changed places once.
    pub fn alternated(&self) -> bool {
        self.changes.load(Relaxed) > 3
    }
}

/// Now and then on the way to `each`, sleeps for a moment.
pub fn pause(number: u64, each: u64) {
    if is_a_stop(number, each) {
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn is_a_stop(number: u64, each: u64) -> bool {
    number.is_multiple_of((each / TIMES).max(1))
}
