//! One lock for the whole bank: nothing can deadlock, and nobody can do anything while one looks.

use std::sync::Mutex;

pub struct Bank {
    accounts: Mutex<Vec<u64>>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        Bank { accounts: Mutex::new(balances.to_vec()) }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let mut accounts = self.accounts.lock().unwrap();
        accounts[from] = accounts[from].checked_sub(amount).ok_or(NotEnough)?;
        accounts[to] += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let accounts = self.accounts.lock().unwrap();
        look(accounts[account])
    }

    pub fn total(&self) -> u64 {
        self.accounts.lock().unwrap().iter().sum()
    }
}
