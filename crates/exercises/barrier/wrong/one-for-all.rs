//! Keeps its state in a static: all barriers of the program are one.

use std::sync::{Condvar, Mutex};

static STATE: Mutex<(usize, usize)> = Mutex::new((0, 0));
static FULL: Condvar = Condvar::new();

pub struct Barrier {
    threads: usize,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads }
    }

    pub fn wait(&self) -> bool {
        let mut state = STATE.lock().unwrap();
        state.0 += 1;
        if state.0 == self.threads {
            *state = (0, state.1.wrapping_add(1));
            FULL.notify_all();
            return true;
        }
        let mine = state.1;
        drop(FULL.wait_while(state, |state| state.1 == mine).unwrap());
        false
    }
}
