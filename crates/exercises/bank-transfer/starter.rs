//! A bank with accounts between which many threads transfer money.

use std::sync::Mutex;

pub struct Bank {
    accounts: Vec<Mutex<u64>>,
}

/// Why a transfer was not made: there is less on the account than was asked for.
#[derive(Debug)]
pub struct NotEnough;

impl Bank {
    /// A bank with an account for each of these balances.
    pub fn new(balances: &[u64]) -> Bank {
        Bank { accounts: balances.iter().map(|balance| Mutex::new(*balance)).collect() }
    }

    /// Moves money from one account to another, in one step: nobody sees it on both, or on neither.
    ///
    /// A transfer of an account to itself changes nothing, but needs the money as well.
    ///
    /// # Errors
    ///
    /// If there is less than `amount` on the first account. Then nothing has changed.
    pub fn transfer(&self, from: usize, to: usize, amount: u64) -> Result<(), NotEnough> {
        let mut source = self.accounts[from].lock().unwrap();
        let mut target = self.accounts[to].lock().unwrap(); // TODO: what if two pay each other?
        *source = source.checked_sub(amount).ok_or(NotEnough)?;
        *target += amount;
        Ok(())
    }

    /// Calls `look` with the balance of an account, which does not change until `look` returns.
    ///
    /// `look` may take long. Whoever needs neither this account nor one that a waiting thread needs
    /// does not wait for it.
    pub fn inspect<T>(&self, account: usize, look: impl FnOnce(u64) -> T) -> T {
        let balance = self.accounts[account].lock().unwrap();
        look(*balance)
    }

    /// The sum of all balances at one moment: it is always the same.
    pub fn total(&self) -> u64 {
        self.accounts.iter().map(|account| *account.lock().unwrap()).sum()
    }
}
