//! Whoever is woken and has to wait still, gets a new place in the line.

use std::sync::{Condvar, Mutex};

#[derive(Clone, Copy, PartialEq)]
enum Seat {
    Thinking,
    /// Since which of all arrivals.
    Hungry(u64),
    Eating,
}

struct State {
    seats: Vec<Seat>,
    arrivals: u64,
}

pub struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

impl State {
    fn neighbours(&self, seat: usize) -> [usize; 2] {
        let seats = self.seats.len();
        [(seat + seats - 1) % seats, (seat + 1) % seats]
    }

    /// Whether this neighbour is eating, or hungry and came before.
    fn first(&self, neighbour: usize, mine: u64) -> bool {
        match self.seats[neighbour] {
            Seat::Thinking => false,
            Seat::Hungry(since) => since < mine,
            Seat::Eating => true,
        }
    }

    fn must_wait(&self, seat: usize, mine: u64) -> bool {
        self.neighbours(seat).iter().any(|neighbour| self.first(*neighbour, mine))
    }
}

impl Table {
    pub fn new(seats: usize) -> Table {
        let state = State { seats: vec![Seat::Thinking; seats], arrivals: 0 };
        Table { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let mut mine = state.arrivals;
        state.arrivals += 1;
        state.seats[seat] = Seat::Hungry(mine);
        while state.must_wait(seat, mine) {
            state = self.changed.wait(state).unwrap();
            if state.must_wait(seat, mine) {
                mine = state.arrivals;
                state.arrivals += 1;
                state.seats[seat] = Seat::Hungry(mine);
            }
        }
        state.seats[seat] = Seat::Eating;
        drop(state);
        let result = eat();
        self.state.lock().unwrap().seats[seat] = Seat::Thinking;
        self.changed.notify_all();
        result
    }
}
