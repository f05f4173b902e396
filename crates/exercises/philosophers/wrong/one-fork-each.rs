//! Takes one fork, that of its own seat, and not the other.

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
        let _first = self.forks[seat].pick_up();
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
        self.0.numbers.lock().unwrap().serving += 1;
        self.0.served.notify_all();
    }
}
