//! Philosophers at a round table, with one fork between each two neighbours.

use std::sync::Mutex;

pub struct Table {
    /// Fork `i` lies between the philosophers `i - 1` and `i`.
    forks: Vec<Mutex<()>>,
}

impl Table {
    /// A table with `seats` seats, at least two.
    pub fn new(seats: usize) -> Table {
        Table { forks: (0..seats).map(|_| Mutex::new(())).collect() }
    }

    /// The philosopher at this seat, counted from 0, is hungry: waits for both forks, eats, and puts
    /// them back. Returns what `eat` returns.
    ///
    /// Neighbours never eat at the same time. A philosopher whose neighbours neither eat nor are
    /// hungry never waits. Nobody starves: whoever begins to wait, for one neighbour's meal alone,
    /// eats before that one again. Whoever waits is blocked, and holds up nobody across the table.
    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let _left = self.forks[seat].lock().unwrap();
        // TODO: the right fork as well. But what if everybody holds a left one?
        eat()
    }
}
