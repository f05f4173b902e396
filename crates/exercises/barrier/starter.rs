//! A place where a fixed number of threads wait for each other, again and again.

use std::sync::Mutex;

pub struct Barrier {
    threads: usize,
    arrived: Mutex<usize>,
}

impl Barrier {
    /// A barrier for `threads` threads, at least one.
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, arrived: Mutex::new(0) }
    }

    /// Waits until as many threads as the barrier is for have arrived; then all of them go on, and
    /// the next round begins.
    ///
    /// Returns `true` to exactly one of them in each round. A thread may be back for the next round
    /// before the others have left this one: it waits, and they are not held up.
    pub fn wait(&self) -> bool {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        *arrived == self.threads // TODO: wait for the others.
    }
}
