//! A gate lets one thread at a time collect its two locks. Who waits for one of them stands in the
//! gate, and nobody else gets through.

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
        let gate = self.gate.lock().unwrap();
        let mut source = self.accounts[from].lock().unwrap();
        if from == to {
            return if *source < amount { Err(NotEnough) } else { Ok(()) };
        }
        let mut target = self.accounts[to].lock().unwrap();
        drop(gate);
        *source = source.checked_sub(amount).ok_or(NotEnough)?;
        *target += amount;
        Ok(())
    }

    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    pub fn total(&self) -> u64 {
        let _gate = self.gate.lock().unwrap();
        let all: Vec<_> = self.accounts.iter().map(|account| account.lock().unwrap()).collect();
        all.iter().map(|balance| **balance).sum()
    }
}
