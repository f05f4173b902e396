//! Lets a fast thread in while the slow ones of its round are still on their way out.

use std::sync::{Condvar, Mutex};

pub struct Barrier {
    threads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy)]
enum State {
    Entering { inside: usize },
    Leaving { inside: usize },
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let state = Mutex::new(State::Entering { inside: 0 });
        Barrier { threads, state, changed: Condvar::new() }
    }

    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let inside = loop {
            match *state {
                State::Entering { inside } => break inside + 1,
                State::Leaving { inside } => break inside + 1,
            }
        };
        let last_in = inside == self.threads;
        if last_in {
            *state = State::Leaving { inside };
            self.changed.notify_all();
        } else {
            *state = State::Entering { inside };
        }
        let inside = loop {
            match *state {
                State::Leaving { inside } => break inside - 1,
                State::Entering { .. } => state = self.changed.wait(state).unwrap(),
            }
        };
        if inside == 0 {
            *state = State::Entering { inside };
            self.changed.notify_all();
        } else {
            *state = State::Leaving { inside };
        }
        last_in
    }
}
