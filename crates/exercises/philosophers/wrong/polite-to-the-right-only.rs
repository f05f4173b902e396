//! Lets a neighbour who has been hungry for longer go first, but looks for him on one side only.

use std::sync::{Condvar, Mutex};

#[derive(Clone, Copy)]
enum Seat {
    Thinking,
    Hungry(u64),
    Eating,
}

struct State {
    next: u64,
    seats: Vec<Seat>,
}

pub struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

impl State {
    fn must_wait(&self, seat: usize, mine: u64) -> bool {
        let seats = self.seats.len();
        let right = self.seats[(seat + 1) % seats];
        let left = self.seats[(seat + seats - 1) % seats];
        matches!(left, Seat::Eating)
            || matches!(right, Seat::Eating)
            || matches!(right, Seat::Hungry(number) if number < mine)
    }
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
        while state.must_wait(seat, mine) {
            state = self.changed.wait(state).unwrap();
        }
        state.seats[seat] = Seat::Eating;
        drop(state);
        let result = eat();
        self.state.lock().unwrap().seats[seat] = Seat::Thinking;
        self.changed.notify_all();
        result
    }
}
