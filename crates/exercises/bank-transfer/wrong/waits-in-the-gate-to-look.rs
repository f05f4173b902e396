//! Has a gate for those who look: the second one who looks at an account waits in it, and nobody else
//! gets through.

use std::sync::Mutex;

pub struct Bank {
    accounts: Vec<Mutex<u64>>,
    gate: Mutex<()>,
}

#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    pub fn new(balances: &[u64]) -> Bank {
        let accounts = balances.iter().map(|balance| Mutex::new(*balance)).collect();
        Bank { accounts, gate: Mutex::new(()) }
    }

    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        if from == to {
            let balance = self.accounts[from].lock().unwrap();
            return if *balance < amount { Err(NotEnough) } else { Ok(()) };
        }
        let lower = self.accounts[from.min(to)].lock().unwrap();
        let upper = self.accounts[from.max(to)].lock().unwrap();
        let (mut source, mut target) = if from < to { (lower, upper) } else { (upper, lower) };
        *source = source.checked_sub(amount).ok_or(NotEnough)?;
        *target += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let gate = self.gate.lock().unwrap();
        let balance = self.accounts[account].lock().unwrap();
        drop(gate);
        look(*balance)
    }

    pub fn total(&self) -> u64 {
        let all: Vec<_> = self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        all.iter().map(|balance| **balance).sum()
    }
}
