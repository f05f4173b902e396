//! Threads of a scope borrow local variables: the scope returns when their closures have. It does
//! not wait for the threads themselves, which may be busy with thread-local variables yet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, TimeLimit, say};

use crate::proc::threads_of_this_process;

pub const EXPERIMENT: Experiment = Experiment {
    name: "scoped",
    question: "How can a thread use its parent's local variables safely?",
    claims: &[],
    run,
};

/// A thread-local variable that takes its time when its thread ends.
struct Slow;

/// How many of them are at it.
static ENDING: AtomicUsize = AtomicUsize::new(0);

static HURRY: AtomicBool = AtomicBool::new(false);

impl Drop for Slow {
    fn drop(&mut self) {
        ENDING.fetch_add(1, SeqCst);
        let mut limit = TimeLimit::new(Duration::from_secs(1));
        while !HURRY.load(SeqCst) && !limit.is_over() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

thread_local! {
    static SLOW: Slow = const { Slow };
}

/// So many numbers each thread gets.
const PART: usize = 3;

fn run(_: &Lab) -> Result<Evidence> {
    // ANCHOR: story
    let mut squares = [1u64, 2, 3, 4, 5, 6];
    let returned = AtomicUsize::new(0);
    say!("main", "lends {squares:?} from its stack, {PART} to a thread");
    thread::scope(|scope| {
        for half in squares.chunks_mut(PART) {
            spawn(scope, "squarer", || {
                SLOW.with(|_| ()); // Its destructor runs after the closure.
                half.iter_mut().for_each(|number| *number *= *number);
                returned.fetch_add(1, SeqCst);
            })?;
        }
        // Nobody calls join. The scope waits, also when the block is left by an error.
        anyhow::Ok(())
    })?;
    // ANCHOR_END: story
    let (returned, alive) = (returned.into_inner(), threads_of_this_process()?.len() - 1);
    let mut limit = TimeLimit::new(Duration::from_millis(100));
    while ENDING.load(SeqCst) < alive && !limit.is_over() {
        thread::sleep(Duration::from_millis(1));
    }
    let ending = ENDING.load(SeqCst);
    say!("main", "the scope returned after {returned} closures: {squares:?}");
    match alive {
        0 => say!("main", "none of their threads is left"),
        _ if ending >= alive => {
            say!("main", "{alive} of their threads still run, in a thread-local's destructor");
        }
        _ => say!("main", "{alive} of their threads still run, {ending} in such a destructor"),
    }
    HURRY.store(true, SeqCst);
    let mut limit = TimeLimit::new(Duration::from_secs(5));
    while threads_of_this_process()?.len() > 1 && !limit.is_over() {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Evidence::new()
        .fact("closures that had returned", returned)
        .fact("sum of the squares", squares.iter().sum::<u64>())
        .fact("threads alive after the scope", alive))
}
