//! Marks an account that is looked at, and does not count: the first of two who leaves takes the mark
//! off for both.

use std::sync::{Condvar, Mutex};

pub struct Bank {
    accounts: Mutex<Vec<Account>>,
    released: Condvar,
}

struct Account {
    balance: u64,
    looked_at: bool,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        let accounts =
            balances.iter().map(|&balance| Account { balance, looked_at: false }).collect();
        Bank { accounts: Mutex::new(accounts), released: Condvar::new() }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let accounts = self.accounts.lock().unwrap();
        let in_use = |accounts: &mut Vec<Account>| {
            from != to && (accounts[from].looked_at || accounts[to].looked_at)
        };
        let mut accounts = self.released.wait_while(accounts, in_use).unwrap();
        let left = accounts[from].balance.checked_sub(amount).ok_or(NotEnough)?;
        accounts[from].balance = left;
        accounts[to].balance += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap();
        accounts[account].looked_at = true;
        let balance = accounts[account].balance;
        drop(accounts);
        let _mark = Mark { bank: self, account };
        look(balance)
    }

    pub fn total(&self) -> u64 {
        self.accounts.lock().unwrap().iter().map(|account| account.balance).sum()
    }
}

/// Takes the mark off the account again, also if `look` panics.
struct Mark<'a> {
    bank: &'a Bank,
    account: usize,
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.bank.accounts.lock().unwrap()[self.account].looked_at = false;
        self.bank.released.notify_all();
    }
}
