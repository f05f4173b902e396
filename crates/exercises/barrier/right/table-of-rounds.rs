//! Counts each round in a place of its own, of which there are many.

use std::array::from_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

const ROUNDS: usize = 256;

pub struct Barrier {
    threads: usize,
    arrived: Box<[AtomicUsize; ROUNDS]>,
    round: Mutex<usize>,
    over: Condvar,
}

impl Barrier {
    pub fn new(threads: usize) -> Barrier {
        let arrived = Box::new(from_fn(|_| AtomicUsize::new(0)));
        Barrier { threads, arrived, round: Mutex::default(), over: Condvar::default() }
    }

    pub fn wait(&self) -> bool {
        let mut round = self.round.lock().unwrap();
        let mine = *round;
        let place = &self.arrived[mine % ROUNDS];
        if place.fetch_add(1, SeqCst) + 1 == self.threads {
            place.store(0, SeqCst);
            *round = mine + 1;
            self.over.notify_all();
            return true;
        }
        while *round == mine {
            round = self.over.wait(round).unwrap();
        }
        false
    }
}
