//! A mutex keeps out those who ask for it. Half way through a change, one thread comes that asks,
//! and one that does not.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use anyhow::{Result, anyhow};
use lab::thread::spawn;
use lab::{Evidence, say};

/// Adds the facts about who came in.
pub fn who_comes_in(evidence: Evidence) -> Result<Evidence> {
    // As in C: the lock lies beside what it protects, and nothing ties the two together.
    let (lock, value) = (Mutex::new(()), AtomicU64::new(0));
    let guard = lock.lock();
    let seen = value.load(SeqCst);
    let polite = || {
        if lock.try_lock().is_ok() {
            value.fetch_add(10, SeqCst);
        }
    };
    let rude = || {
        value.fetch_add(10, SeqCst);
    };
    let asked = changes(&value, "polite", polite)?;
    let rude = changes(&value, "rude", rude)?;
    let should = value.load(SeqCst) + 1;
    value.store(seen + 1, SeqCst);
    drop(guard);
    let is = value.load(SeqCst);
    say!("main", "half way through value += 1, one who asks {}", came(asked));
    say!("main", "one who does not ask {}: value is {is}, should be {should}", came(rude));
    Ok(evidence.fact("one who asks comes in", asked).fact("one who does not ask comes in", rude))
}

/// Whether a thread that runs `body` changes the value.
fn changes(value: &AtomicU64, name: &str, body: impl FnOnce() + Send) -> Result<bool> {
    let before = value.load(SeqCst);
    thread::scope(|threads| {
        spawn(threads, name, body)?.join().map_err(|_| anyhow!("a thread panicked"))
    })?;
    Ok(value.load(SeqCst) != before)
}

fn came(came: bool) -> &'static str {
    if came { "comes in" } else { "is kept out" }
}
