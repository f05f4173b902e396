//! The last to leave sets the numbers back: a fast thread that is back finds the barrier still full,
//! and passes; the slow one waits for ever.

use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    full: Condvar,
}

struct State {
    arrived: usize,
    left: usize,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State { arrived: 0, left: 0 });
        Barrier { threads, state, full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        let last = state.arrived == self.threads;
        if last {
            self.full.notify_all();
        }
        while state.arrived < self.threads {
            state = self.full.wait(state).unwrap();
        }
        state.left += 1;
        if state.left == self.threads {
            *state = State { arrived: 0, left: 0 };
        }
        last
    }
}
