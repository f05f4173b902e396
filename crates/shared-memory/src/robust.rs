//! A process is killed while it holds a lock in shared memory. What it leaves behind is a lock
//! that is taken, and data that is half changed.

use std::ptr::addr_of_mut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{Child, in_words};
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
    robust: bool,
    from: AtomicU64,
    to: AtomicU64,
}

const SHOULD: u64 = 100;
/// How long one waits for a lock that nobody may give back.
const PATIENCE: Duration = Duration::from_millis(100);

fn run(_: &Lab) -> Result<Evidence> {
    let (memory, bank) = make_bank(true)?;
    kill_the_owner(bank)?;
    // ANCHOR: recover
    let told = bank.lock.lock_within(PATIENCE);
    let total = bank.total();
    say!("heir", "asks for the lock: {}; the total should be {SHOULD}, is {total}", name(told));
    let warned = told == Err(Errno::EOWNERDEAD);
    if warned {
        // It has the lock, and what the lock protects may be half done.
        bank.to.fetch_add(SHOULD.saturating_sub(total), Relaxed);
        bank.lock.make_consistent()?;
    }
    if warned || told.is_ok() {
        bank.lock.unlock();
    }
    // ANCHOR_END: recover
    let next = bank.lock.lock_within(PATIENCE);
    let repaired = next.is_ok() && bank.total() == SHOULD;
    let has = if warned { "repairs it" } else { "repairs nothing" };
    say!("heir", "{has}; the next one gets {}, the total is {}", name(next), bank.total());
    bank.lock.unlock();
    drop(memory);

    let (memory, bank) = make_bank(true)?;
    kill_the_owner(bank)?;
    let _ = bank.lock.lock_within(PATIENCE);
    bank.lock.unlock();
    let unrepaired = bank.lock.lock_within(PATIENCE);
    say!("heir", "unlocks without a word: the next one gets {}", name(unrepaired));
    drop(memory);

    let (_memory, bank) = make_bank(false)?;
    kill_the_owner(bank)?;
    let asked = Instant::now();
    let plain = name(bank.lock.lock_within(PATIENCE));
    let waits = match asked.elapsed() < PATIENCE {
        true => "does not wait long".to_owned(),
        false => format!("waits {} ms", PATIENCE.as_millis()),
    };
    let kind = if bank.robust { "robust" } else { "not robust" };
    say!("heir", "{waits} for one that is {kind}, gets {plain}");

    Ok(Evidence::new()
        .fact("lock after its owner was killed", name(told))
        .fact("total that should be 100", total)
        .fact("repaired and locked again", repaired)
        .fact("lock after nobody repaired", name(unrepaired))
        .fact("lock that is not robust", plain))
}

/// Kills a child while it holds the lock and has changed one of the two accounts.
fn kill_the_owner(bank: &Bank) -> Result<()> {
    let before = bank.from.load(Relaxed);
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _ = bank.lock.lock();
            bank.from.fetch_sub(30, Relaxed);
            std::thread::sleep(Duration::from_secs(60));
            bank.to.fetch_add(30, Relaxed);
            bank.lock.unlock();
            0
        })
    }?;
    crate::futex::wait_until_asleep(&child, || bank.from.load(Relaxed) < before)?;
    let ended = in_words(child.kill()?);
    say!("heir", "an owner, half way through a transfer, {ended}");
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
        (*bank).robust = robust;
        (*bank).from.store(SHOULD, Relaxed);
        Ok((memory, &*bank))
    }
}

fn name(outcome: nix::Result<()>) -> String {
    outcome.map_or_else(|errno| format!("{errno:?}"), |()| "the lock".to_owned())
}
