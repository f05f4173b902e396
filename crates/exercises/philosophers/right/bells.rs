//! A bell at each seat: whoever has eaten rings at the two seats beside his, and at no other.

use std::sync::{Condvar, Mutex};

pub struct Table {
    places: Mutex<Places>,
    bells: Vec<Condvar>,
}

struct Places {
    eating: Vec<bool>,
    /// Since when each has been hungry, if he is: the larger, the later.
    hungry: Vec<Option<u64>>,
    hour: u64,
}

impl Places {
    fn free(&self, seat: usize, [left, right]: [usize; 2]) -> bool {
        let since = self.hungry[seat];
        let before = |other: usize| self.hungry[other].is_some() && self.hungry[other] < since;
        [left, right].iter().all(|&other| !self.eating[other] && !before(other))
    }
}

impl Table {
    pub fn new(seats: usize) -> Table {
        let places = Places { eating: vec![false; seats], hungry: vec![None; seats], hour: 0 };
        Table { places: Mutex::new(places), bells: (0..seats).map(|_| Condvar::new()).collect() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let seats = self.bells.len();
        let beside = [(seat + seats - 1) % seats, (seat + 1) % seats];
        let mut places = self.places.lock().unwrap();
        places.hour += 1;
        places.hungry[seat] = Some(places.hour);
        let waits = |places: &mut Places| !places.free(seat, beside);
        let mut places = self.bells[seat].wait_while(places, waits).unwrap();
        places.hungry[seat] = None;
        places.eating[seat] = true;
        drop(places);
        let meal = eat();
        self.places.lock().unwrap().eating[seat] = false;
        for other in beside {
            self.bells[other].notify_all();
        }
        meal
    }
}
