//! Judges what is on the account when it is asked, and pays when it has waited.

use std::sync::{Condvar, Mutex};

pub struct Bank {
    accounts: Mutex<Vec<Account>>,
    released: Condvar,
}

struct Account {
    balance: u64,
    looked_at: usize,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        let accounts = balances.iter().map(|&balance| Account { balance, looked_at: 0 }).collect();
        Bank { accounts: Mutex::new(accounts), released: Condvar::new() }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let accounts = self.accounts.lock().unwrap();
        let enough = accounts[from].balance >= amount;
        let in_use = |accounts: &mut Vec<Account>| {
            from != to && (accounts[from].looked_at + accounts[to].looked_at > 0)
        };
        let mut accounts = self.released.wait_while(accounts, in_use).unwrap();
        if !enough {
            return Err(NotEnough);
        }
        accounts[from].balance = accounts[from].balance.wrapping_sub(amount);
        accounts[to].balance = accounts[to].balance.wrapping_add(amount);
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap();
        accounts[account].looked_at += 1;
        let balance = accounts[account].balance;
        drop(accounts);
        let _mark = Mark { bank: self, account };
        look(balance)
    }

    pub fn total(&self) -> u64 {
        self.accounts.lock().unwrap().iter().map(|account| account.balance).sum()
    }
}

/// Counts one less, also if `look` panics.
struct Mark<'a> {
    bank: &'a Bank,
    account: usize,
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.bank.accounts.lock().unwrap()[self.account].looked_at -= 1;
        self.bank.released.notify_all();
    }
}
