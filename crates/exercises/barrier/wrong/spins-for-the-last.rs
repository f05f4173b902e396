//! Spins if only one of four or more is missing.

use std::sync::{Condvar, Mutex};
use std::thread;

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    full: Condvar,
}

struct State {
    arrived: usize,
    round: usize,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State { arrived: 0, round: 0 });
        Barrier { threads, state, full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        if state.arrived == self.threads {
            state.arrived = 0;
            state.round = state.round.wrapping_add(1);
            self.full.notify_all();
            return true;
        }
        let mine = state.round;
        let soon = self.threads > 3 && state.arrived + 1 == self.threads;
        while state.round == mine {
            if soon {
                drop(state);
                thread::yield_now();
                state = self.state.lock().unwrap();
            } else {
                state = self.full.wait(state).unwrap();
            }
        }
        false
    }
}
