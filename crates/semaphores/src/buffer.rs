//! A bounded buffer by two semaphores, which count free and filled places, and a lock for the
//! buffer itself. In the wrong order the two wait for each other.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::semaphore::Semaphore;

pub const EXPERIMENT: Experiment = Experiment {
    name: "buffer",
    question: "How do two semaphores make a buffer with room for four?",
    claims: &["semaphore-limits"],
    run,
};

const ROOM: u32 = 4;
const ITEMS: u32 = 2000;

// ANCHOR: buffer
struct Buffer {
    free: Semaphore,
    filled: Semaphore,
    items: Mutex<VecDeque<u32>>,
}

impl Buffer {
    fn push(&self, item: u32) -> usize {
        self.free.wait();
        let mut items = self.items.lock().expect("nobody panics while holding it");
        items.push_back(item);
        let length = items.len();
        drop(items);
        self.filled.post();
        length
    }

    fn pop(&self) -> Option<u32> {
        self.filled.wait();
        let item = self.items.lock().expect("nobody panics while holding it").pop_front();
        self.free.post();
        item
    }
}
// ANCHOR_END: buffer

impl Buffer {
    fn new() -> Result<Buffer> {
        Ok(Buffer {
            free: Semaphore::new(ROOM)?,
            filled: Semaphore::new(0)?,
            items: Mutex::new(VecDeque::new()),
        })
    }
}

fn run(_: &Lab) -> Result<Evidence> {
    let buffer = Buffer::new()?;
    let (longest, in_order) = std::thread::scope(|threads| {
        let producer = spawn(threads, "producer", || {
            (0..ITEMS).map(|item| buffer.push(item)).max().unwrap_or(0)
        })?;
        let got: Vec<Option<u32>> = (0..ITEMS).map(|_| buffer.pop()).collect();
        let longest = producer.join().ok().context("the producer has panicked")?;
        anyhow::Ok((longest, got.into_iter().eq((0..ITEMS).map(Some))))
    })?;
    let order = if in_order { "all in order" } else { "not all in order" };
    say!("main", "{ITEMS} items passed, {order}; the buffer held at most {longest}");

    let stuck = lock_first()?;
    let outcome = if stuck { "wait for each other" } else { "go on" };
    say!("main", "the lock first and then the permit: both {outcome}");
    Ok(Evidence::new()
        .fact("buffer: room", ROOM)
        .fact("buffer: most items", longest)
        .fact("buffer: all in order", in_order)
        .fact("buffer: lock first, stuck", stuck))
}

/// A producer that takes the lock and then waits for room; whether the consumer can make any.
fn lock_first() -> Result<bool> {
    let buffer = Buffer::new()?;
    for item in 0..ROOM {
        buffer.push(item);
    }
    let patience = Duration::from_millis(100);
    let (locked, go) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        // ANCHOR: lock-first
        let producer = spawn(threads, "producer", || {
            let items = buffer.items.lock().expect("nobody panics while holding it");
            let _ = locked.send(());
            let room = buffer.free.wait_for(patience); // with the lock in hand
            drop(items);
            room
        })?;
        // ANCHOR_END: lock-first
        go.recv().context("the producer has panicked")?;
        buffer.pop();
        let got_room = producer.join().ok().context("the producer has panicked")?;
        Ok(!got_room)
    })
}
