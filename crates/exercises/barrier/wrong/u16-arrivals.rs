//! Counts all arrivals in 16 bits.

use std::sync::{Condvar, Mutex};

struct State {
    /// How often somebody has arrived, ever.
    arrivals: u16,
    complete: u16,
}

pub struct Barrier {
    threads: u16,
    state: Mutex<State>,
    complete: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier {
            threads: threads as u16,
            state: Mutex::new(State { arrivals: 0, complete: 0 }),
            complete: Condvar::new(),
        }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let round = state.complete;
        state.arrivals = state.arrivals.wrapping_add(1);
        if state.arrivals % self.threads == 0 {
            state.complete = state.complete.wrapping_add(1);
            self.complete.notify_all();
            return true;
        }
        while state.complete == round {
            state = self.complete.wait(state).unwrap();
        }
        false
    }
}
