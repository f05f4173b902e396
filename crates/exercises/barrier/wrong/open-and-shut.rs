//! One flag for the door: the last to arrive opens it, the first of the next round shuts it, on the
//! nose of the slow ones.

use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    opened: Condvar,
}

struct State {
    arrived: usize,
    open: bool,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State { arrived: 0, open: false });
        Barrier { threads, state, opened: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        if state.arrived == 0 {
            state.open = false;
        }
        state.arrived += 1;
        if state.arrived == self.threads {
            state.arrived = 0;
            state.open = true;
            self.opened.notify_all();
            return true;
        }
        while !state.open {
            state = self.opened.wait(state).unwrap();
        }
        false
    }
}
