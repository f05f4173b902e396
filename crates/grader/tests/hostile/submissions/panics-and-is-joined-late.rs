//! A thread of the standard library panics, and nobody does what it would have done.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]
//! shows: waits for a lock, or for a thread (futex) at reap.rs:17
//! shows: Before that, worker panicked at reap.rs:14: no more

use std::sync::mpsc::channel;
use std::thread::Builder;

fn attack() {
    let (kept, from) = channel::<()>();
    let worker = Builder::new().name("worker".to_owned()).spawn(|| panic!("no more")).unwrap();
    // It is joined first, so that the panic has been.
    let _ = worker.join();
    let _ = from.recv();
    drop(kept);
}
