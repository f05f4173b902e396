//! A consumer sleeps until there is something in the queue: a mutex for the queue, a condition
//! variable for the sleep, and a condition that is checked under the lock.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::narrate::{receives, sends};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::{cpu_time, sleeps_on, tid_of};

pub const EXPERIMENT: Experiment = Experiment {
    name: "queue",
    question: "How does a consumer wait until there is something to consume?",
    claims: &["condvar-waits"],
    run,
};

const ITEMS: u32 = 1000;

// ANCHOR: queue
/// What waits, and what it waits for.
struct Queue {
    items: Mutex<VecDeque<u32>>,
    filled: Condvar,
}

impl Queue {
    fn push(&self, item: u32) {
        self.items.lock().expect("nobody panics while holding it").push_back(item);
        self.filled.notify_one();
    }

    /// Waits for an item. A condition variable has no end of patience; this one gives up.
    fn pop(&self) -> Option<u32> {
        let items = self.items.lock().expect("nobody panics while holding it");
        let waited = self.filled.wait_timeout_while(items, PATIENCE, |items| items.is_empty());
        let (mut items, _) = waited.expect("nobody panics while holding it");
        items.pop_front()
    }
}
// ANCHOR_END: queue

const PATIENCE: Duration = Duration::from_secs(2);

fn run(_: &Lab) -> Result<Evidence> {
    let queue = Queue { items: Mutex::new(VecDeque::new()), filled: Condvar::new() };
    let (tid, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let consumer = spawn(threads, "consumer", || {
            tid_of(&tid);
            let mut got = Vec::new();
            let (start, before) = (Instant::now(), cpu_time()?);
            got.extend(queue.pop());
            let (used, waited) = (cpu_time()? - before, start.elapsed());
            while got.len() < ITEMS as usize {
                let Some(item) = queue.pop() else { break };
                receives(item);
                got.push(item);
            }
            anyhow::Ok((got, used, waited))
        })?;
        let consumer_tid = told.recv().context("the consumer ended")?;
        let asleep = sleeps_on(consumer_tid, &queue.filled);
        let state = if asleep { "sleeps in futex" } else { "is not seen asleep" };
        say!("producer", "the queue is empty; the consumer {state}");
        std::thread::sleep(WAIT);
        for item in 0..ITEMS {
            sends(item);
            queue.push(item);
        }
        let (got, used, waited) = consumer.join().ok().context("the consumer has panicked")??;
        let in_order = got.iter().copied().eq(0..ITEMS);
        let share = used.as_secs_f64() / waited.as_secs_f64() * 100.0;
        let waited = waited.as_secs_f64() * 1e3;
        let order = if in_order { "each once and in order" } else { "not each once and in order" };
        say!("consumer", "got {} of {ITEMS} items, {order}", got.len());
        let how = if asleep { "waited" } else { "went on without a sleep that was seen, after" };
        say!("consumer", "{how} {waited:.0} ms; it used {share:.1} % of a CPU meanwhile");
        Ok(Evidence::new()
            .fact("queue: the consumer was seen asleep", asleep)
            .fact("queue: items sent", ITEMS)
            .fact("queue: items received", got.len())
            .fact("queue: each once and in order", in_order)
            .measured("queue: waited for the first", waited, "ms")
            .measured("queue: CPU used while waiting", share, "%"))
    })
}

/// How long the consumer must wait for the first item, once it is seen asleep.
const WAIT: Duration = Duration::from_millis(50);
