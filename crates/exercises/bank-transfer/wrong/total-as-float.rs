//! Adds up in floating point.

use std::sync::{Mutex, MutexGuard};

pub struct Bank {
    accounts: Vec<Mutex<u64>>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        Bank { accounts: balances.iter().map(|balance| Mutex::new(*balance)).collect() }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        if from == to {
            let balance = self.accounts[from].lock().unwrap();
            return if *balance >= amount { Ok(()) } else { Err(NotEnough) };
        }
        let (mut source, mut target);
        if from < to {
            source = self.accounts[from].lock().unwrap();
            target = self.accounts[to].lock().unwrap();
        } else {
            target = self.accounts[to].lock().unwrap();
            source = self.accounts[from].lock().unwrap();
        }
        *source = source.checked_sub(amount).ok_or(NotEnough)?;
        *target += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    pub fn total(&self) -> u64 {
        let guards: Vec<MutexGuard<'_, u64>> =
            self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        guards.iter().map(|guard| **guard as f64).sum::<f64>() as u64
    }
}
