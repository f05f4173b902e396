//! Two threads of the standard library lock in opposite orders.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [stuck]
//! shows: waits for a lock, or for a thread (futex)
//! shows: at reap.rs:18
//! shows: at reap.rs:22

use std::sync::{Arc, Barrier, Mutex};

fn attack() {
    let locks = Arc::new((Mutex::new(0), Mutex::new(0), Barrier::new(2)));
    let same = locks.clone();
    let other = std::thread::spawn(move || {
        let _second = same.1.lock().unwrap();
        same.2.wait();
        let _first = same.0.lock().unwrap();
    });
    let _first = locks.0.lock().unwrap();
    locks.2.wait();
    let _second = locks.1.lock().unwrap();
    other.join().unwrap();
}
