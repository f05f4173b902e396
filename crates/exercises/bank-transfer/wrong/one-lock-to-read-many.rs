//! A reader-writer lock for the whole bank: many may look at once, but nobody pays meanwhile.

use std::sync::RwLock;

pub struct Bank {
    accounts: RwLock<Vec<u64>>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        Bank { accounts: RwLock::new(balances.to_vec()) }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let mut accounts = self.accounts.write().unwrap();
        accounts[from] = accounts[from].checked_sub(amount).ok_or(NotEnough)?;
        accounts[to] += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        look(self.accounts.read().unwrap()[account])
    }

    pub fn total(&self) -> u64 {
        self.accounts.read().unwrap().iter().sum()
    }
}
