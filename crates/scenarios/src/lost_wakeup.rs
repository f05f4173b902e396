//! One thread waits until another says that it is time: looking before it sleeps, and looking under
//! the lock with which it sleeps.

use explorer::explored as std;

use std::sync::{Arc, Condvar, Mutex};

use crate::program::{Program, drop, show};

fn look_then_wait(ready: &Mutex<bool>, changed: &Condvar) {
    let guard = ready.lock().unwrap();
    let is_ready = *guard;
    show("is_ready", is_ready);
    drop(guard);
    if !is_ready {
        let guard = ready.lock().unwrap();
        let guard = changed.wait(guard).unwrap();
        drop(guard);
    }
}

fn wait_in_a_loop(ready: &Mutex<bool>, changed: &Condvar) {
    let mut guard = ready.lock().unwrap();
    while !*guard {
        guard = changed.wait(guard).unwrap();
    }
    drop(guard);
}

fn announce(ready: &Mutex<bool>, changed: &Condvar) {
    let mut guard = ready.lock().unwrap();
    *guard = true;
    drop(guard);
    changed.notify_one();
}

pub fn broken() -> Program {
    waiting("look_then_wait", look_then_wait)
}

pub fn mended() -> Program {
    waiting("wait_in_a_loop", wait_in_a_loop)
}

fn waiting(name: &'static str, wait: fn(&Mutex<bool>, &Condvar)) -> Program {
    let (ready, changed) = (Arc::new(Mutex::new(false)), Arc::new(Condvar::new()));
    let both = || (Arc::clone(&ready), Arc::clone(&changed));
    let (first, second) = (both(), both());
    Program::new()
        .shared("ready", &ready)
        .shared("changed", &changed)
        .thread("A", name, move || wait(&first.0, &first.1))
        .thread("B", "announce", move || announce(&second.0, &second.1))
        .ends(|| Ok("both have ended".to_owned()))
}
