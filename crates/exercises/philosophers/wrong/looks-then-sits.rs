//! Gives the lock back between looking and eating: a neighbour looks in between.

use std::sync::{Condvar, Mutex};

pub struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    seats: Vec<Seat>,
}

#[derive(Clone, Copy)]
enum Seat {
    Thinking,
    Hungry,
    Eating,
}

impl Table {
    pub fn new(seats: usize) -> Table {
        let state = State { seats: vec![Seat::Thinking; seats] };
        Table { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap();
        state.seats[seat] = Seat::Hungry;
        while state.must_wait(seat) {
            state = self.changed.wait(state).unwrap();
        }
        drop(state);
        self.state.lock().unwrap().seats[seat] = Seat::Eating;

        let _meal = Meal { table: self, seat };
        eat()
    }
}

impl State {
    fn must_wait(&self, seat: usize) -> bool {
        let seats = self.seats.len();
        let neighbours = [(seat + 1) % seats, (seat + seats - 1) % seats];
        neighbours.iter().any(|&neighbour| match self.seats[neighbour] {
            Seat::Thinking | Seat::Hungry => false,
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
        self.table.changed.notify_all();
    }
}
