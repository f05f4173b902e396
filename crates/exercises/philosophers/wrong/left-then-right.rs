//! Everybody takes the left fork first, and all may hold one and wait for the other.

use std::sync::Mutex;

pub struct Table {
    forks: Vec<Mutex<()>>,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        Table { forks: (0..seats).map(|_| Mutex::new(())).collect() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let _left = self.forks[(seat + 1) % self.forks.len()].lock().unwrap();
        let _right = self.forks[seat].lock().unwrap();
        eat()
    }
}
