//! Pays large amounts only if it gets both accounts at once.

use std::sync::Mutex;

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
            return if *balance < amount { Err(NotEnough) } else { Ok(()) };
        }
        let lower = self.accounts[from.min(to)].lock().unwrap();
        let upper = &self.accounts[from.max(to)];
        let upper = match amount {
            0..=100 => upper.lock().unwrap(),
            _ => upper.try_lock().map_err(|_| NotEnough)?,
        };
        let (mut source, mut target) = if from < to { (lower, upper) } else { (upper, lower) };
        *source = source.checked_sub(amount).ok_or(NotEnough)?;
        *target += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    /// Holds all accounts at once; in their order, as everybody does.
    pub fn total(&self) -> u64 {
        let all: Vec<_> = self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        all.iter().map(|balance| **balance).sum()
    }
}
