//! Each who is woken wakes the next: a fast thread that is back swallows the wake-up, and the
//! slow one stays.

use std::sync::{Condvar, Mutex};

struct State {
    arrived: usize,
    round: usize,
}

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    full: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, state: Mutex::new(State { arrived: 0, round: 0 }), full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        let last = state.arrived == self.threads;
        if last {
            state.arrived = 0;
            state.round = state.round.wrapping_add(1);
        } else {
            let mine = state.round;
            while state.round == mine {
                state = self.full.wait(state).unwrap();
            }
        }
        self.full.notify_one();
        last
    }
}
