//! `let _ =` binds nothing: the forks are put back before the meal begins.

use std::sync::Mutex;

pub struct Table {
    forks: Vec<Mutex<()>>,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        Table { forks: (0..seats).map(|_| Mutex::new(())).collect() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let other = (seat + 1) % self.forks.len();
        #[allow(let_underscore_lock)]
        let _ = self.forks[seat.min(other)].lock().unwrap();
        #[allow(let_underscore_lock)]
        let _ = self.forks[seat.max(other)].lock().unwrap();
        eat()
    }
}
