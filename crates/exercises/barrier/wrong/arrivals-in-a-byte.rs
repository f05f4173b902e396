//! Counts the arrivals in a byte.

use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    full: Condvar,
}

struct State {
    arrived: u8,
    round: usize,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State { arrived: 0, round: 0 });
        Barrier { threads, state, full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.arrived = state.arrived.wrapping_add(1);
        if usize::from(state.arrived) == self.threads {
            state.arrived = 0;
            state.round = state.round.wrapping_add(1);
            self.full.notify_all();
            return true;
        }
        let mine = state.round;
        while state.round == mine {
            state = self.full.wait(state).unwrap();
        }
        false
    }
}
