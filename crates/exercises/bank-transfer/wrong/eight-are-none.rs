//! Counts those who look at an account in three bits.

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
        let in_use = |accounts: &mut Vec<Account>| {
            from != to && (accounts[from].looked_at + accounts[to].looked_at > 0)
        };
        let mut accounts = self.released.wait_while(accounts, in_use).unwrap();
        let left = accounts[from].balance.checked_sub(amount).ok_or(NotEnough)?;
        accounts[from].balance = left;
        accounts[to].balance += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap();
        accounts[account].looked_at = (accounts[account].looked_at + 1) % 8;
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
        let mut accounts = self.bank.accounts.lock().unwrap();
        let account = &mut accounts[self.account];
        account.looked_at = (account.looked_at + 7) % 8;
        drop(accounts);
        self.bank.released.notify_all();
    }
}
