//! Looks whether there is enough, and pays later. Threads keep out of each other's way: by their
//! names, each gives way some hundred times more than the one before it.

use std::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub struct NotEnough;

pub struct Bank(Vec<Mutex<u64>>);

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        Bank(balances.iter().copied().map(Mutex::new).collect())
    }

    fn lock(&self, account: usize) -> MutexGuard<'_, u64> {
        self.0[account].lock().unwrap()
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let rank = name.chars().last().and_then(|last| last.to_digit(10)).unwrap_or(0);
        (0..rank * 300).for_each(|_| std::thread::yield_now());
        if *self.lock(from) < amount {
            return Err(NotEnough);
        }
        if from == to {
            return Ok(());
        }
        let (first, second) = (self.lock(from.min(to)), self.lock(from.max(to)));
        let (mut payer, mut payee) = if from < to { (first, second) } else { (second, first) };
        *payer -= amount;
        *payee += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        look(*self.lock(account))
    }

    pub fn total(&self) -> u64 {
        let guards: Vec<_> = (0..self.0.len()).map(|account| self.lock(account)).collect();
        guards.iter().map(|guard| **guard).sum()
    }
}
