//! A process is killed while it holds a lock in shared memory. What it leaves behind is a lock
//! that is taken, and data that is half changed.

use std::ptr::addr_of_mut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::Child;
use lab::{Evidence, Experiment, Lab, say};
use memmap2::MmapRaw;
use nix::errno::Errno;

use crate::shared_mutex::SharedMutex;

pub const EXPERIMENT: Experiment = Experiment {
    name: "robust",
    question: "What becomes of a lock whose owner is killed?",
    claims: &["ipc-by-shared-memory"],
    run,
};

/// Two accounts that hold 100 together whenever nobody has the lock.
struct Bank {
    lock: SharedMutex,
    from: AtomicU64,
    to: AtomicU64,
}

const SHOULD: u64 = 100;

fn run(_: &Lab) -> Result<Evidence> {
    let (memory, bank) = make_bank(true)?;
    kill_the_owner(bank)?;
    // ANCHOR: recover
    let error = match bank.lock.lock() {
        Err(Errno::EOWNERDEAD) => Errno::EOWNERDEAD,
        other => bail!("the lock of a killed owner returned {other:?}"),
    };
    let total = bank.total();
    say!("heir", "locks and is told {error:?}; the total should be {SHOULD} and is {total}");
    bank.to.fetch_add(SHOULD - total, Relaxed);
    bank.lock.make_consistent()?;
    bank.lock.unlock();
    // ANCHOR_END: recover
    bank.lock.lock()?;
    let repaired = bank.total() == SHOULD;
    bank.lock.unlock();
    say!("heir", "repairs it and says so; the next one locks as usual");
    drop(memory);

    let (_memory, bank) = make_bank(true)?;
    kill_the_owner(bank)?;
    let _ = bank.lock.lock();
    bank.lock.unlock();
    let unrepaired = bank.lock.lock();
    say!("heir", "unlocks without a word: the next one gets {}", name(unrepaired));

    let (_memory, bank) = make_bank(false)?;
    kill_the_owner(bank)?;
    let plain = bank.lock.lock_within(Duration::from_millis(100));
    say!("heir", "waits for a lock that is not robust: {}, and would for ever", name(plain));

    Ok(Evidence::new()
        .fact("lock after its owner was killed", name(Err(error)))
        .fact("total that should be 100", total)
        .fact("repaired and locked again", repaired)
        .fact("lock after nobody repaired", name(unrepaired))
        .fact("lock that is not robust", name(plain)))
}

/// Kills a child while it holds the lock and has changed one of the two accounts.
fn kill_the_owner(bank: &Bank) -> Result<()> {
    let before = bank.from.load(Relaxed);
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _ = bank.lock.lock();
            say!("owner", "locks, takes 30 from one account, and is killed");
            bank.from.fetch_sub(30, Relaxed);
            std::thread::sleep(Duration::from_secs(60));
            bank.to.fetch_add(30, Relaxed);
            bank.lock.unlock();
            0
        })
    }?;
    crate::futex::wait_until_asleep(&child, || bank.from.load(Relaxed) < before)?;
    child.kill()?;
    Ok(())
}

impl Bank {
    fn total(&self) -> u64 {
        self.from.load(Relaxed) + self.to.load(Relaxed)
    }
}

/// A bank in memory that children share. It lives as long as the mapping.
fn make_bank<'a>(robust: bool) -> Result<(MmapRaw, &'a Bank)> {
    let memory = crate::memory::shared(size_of::<Bank>())?;
    let bank: *mut Bank = memory.as_mut_ptr().cast();
    // SAFETY: the mapping is large enough, page aligned and zeroed; callers keep it that long.
    unsafe {
        SharedMutex::init(addr_of_mut!((*bank).lock), robust).context("pthread_mutex_init")?;
        (*bank).from.store(SHOULD, Relaxed);
        Ok((memory, &*bank))
    }
}

fn name(outcome: nix::Result<()>) -> String {
    outcome.map_or_else(|errno| format!("{errno:?}"), |()| "the lock".to_owned())
}
