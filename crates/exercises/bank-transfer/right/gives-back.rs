//! Never waits with a lock in hand: whoever does not get the second one gives the first one back, and
//! waits for the one that was missing.

use std::sync::{Mutex, MutexGuard, TryLockError};

pub struct Bank {
    accounts: Vec<Mutex<u64>>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        Bank { accounts: balances.iter().copied().map(Mutex::new).collect() }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        if from == to {
            let enough = *self.accounts[from].lock().unwrap() >= amount;
            return enough.then_some(()).ok_or(NotEnough);
        }
        let (mut source, mut target) = self.both(from, to);
        if *source < amount {
            return Err(NotEnough);
        }
        *source -= amount;
        *target += amount;
        Ok(())
    }

    fn both(&self, one: usize, other: usize) -> (MutexGuard<'_, u64>, MutexGuard<'_, u64>) {
        let (mut first, mut second) = (one, other);
        loop {
            let in_hand = self.accounts[first].lock().unwrap();
            match self.accounts[second].try_lock() {
                Ok(guard) if first == one => return (in_hand, guard),
                Ok(guard) => return (guard, in_hand),
                Err(TryLockError::WouldBlock) => drop(in_hand),
                Err(TryLockError::Poisoned(poisoned)) => panic!("{poisoned}"),
            }
            (first, second) = (second, first);
        }
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        look(*self.accounts[account].lock().unwrap())
    }

    /// Nobody who waits has a lock, so it does not matter that this one waits with some in hand.
    pub fn total(&self) -> u64 {
        let all: Vec<_> = self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        all.iter().map(|balance| **balance).sum()
    }
}
