//! Threads of one process see each other's writes at the same addresses, wherever those are.
//! Here one looks after the other has ended; `order` asks what they see while both run.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use anyhow::Result;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

pub const EXPERIMENT: Experiment = Experiment {
    name: "threads",
    question: "Does a write in one thread reach another?",
    claims: &["threads-share-memory"],
    run,
};

static VALUE: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
}

fn run(_: &Lab) -> Result<Evidence> {
    let here = VALUE.as_ptr() as usize;
    let mut on_stack = 0;
    let mut on_heap = Box::new(0);
    let before = VALUE.load(SeqCst);
    say!("main", "VALUE is {before} at {here:#x}");

    // ANCHOR: story
    let (there, own_there, written) = thread::scope(|scope| {
        let writer = spawn(scope, "writer", || {
            VALUE.store(42, SeqCst);
            (on_stack, *on_heap) = (43, 44);
            OWN.set(45);
            say!("writer", "stores to VALUE at {:p}, to main's stack and heap", VALUE.as_ptr());
            say!("writer", "its thread-local is {} at {:p}", OWN.get(), OWN.with(Cell::as_ptr));
            let written = (VALUE.load(SeqCst), on_stack, *on_heap, OWN.get());
            (VALUE.as_ptr() as usize, OWN.with(Cell::as_ptr) as usize, written)
        })?;
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))
    })?;
    // ANCHOR_END: story
    let (value, own, own_here) = (VALUE.load(SeqCst), OWN.get(), OWN.with(Cell::as_ptr));
    say!("main", "finds {value}, {on_stack} and {on_heap}");
    say!("main", "its thread-local is {own} at {own_here:p}");
    let all_written = written.0 != before && written.1 != 0 && written.2 != 0;
    let sees = (value, on_stack, *on_heap) == (written.0, written.1, written.2);
    Ok(Evidence::new()
        .fact("threads: both use the same address", here == there)
        .fact("thread: the writer wrote", all_written)
        .fact("thread: other sees the write", sees && all_written)
        .fact("thread-local: both use the same address", own_here as usize == own_there)
        .fact("thread-local: other sees the write", own == written.3))
}
