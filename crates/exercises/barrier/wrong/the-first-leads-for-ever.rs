//! Remembers who led the first round, and lets nobody else lead.

use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    full: Condvar,
}

struct State {
    arrived: usize,
    round: usize,
    leader: Option<ThreadId>,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State { arrived: 0, round: 0, leader: None });
        Barrier { threads, state, full: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let me = thread::current().id();
        state.arrived += 1;
        if state.arrived == self.threads {
            state.arrived = 0;
            state.round = state.round.wrapping_add(1);
            self.full.notify_all();
            return *state.leader.get_or_insert(me) == me;
        }
        let mine = state.round;
        while state.round == mine {
            state = self.full.wait(state).unwrap();
        }
        state.leader == Some(me)
    }
}
