//! Waits for an hour at most, and then eats.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

pub struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    next: u64,
    seats: Vec<Seat>,
}

#[derive(Clone, Copy)]
enum Seat {
    Thinking,
    Hungry(u64),
    Eating,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        let state = State { next: 0, seats: vec![Seat::Thinking; seats] };
        Table { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let mine = state.next;
        state.next += 1;
        state.seats[seat] = Seat::Hungry(mine);
        let hour = Duration::from_secs(3600);
        let must_wait = |state: &mut State| state.must_wait(seat, mine);
        state = self.changed.wait_timeout_while(state, hour, must_wait).unwrap().0;
        state.seats[seat] = Seat::Eating;
        drop(state);

        let _meal = Meal { table: self, seat };
        eat()
    }
}

impl State {
    fn must_wait(&self, seat: usize, mine: u64) -> bool {
        let seats = self.seats.len();
        let neighbours = [(seat + 1) % seats, (seat + seats - 1) % seats];
        neighbours.iter().any(|&neighbour| match self.seats[neighbour] {
            Seat::Thinking => false,
            Seat::Hungry(number) => number < mine,
            Seat::Eating => true,
        })
    }
}

/// Ends the meal, also if `eat` panics.
struct Meal<'a> {
    table: &'a Table,
    seat: usize,
}

impl Drop for Meal<'_> {
    fn drop(&mut self) {
        self.table.state.lock().unwrap().seats[self.seat] = Seat::Thinking;
        // Both neighbours may go on, and nobody knows whom `notify_one` would reach.
        self.table.changed.notify_all();
    }
}
