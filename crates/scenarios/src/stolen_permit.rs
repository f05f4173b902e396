//! A semaphore of a mutex and a condition variable: who was woken looks once, or looks again.

use explorer::explored as std;

use std::sync::{Arc, Condvar, Mutex};

// What the functions return goes by the explorer: that would be a step of its own.
use ::std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use crate::program::{Program, drop, show};

fn give_two(count: &Mutex<i32>, given: &Condvar) {
    for round in [1, 2] {
        show("round", round);
        let mut permits = count.lock().unwrap();
        *permits += 1;
        drop(permits);
        given.notify_one();
    }
}

fn take_if(count: &Mutex<i32>, given: &Condvar) -> i32 {
    let mut permits = count.lock().unwrap();
    if *permits == 0 {
        permits = given.wait(permits).unwrap();
    }
    *permits -= 1;
    let left = *permits;
    show("left", left);
    drop(permits);
    left
}

fn take_while(count: &Mutex<i32>, given: &Condvar) -> i32 {
    let mut permits = count.lock().unwrap();
    while *permits == 0 {
        permits = given.wait(permits).unwrap();
    }
    *permits -= 1;
    let left = *permits;
    show("left", left);
    drop(permits);
    left
}

pub fn broken() -> Program {
    taken("take_if", take_if)
}

pub fn mended() -> Program {
    taken("take_while", take_while)
}

fn taken(name: &'static str, take: fn(&Mutex<i32>, &Condvar) -> i32) -> Program {
    let (count, given) = (Arc::new(Mutex::new(0)), Arc::new(Condvar::new()));
    let least = Arc::new(AtomicI32::new(0));
    let all = || (Arc::clone(&count), Arc::clone(&given), Arc::clone(&least));
    let (giver, first, second) = (all(), all(), all());
    let keep = move |(count, given, least): (Arc<_>, Arc<_>, Arc<AtomicI32>)| {
        least.fetch_min(take(&count, &given), SeqCst);
    };
    Program::new()
        .shared("count", &count)
        .shared("given", &given)
        .thread("A", "give_two", move || give_two(&giver.0, &giver.1))
        .thread("B", name, move || keep(first))
        .thread("C", name, move || keep(second))
        .ends(move || match least.load(SeqCst) {
            0 => Ok("two permits were given, and two were taken".to_owned()),
            least => Err(format!("a permit was taken that was not there, which leaves {least}")),
        })
}
