//! Threads of a scope borrow local variables: the scope joins them all before those end.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::proc::spawn;

pub const EXPERIMENT: Experiment = Experiment {
    name: "scoped",
    question: "How can a thread use its parent's local variables safely?",
    claims: &[],
    run,
};

// ANCHOR: story
fn run(_: &Lab) -> Result<Evidence> {
    let mut squares = [1u64, 2, 3, 4, 5, 6, 7, 8];
    let ended = AtomicUsize::new(0);
    say!("main", "has {squares:?} on its stack and lends it, half and half");
    thread::scope(|scope| {
        for half in squares.chunks_mut(4) {
            spawn(scope, "squarer", || {
                half.iter_mut().for_each(|number| *number *= *number);
                ended.fetch_add(1, SeqCst);
            })?;
        }
        // Nobody calls join: the scope does, also when the block is left by an error.
        anyhow::Ok(())
    })?;
    let ended = ended.into_inner();
    say!("main", "{ended} threads had ended when the scope did; now it holds {squares:?}");
    // ANCHOR_END: story
    Ok(Evidence::new()
        .fact("scoped threads that had ended", ended)
        .fact("sum of the squares", squares.iter().sum::<u64>()))
}
