//! Wakes one of those who wait. The others look again after an hour.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    next: Condvar,
}

#[derive(Default)]
struct State {
    arrived: usize,
    round: u64,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, state: Mutex::default(), next: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let round = state.round;
        state.arrived += 1;
        if state.arrived == self.threads {
            *state = State { arrived: 0, round: round + 1 };
            self.next.notify_one();
            return true;
        }
        while state.round == round {
            state = self.next.wait_timeout(state, Duration::from_secs(3600)).unwrap().0;
        }
        false
    }
}
