//! Lets in one more than there are permits.

use std::sync::{Condvar, Mutex};

pub struct Semaphore {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The next number to give out.
    next: usize,
    /// Whoever has a smaller number may go on.
    served: usize,
}

pub struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        let state = State { next: 0, served: permits };
        Semaphore { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let mut state = self.state.lock().unwrap();
        let mine = state.next;
        state.next += 1;
        let _state = self.changed.wait_while(state, |state| state.served < mine).unwrap();
        Permit(self)
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut state = self.state.lock().unwrap();
        let free = state.next < state.served;
        state.next += usize::from(free);
        free.then(|| Permit(self))
    }

    pub fn add(&self, permits: usize) {
        let mut state = self.state.lock().unwrap();
        state.served += permits;
        drop(state);
        // Whose number has come is one among those who wait: wake all, and each looks at its own.
        self.changed.notify_all();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.add(1);
    }
}
