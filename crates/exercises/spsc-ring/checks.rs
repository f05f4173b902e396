//! What a ring for one producer and one consumer must come to.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use harness::{Check, serve};
use spsc_ring::{Consumer, Producer, ring};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> (Producer<i32>, Consumer<i32>) = ring;
const _: fn(&mut Producer<i32>, i32) -> Result<(), i32> = Producer::push;
const _: fn(&mut Producer<()>, ()) -> Result<(), ()> = Producer::push;
const _: fn(&mut Consumer<i32>) -> Option<i32> = Consumer::pop;

fn main() {
    serve(&[
        Check::modelled("in-order", in_order),
        Check::modelled("goes-round", goes_round),
        Check::modelled("published", published),
        Check::modelled("reused", reused),
        Check::modelled("passes-on", passes_on),
        Check::modelled("dropped", dropped),
    ]);
}

/// Pops so many times, gives way where nothing is there, and returns what came out. Nobody waits for
/// an item that may never come, so every execution ends.
fn pop<T: Send>(consumer: &mut Consumer<T>, times: usize) -> Vec<T> {
    let try_once = |_| {
        let item = consumer.pop();
        if item.is_none() {
            spin_loop();
        }
        item
    };
    (0..times).filter_map(try_once).collect()
}

/// Pushes each item that there is room for; tries twice. Returns those that it has pushed.
fn push(producer: &mut Producer<i32>, items: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut try_twice = |item: &i32| {
        producer.push(*item).is_ok() || {
            spin_loop();
            producer.push(*item).is_ok()
        }
    };
    items.filter(|item| try_twice(item)).collect()
}

fn in_order() {
    let (mut producer, mut consumer) = ring(2);
    assert_eq!(consumer.pop(), None, "popping from a new ring");
    assert_eq!(producer.push(1), Ok(()), "pushing into a new ring for two");
    assert_eq!(producer.push(2), Ok(()), "pushing a second item into a ring for two");
    assert_eq!(producer.push(3), Err(3), "pushing a third item into a ring for two");
    assert_eq!(consumer.pop(), Some(1), "popping the oldest of two");
    assert_eq!(producer.push(4), Ok(()), "pushing when there is room again");
    assert_eq!(consumer.pop(), Some(2), "popping the oldest of two");
    assert_eq!(consumer.pop(), Some(4), "popping the last one");
    assert_eq!(consumer.pop(), None, "popping from an empty ring");
}

fn goes_round() {
    let (mut producer, mut consumer) = ring(3);
    for turn in 0..10 {
        let what = "a ring for three, filled and emptied ten times";
        for item in 0..3 {
            assert_eq!(producer.push(turn * 3 + item), Ok(()), "{what}");
        }
        assert_eq!(producer.push(99), Err(99), "{what}");
        for item in 0..3 {
            assert_eq!(consumer.pop(), Some(turn * 3 + item), "{what}");
        }
        assert_eq!(consumer.pop(), None, "{what}");
    }
}

/// There is room for all, so only the items go from one thread to the other.
fn published() {
    let (mut producer, mut consumer) = ring(2);
    let pushes = thread::spawn(move || {
        assert_eq!(producer.push(1), Ok(()), "pushing into a new ring for two");
        assert_eq!(producer.push(2), Ok(()), "pushing a second item into a ring for two");
    });
    let mut popped = pop(&mut consumer, 3);
    pushes.join().unwrap();
    popped.extend(pop(&mut consumer, 3));
    assert_eq!(popped, [1, 2], "what is popped while another thread pushes 1 and 2, and after it");
}

/// There is room for one, so the slot goes to and fro.
fn reused() {
    let (mut producer, mut consumer) = ring(1);
    let pushes = thread::spawn(move || push(&mut producer, 1..=2));
    let mut popped = pop(&mut consumer, 4);
    let pushed = pushes.join().unwrap();
    popped.extend(pop(&mut consumer, 2));
    let what = "what is popped while another thread pushes into a ring for one, and after it";
    assert_eq!(popped, pushed, "{what}: all that was pushed");
}

/// The item is nothing; what it speaks of is elsewhere.
fn passes_on() {
    let (mut producer, mut consumer) = ring(1);
    let elsewhere = Arc::new(AtomicUsize::new(0));
    let written = Arc::clone(&elsewhere);
    let pushes = thread::spawn(move || {
        written.store(7, Ordering::Relaxed);
        assert_eq!(producer.push(()), Ok(()), "pushing into a new ring");
    });
    if !pop(&mut consumer, 2).is_empty() {
        let seen = elsewhere.load(Ordering::Relaxed);
        assert_eq!(seen, 7, "what was written elsewhere before the item was pushed");
    }
    pushes.join().unwrap();
}

/// An item that counts how often it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn dropped() {
    let count = Arc::new(AtomicUsize::new(0));
    let (mut producer, mut consumer) = ring(2);
    let items = [Counted(Arc::clone(&count)), Counted(Arc::clone(&count))];
    let pushes = thread::spawn(move || {
        for item in items {
            assert!(producer.push(item).is_ok(), "pushing two items into a ring for two");
        }
    });
    let popped = !pop(&mut consumer, 1).is_empty();
    let now = count.load(Ordering::Relaxed);
    assert_eq!(now, usize::from(popped), "items dropped of those that were popped");
    pushes.join().unwrap();
    drop(consumer);
    let after = count.load(Ordering::Relaxed);
    assert_eq!(after, 2, "of two items, one perhaps popped, dropped when both ends are gone");
}
