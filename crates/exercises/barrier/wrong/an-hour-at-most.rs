//! Waits for an hour at most, and goes on whether or not all have arrived.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

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
        let hour = Duration::from_secs(3600);
        drop(self.full.wait_timeout_while(state, hour, |state| state.round == mine).unwrap());
        false
    }
}
