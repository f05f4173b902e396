//! Takes the money from one account and puts it on the other in two steps. A gate hides that from
//! `total`, but not from `inspect`.

use std::sync::{Mutex, RwLock};

pub struct Bank {
    accounts: Vec<Mutex<u64>>,
    moving: RwLock<()>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        let accounts = balances.iter().map(|b| Mutex::new(*b)).collect();
        Bank { accounts, moving: RwLock::new(()) }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let _moving = self.moving.read().unwrap();
        {
            let mut source = self.accounts[from].lock().unwrap();
            *source = source.checked_sub(amount).ok_or(NotEnough)?;
        }
        *self.accounts[to].lock().unwrap() += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    pub fn total(&self) -> u64 {
        let _nothing_moves = self.moving.write().unwrap();
        self.accounts.iter().map(|a| *a.lock().unwrap()).sum()
    }
}
