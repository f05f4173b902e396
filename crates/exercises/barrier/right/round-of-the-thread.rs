//! Each thread notes in a variable of its own in which round it waits.

use std::cell::Cell;
use std::sync::{Condvar, Mutex};

thread_local! {
    static MINE: Cell<u64> = Cell::default();
}

#[derive(Default)]
struct State {
    arrived: usize,
    round: u64,
}

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    over: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        Barrier { threads, state: Mutex::default(), over: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        MINE.set(state.round);
        state.arrived += 1;
        let last = state.arrived == self.threads;
        if last {
            *state = State { arrived: 0, round: state.round + 1 };
            self.over.notify_all();
        }
        drop(self.over.wait_while(state, |state| state.round == MINE.get()).unwrap());
        last
    }
}
