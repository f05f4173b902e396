//! What a ring for one producer and one consumer must come to.

use std::cell::Cell;
use std::fmt::Debug;
use std::hint::spin_loop;
use std::marker::PhantomData;
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
        Check::modelled("never-waits", never_waits),
        Check::modelled("dropped", dropped),
        Check::modelled("last-one-out", last_one_out),
        Check::plain("bounds", bounds),
        Check::plain("goes-on", goes_on),
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
fn push(producer: &mut Producer<Box<i32>>, items: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut try_twice = |item: &i32| {
        let again = match producer.push(Box::new(*item)) {
            Ok(()) => return true,
            Err(again) => again,
        };
        assert_eq!(*again, *item, "what push gives back of a full ring");
        spin_loop();
        producer.push(again).is_ok()
    };
    items.filter(|item| try_twice(item)).collect()
}

fn values(items: Vec<Box<i32>>) -> Vec<i32> {
    items.into_iter().map(|item| *item).collect()
}

fn in_order() {
    let (mut producer, mut consumer) = ring(2);
    assert_eq!(consumer.pop(), None, "popping from a new ring");
    assert_eq!(consumer.pop(), None, "popping from a new ring again");
    assert_eq!(producer.push(1), Ok(()), "pushing into a new ring for two");
    assert_eq!(producer.push(2), Ok(()), "pushing a second item into a ring for two");
    assert_eq!(producer.push(3), Err(3), "pushing a third item into a ring for two");
    assert_eq!(producer.push(5), Err(5), "pushing a third item into a ring for two, again");
    assert_eq!(consumer.pop(), Some(1), "popping the oldest of two");
    assert_eq!(producer.push(4), Ok(()), "pushing when there is room again");
    assert_eq!(consumer.pop(), Some(2), "popping the oldest of two");
    assert_eq!(consumer.pop(), Some(4), "popping the last one");
    assert_eq!(consumer.pop(), None, "popping from an empty ring");
    let (mut first, mut of_first) = ring(1);
    let (mut second, mut of_second) = ring(1);
    assert_eq!((first.push(1), second.push(2)), (Ok(()), Ok(())), "pushing into two rings for one");
    let popped = (of_first.pop(), of_second.pop());
    assert_eq!(popped, (Some(1), Some(2)), "what is popped from two rings");
    drop(first);
    let (mut producer, mut consumer) = ring(2);
    for turn in 1..=2 {
        let pushed = [(); 3].map(|item| -> Result<(), ()> { producer.push(item) });
        assert_eq!(pushed, [Ok(()), Ok(()), Err(())], "three items of size 0 into a ring for two");
        let popped = [(); 3].map(|()| -> Option<()> { consumer.pop() });
        assert_eq!(popped, [Some(()), Some(()), None], "popping items of size 0, turn {turn}");
    }
    let (mut producer, mut consumer) = ring(1);
    for item in [7_u8, 8] {
        assert_eq!(producer.push(item), Ok(()), "pushing an item of one byte into a ring for one");
        assert_eq!(consumer.pop(), Some(item), "popping an item of one byte");
    }
    let (mut producer, mut consumer) = ring(5);
    assert_eq!(producer.push([1_u64; 5]), Ok(()), "pushing an item of 40 bytes");
    drop(producer);
    assert_eq!(consumer.pop(), Some([1; 5]), "popping when the producer has gone");
    assert_eq!(consumer.pop(), None, "popping again when the producer has gone");
}

fn goes_round() {
    for capacity in [1, 2, 3, 5, 8] {
        let (mut producer, mut consumer) = ring(capacity);
        let items = capacity as i32;
        let what = format!("a ring for {capacity}, filled and emptied four times");
        for turn in 0..4 {
            for item in 0..items {
                assert_eq!(producer.push(turn * items + item), Ok(()), "{what}");
            }
            assert_eq!(producer.push(99), Err(99), "{what}");
            for item in 0..items {
                assert_eq!(consumer.pop(), Some(turn * items + item), "{what}");
            }
            assert_eq!(consumer.pop(), None, "{what}");
        }
        // One item less than it holds is always inside, so that the ends never meet.
        for item in 0..items - 1 {
            assert_eq!(producer.push(item), Ok(()), "{what}, then nearly filled");
        }
        for item in items - 1..3 * items {
            assert_eq!(producer.push(item), Ok(()), "{what}, then kept nearly full");
            let oldest = item - (items - 1);
            assert_eq!(consumer.pop(), Some(oldest), "{what}, then kept nearly full");
        }
    }
}

/// There is room for all, so only the items go from one thread to the other.
fn published() {
    let (mut producer, mut consumer) = ring(2);
    let pushes = thread::spawn(move || {
        assert_eq!(producer.push(Box::new(1)), Ok(()), "pushing into a new ring for two");
        assert_eq!(producer.push(Box::new(2)), Ok(()), "pushing a second item into a ring for two");
    });
    let mut popped = pop(&mut consumer, 3);
    pushes.join().unwrap();
    popped.extend(pop(&mut consumer, 2));
    let what = "what is popped while another thread pushes 1 and 2, and after it";
    assert_eq!(values(popped), [1, 2], "{what}");
}

/// There is room for one, so the slot goes to and fro.
fn reused() {
    let (mut producer, mut consumer) = ring(1);
    let pushes = thread::spawn(move || push(&mut producer, 1..=3));
    let mut popped = pop(&mut consumer, 4);
    let pushed = pushes.join().unwrap();
    popped.extend(pop(&mut consumer, 2));
    let what = "what is popped while another thread pushes into a ring for one, and after it";
    assert_eq!(values(popped), pushed, "{what}: all that was pushed");
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

/// The most atomic operations of a push or a pop that does not wait.
const FEW: u32 = 8;

fn at_once<R>(what: &str, does: impl FnOnce() -> R) -> R {
    let (waits, operations) = (harness::waits(), harness::operations());
    let result = does();
    let (waits, operations) = (harness::waits() - waits, harness::operations() - operations);
    assert!(waits == 0, "{what} waits: it {}", harness::last_wait().unwrap_or_default());
    assert!(operations <= FEW, "{what} waits: it made {operations} atomic operations");
    result
}

fn never_waits() {
    let (mut producer, mut consumer) = ring(1);
    let pushes = thread::spawn(move || {
        at_once("push", || producer.push(1)).expect("pushing into a new ring for one");
        at_once("push", || producer.push(2)).is_ok()
    });
    let popped = at_once("pop", || consumer.pop());
    let second = at_once("pop", || consumer.pop());
    let pushed = pushes.join().unwrap();
    if pushed {
        assert!(popped.or(second).is_some(), "a second item went into a ring for one");
    }
    let (mut full, mut end) = ring(1);
    full.push(1).expect("pushing into a new ring for one");
    assert_eq!(at_once("push", || full.push(2)), Err(2), "pushing into a full ring");
    assert_eq!(at_once("pop", || end.pop()), Some(1), "popping from a full ring");
    assert_eq!(at_once("pop", || end.pop()), None, "popping from an empty ring");
}

/// An item that counts how often it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many are dropped of those that are popped at once, given back by a full ring, and left in it,
/// after the ring has gone round.
fn dropped() {
    let mut counts = Vec::new();
    let dropped = |counts: &[Arc<AtomicUsize>]| -> Vec<usize> {
        counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    };
    let item = |counts: &mut Vec<Arc<AtomicUsize>>| {
        counts.push(Arc::new(AtomicUsize::new(0)));
        Counted(Arc::clone(&counts[counts.len() - 1]))
    };
    let (mut producer, mut consumer) = ring(2);
    for turn in 1..=3 {
        assert!(producer.push(item(&mut counts)).is_ok(), "pushing into an empty ring");
        drop(consumer.pop());
        assert_eq!(
            dropped(&counts),
            vec![1; turn],
            "times that each was dropped, of items pushed and popped"
        );
    }
    assert!(producer.push(item(&mut counts)).is_ok(), "pushing into an empty ring for two");
    assert!(producer.push(item(&mut counts)).is_ok(), "pushing a second item into a ring for two");
    let back = producer.push(item(&mut counts));
    assert_eq!(
        dropped(&counts),
        [1, 1, 1, 0, 0, 0],
        "times that each item was dropped, when a full ring has given one back"
    );
    drop(back);
    assert_eq!(
        dropped(&counts),
        [1, 1, 1, 0, 0, 1],
        "times that each item was dropped, with the one that came back"
    );
    drop(producer);
    assert_eq!(
        dropped(&counts),
        [1, 1, 1, 0, 0, 1],
        "times that each item was dropped, when the producer has gone and the consumer not"
    );
    drop(consumer);
    assert_eq!(
        dropped(&counts),
        [1; 6],
        "times that each item was dropped, with the two that were left in the ring"
    );
    let (mut producer, mut consumer) = ring(3);
    assert!(producer.push(item(&mut counts)).is_ok(), "pushing into a new ring for three");
    drop(consumer.pop());
    drop(consumer);
    assert!(producer.push(item(&mut counts)).is_ok(), "pushing when the consumer has gone");
    drop(producer);
    assert_eq!(
        dropped(&counts),
        [1; 8],
        "times that each item was dropped, with one that was pushed when the consumer had gone"
    );
    gives_back(5, 1_u64);
    gives_back(1, 1_u8);
    gives_back(3, ());
}

/// Ends the check if memory of a ring stays that an item has gone through.
fn gives_back<T: Send + Copy + PartialEq + Debug>(capacity: usize, item: T) {
    let of = format!("a ring for {capacity} items of {} bytes", size_of::<T>());
    let before = harness::allocated();
    let (mut producer, mut consumer) = ring(capacity);
    assert_eq!(producer.push(item), Ok(()), "pushing into {of}, a new one");
    assert_eq!(consumer.pop(), Some(item), "popping from {of}");
    drop(producer);
    drop(consumer);
    let left = harness::allocated().saturating_sub(before);
    assert_eq!(left, 0, "bytes of {of} that stay allocated when both ends are gone");
}

/// The ends are dropped by two threads, so either may be the last to have the ring.
fn last_one_out() {
    let count = Arc::new(AtomicUsize::new(0));
    let (mut producer, mut consumer) = ring(2);
    let items = [Counted(Arc::clone(&count)), Counted(Arc::clone(&count))];
    let pushes = thread::spawn(move || {
        for item in items {
            assert!(producer.push(item).is_ok(), "pushing two items into a ring for two");
        }
    });
    drop(consumer.pop());
    drop(consumer);
    pushes.join().unwrap();
    let after = count.load(Ordering::Relaxed);
    assert_eq!(after, 2, "of two items, one perhaps popped, dropped when both ends are gone");
}

/// Whether a type is `Send` or `Clone`: the first of these constants is found only if it is.
struct Probe<T>(PhantomData<T>);

impl<T: Send> Probe<T> {
    const SEND: bool = true;
}

impl<T: Clone> Probe<T> {
    const CLONE: bool = true;
}

trait Otherwise {
    const SEND: bool = false;
    const CLONE: bool = false;
}

impl<T> Otherwise for Probe<T> {}

fn bounds() {
    assert!(Probe::<Producer<i32>>::SEND, "a producer of i32 cannot be sent to another thread");
    assert!(Probe::<Consumer<i32>>::SEND, "a consumer of i32 cannot be sent to another thread");
    // A `Cell` may be sent to another thread, and not be shared with it.
    let sent = Probe::<Producer<Cell<i32>>>::SEND && Probe::<Consumer<Cell<i32>>>::SEND;
    assert!(sent, "an end cannot be sent if the items are Send and not Sync");
    assert!(!Probe::<Producer<i32>>::CLONE, "a producer can be cloned, and there are two then");
    assert!(!Probe::<Consumer<i32>>::CLONE, "a consumer can be cloned, and there are two then");
}

/// Room for more items than a byte can count, and more items than two bytes can count.
fn goes_on() {
    let (mut producer, mut consumer) = ring(300);
    for item in 0..300 {
        assert_eq!(producer.push(item), Ok(()), "pushing into a ring for 300 with {item} inside");
    }
    assert_eq!(producer.push(300), Err(300), "pushing into a ring for 300 with 300 inside");
    for item in 0..300 {
        assert_eq!(consumer.pop(), Some(item), "popping from a ring for 300, filled once");
    }
    assert_eq!(consumer.pop(), None, "popping from a ring for 300, filled and emptied");

    let (mut producer, mut consumer) = ring(3);
    for item in 0..(1 << 16) + 8 {
        assert_eq!(producer.push(item), Ok(()), "pushing item {item} into a ring for three");
        let popped = if item == 0 { continue } else { consumer.pop() };
        assert_eq!(popped, Some(item - 1), "popping from a ring for three after item {item}");
    }
}
