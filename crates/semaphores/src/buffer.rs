//! A bounded buffer by two semaphores, which count free and filled places, and a lock for the
//! buffer itself. In the wrong order the two wait for each other.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{LIMIT, late};
use lab::proc::blocked_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, TimeLimit, Unavailable, say, say_why};
use nix::unistd::{Pid, gettid};

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
    let (longest, passed, in_order) = std::thread::scope(|threads| {
        let producer = spawn(threads, "producer", || {
            (0..ITEMS).map(|item| buffer.push(item)).max().unwrap_or(0)
        })?;
        let got: Vec<u32> = (0..ITEMS).filter_map(|_| buffer.pop()).collect();
        let longest = producer.join().ok().context("the producer has panicked")?;
        anyhow::Ok((longest, got.len(), got.into_iter().eq(0..ITEMS)))
    })?;
    let order = if in_order { "all in order" } else { "not all in order" };
    say!("main", "{passed} items passed, {order}; the buffer held at most {longest}");

    let evidence = Evidence::new()
        .fact("buffer: room", ROOM)
        .fact("buffer: most items", longest)
        .fact("buffer: all in order", in_order);
    let name = "buffer: lock first, stuck";
    match lock_first() {
        Ok(stuck) => {
            match stuck {
                true => {
                    say!("main", "the lock first and then the permit: both wait for each other")
                }
                false => say!("main", "producer and consumer go on"),
            }
            Ok(evidence.fact(name, stuck))
        }
        Err(error) if error.is::<Unavailable>() => {
            say_why!("main", "who waits is not to be seen here: {error:#}");
            Ok(evidence.missing(name, format!("{error:#}")))
        }
        Err(error) => Err(error),
    }
}

/// A producer that takes the lock and then waits for room; whether the consumer can make any.
fn lock_first() -> Result<bool> {
    let buffer = Buffer::new()?;
    for item in 0..ROOM {
        buffer.push(item);
    }
    let (locked, go) = channel();
    let (tell, told) = channel();
    let popped = AtomicBool::new(false);
    std::thread::scope(|threads| {
        // ANCHOR: lock-first
        spawn(threads, "producer", || {
            let items = buffer.items.lock().expect("nobody panics while holding it");
            let _ = locked.send(gettid());
            buffer.free.wait(); // with the lock in hand
            drop(items);
        })?;
        // ANCHOR_END: lock-first
        let producer = go.recv().context("the producer has panicked")?;
        let consumer = spawn(threads, "consumer", || {
            let _ = tell.send(gettid());
            buffer.pop();
            popped.store(true, Ordering::Release);
        });
        let consumer = consumer.and_then(|_| told.recv().context("the consumer has panicked"));
        let stuck = consumer.and_then(|consumer| both_sleep(&[producer, consumer], &popped));
        if !popped.load(Ordering::Acquire) {
            buffer.free.post(); // A permit from outside ends it.
        }
        stuck
    })
}

/// Whether all of them sleep in futex(2) and stay there; not if the consumer gets its item.
fn both_sleep(threads: &[Pid], popped: &AtomicBool) -> Result<bool> {
    for _ in 0..2 {
        for thread in threads {
            let mut limit = TimeLimit::new(LIMIT / 2);
            while blocked_in(*thread)? != Some(libc::SYS_futex) {
                if popped.load(Ordering::Acquire) {
                    return Ok(false);
                }
                if limit.is_over() {
                    return Err(late("producer and consumer neither wait nor go on"));
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(!popped.load(Ordering::Acquire))
}
