//! Whoever has eaten while neighbours waited lets one of them go first.

use std::sync::{Condvar, Mutex};

#[derive(Clone, Default)]
struct Philosopher {
    hungry: bool,
    eats: bool,
    /// Has eaten while a neighbour waited: lets hungry neighbours go first.
    owes: bool,
}

pub struct Table {
    seats: Mutex<Vec<Philosopher>>,
    changed: Condvar,
}

fn must_wait(table: &[Philosopher], seat: usize) -> bool {
    let around = [(seat + table.len() - 1) % table.len(), (seat + 1) % table.len()];
    let owed = |other: usize| table[other].hungry && !table[other].owes;
    around.iter().any(|&other| table[other].eats) || table[seat].owes && around.into_iter().any(owed)
}

impl Table {
    pub fn new(seats: usize) -> Table {
        Table { seats: Mutex::new(vec![Philosopher::default(); seats]), changed: Condvar::new() }
    }

    pub fn dine<T>(&self, seat: usize, eat: impl FnOnce() -> T) -> T {
        let mut table = self.seats.lock().unwrap();
        let around = [(seat + table.len() - 1) % table.len(), (seat + 1) % table.len()];
        table[seat].hungry = true;
        let mut table = self.changed.wait_while(table, |table| must_wait(table, seat)).unwrap();
        table[seat].hungry = false;
        table[seat].eats = true;
        for other in around {
            table[other].owes = false;
        }
        drop(table);
        let result = eat();
        let mut table = self.seats.lock().unwrap();
        table[seat].eats = false;
        table[seat].owes = around.iter().any(|&other| table[other].hungry);
        self.changed.notify_all();
        result
    }
}
