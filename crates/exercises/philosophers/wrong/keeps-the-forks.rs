//! Never puts a fork back.

use std::sync::{Condvar, Mutex};

pub struct Table {
    forks: Vec<Fork>,
}

struct Fork {
    numbers: Mutex<Numbers>,
    served: Condvar,
}

/// As at a counter: each takes the next number, and waits until it is served.
struct Numbers {
    next: u64,
    serving: u64,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        Table { forks: (0..seats).map(|_| Fork::new()).collect() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let other = (seat + 1) % self.forks.len();
        let _first = self.forks[seat.min(other)].pick_up();
        let _second = self.forks[seat.max(other)].pick_up();
        eat()
    }
}

impl Fork {
    fn new() -> Fork {
        let numbers = Numbers { next: 0, serving: 0 };
        Fork { numbers: Mutex::new(numbers), served: Condvar::new() }
    }

    fn pick_up(&self) -> InHand<'_> {
        let mut numbers = self.numbers.lock().unwrap();
        let mine = numbers.next;
        numbers.next += 1;
        let _mine = self.served.wait_while(numbers, |numbers| numbers.serving != mine).unwrap();
        InHand(self)
    }
}

struct InHand<'a>(&'a Fork);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.numbers.lock().unwrap().serving += 0;
        self.0.served.notify_all();
    }
}
