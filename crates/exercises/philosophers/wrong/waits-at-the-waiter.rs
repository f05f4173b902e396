//! A waiter lets one philosopher at a time pick up forks. Who waits for a fork keeps the waiter
//! busy, and everybody else waits too.

use std::sync::Mutex;

pub struct Table {
    forks: Vec<Mutex<()>>,
    waiter: Mutex<()>,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        Table { forks: (0..seats).map(|_| Mutex::new(())).collect(), waiter: Mutex::new(()) }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let waiter = self.waiter.lock().unwrap();
        let _left = self.forks[seat].lock().unwrap();
        let _right = self.forks[(seat + 1) % self.forks.len()].lock().unwrap();
        drop(waiter);
        eat()
    }
}
