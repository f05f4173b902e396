//! Never holds two locks, so nothing can deadlock; but for a moment the money is nowhere.

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
        let mut balance = self.accounts[from].lock().unwrap();
        *balance = balance.checked_sub(amount).ok_or(NotEnough)?;
        drop(balance);
        *self.accounts[to].lock().unwrap() += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    pub fn total(&self) -> u64 {
        let all: Vec<_> = self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        all.iter().map(|balance| **balance).sum()
    }
}
