//! What a bounded queue must do under every schedule.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};

use bounded_queue::BoundedQueue;
use harness::{Check, serve, set_most_steps, until_others_block};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> BoundedQueue<i32> = BoundedQueue::new;
const _: fn(&BoundedQueue<i32>, i32) -> Result<(), i32> = BoundedQueue::push;
const _: fn(&BoundedQueue<i32>) -> Option<i32> = BoundedQueue::pop;
const _: fn(&BoundedQueue<i32>) = BoundedQueue::close;

/// Items need only be `Send`, and then threads can share the queue.
#[allow(dead_code)]
fn any_item<T: Send>(item: T) -> impl Send + Sync {
    let queue = BoundedQueue::new(1);
    let _ = queue.push(item);
    queue
}

fn main() {
    serve(&[
        Check::explored("one-thread", one_thread),
        Check::explored("nothing-lost", nothing_lost),
        Check::explored("bounded", bounded),
        Check::explored("wakes-each", wakes_each),
        Check::explored("many-waiters", many_waiters),
        Check::explored("waits-asleep", waits_asleep),
        Check::explored("close-wakes-all", close_wakes_all),
        Check::explored("close-keeps-items", close_keeps_items),
        Check::explored("many", many),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 2_000_000;

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

/// The first of all, since the book shows its lines: additions to others do not move them.
fn close_wakes_all() {
    let queue = Arc::new(BoundedQueue::<i32>::new(1));
    let closing = Arc::new(AtomicBool::new(false));
    let consumers = ["consumer 1", "consumer 2"].map(|name| {
        let (queue, closing) = (queue.clone(), closing.clone());
        start(name, move || (queue.pop(), closing.load(SeqCst)))
    });
    closing.store(true, SeqCst);
    queue.close();
    for consumer in consumers {
        let (item, closed) = consumer.join().unwrap();
        assert_eq!(item, None, "popping from a closed and empty queue");
        assert!(closed, "pop returned from an empty queue before it was closed");
    }

    for room in [false, true] {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.push(1).unwrap();
        let producers = ["producer 1", "producer 2"].map(|name| {
            let queue = queue.clone();
            start(name, move || queue.push(2))
        });
        queue.close();
        if room {
            // It comes too late.
            assert_eq!(queue.pop(), Some(1), "popping what was inside at the close");
        }
        for producer in producers {
            assert_eq!(producer.join().unwrap(), Err(2), "pushing into a closed queue");
        }
    }
}

fn one_thread() {
    let queue = BoundedQueue::new(2);
    assert_eq!(queue.push(1), Ok(()), "pushing into a queue with room");
    assert_eq!(queue.push(2), Ok(()), "pushing into a queue with room");
    assert_eq!(queue.pop(), Some(1), "popping the oldest item");
    assert_eq!(queue.push(3), Ok(()), "pushing again after a pop");
    assert_eq!(queue.pop(), Some(2), "popping the oldest item");
    assert_eq!(queue.pop(), Some(3), "popping the oldest item");
    for number in 4..300 {
        assert_eq!(queue.push(number), Ok(()), "pushing into a queue with room");
        assert_eq!(queue.pop(), Some(number), "popping the only item");
    }

    let options = BoundedQueue::new(2);
    assert_eq!(options.push(None), Ok(()), "pushing an item that is None");
    assert_eq!(options.push(Some(1)), Ok(()), "pushing an item that is Some");
    assert_eq!(options.pop(), Some(None), "popping an item that is None");
    assert_eq!(options.pop(), Some(Some(1)), "popping an item that is Some");
    options.close();
    options.close();
    assert_eq!(options.push(None), Err(None), "pushing into a queue that was closed twice");
    assert_eq!([options.pop(), options.pop()], [None, None], "popping from it twice");
    assert_eq!(queue.push(5), Ok(()), "pushing after another queue was closed");

    // Closed when it is full, half full, and nearly empty.
    for inside in 1..=7 {
        let queue = BoundedQueue::new(7);
        let numbers: Vec<_> = (1..=inside).collect();
        for number in &numbers {
            assert_eq!(queue.push(*number), Ok(()), "pushing into a queue with room");
        }
        queue.close();
        assert_eq!(all(&queue), numbers, "what was inside at the close, in order");
    }

    // Closed again with items inside, before and after one is taken.
    let queue = BoundedQueue::new(3);
    for number in 1..=3 {
        assert_eq!(queue.push(number), Ok(()), "pushing into a queue with room");
    }
    queue.close();
    queue.close();
    assert_eq!(queue.pop(), Some(1), "popping the oldest item after two closes");
    queue.close();
    assert_eq!(queue.push(4), Err(4), "pushing into a queue that was closed three times");
    assert_eq!(all(&queue), [2, 3], "what was inside, and not yet taken, at the third close");
}

/// All that is in a closed queue.
fn all(queue: &BoundedQueue<i32>) -> Vec<i32> {
    std::iter::from_fn(|| -> Option<i32> { queue.pop() }).collect()
}

fn nothing_lost() {
    let queue = Arc::new(BoundedQueue::new(1));
    let to = queue.clone();
    let producer = start("producer", move || (1..=3).all(|item| to.push(item).is_ok()));
    let got: Vec<_> = (0..3).map(|_| queue.pop()).collect();
    assert!(producer.join().unwrap(), "push refused an item though the queue is open");
    assert_eq!(got, [Some(1), Some(2), Some(3)], "what came out of three pops");
}

fn bounded() {
    for capacity in [1, 3, 5] {
        one_too_many(capacity, 1);
    }
    // Items count, not bytes.
    one_too_many(1, ());
    one_too_many(3, ());
    one_too_many(3, 1_u8);
    one_too_many(2, [1_u64; 200]);
    one_too_many(2, "a text".to_owned());
}

/// What any item can be asked for here.
trait Item: Clone + Debug + PartialEq + Send + 'static {}
impl<T: Clone + Debug + PartialEq + Send + 'static> Item for T {}

fn pops<T: Item>(queue: &BoundedQueue<T>, item: &T) {
    let popped: Option<T> = queue.pop();
    assert_eq!(popped.as_ref(), Some(item), "popping what was pushed");
}

/// Room for so many items, and two producers when there is room for one of them: when both have got
/// as far as they can, one of them waits, and only one. The queue has been full and empty before.
fn one_too_many<T: Item>(capacity: usize, item: T) {
    let queue = Arc::new(BoundedQueue::new(capacity));
    for _ in 0..capacity {
        queue.push(item.clone()).unwrap();
    }
    for _ in 0..capacity {
        pops(&queue, &item);
    }
    for _ in 1..capacity {
        queue.push(item.clone()).unwrap();
    }
    let pushed = Arc::new(AtomicUsize::new(0));
    let producers = ["producer 1", "producer 2"].map(|name| {
        let (queue, pushed, item) = (queue.clone(), pushed.clone(), item.clone());
        start(name, move || {
            queue.push(item).unwrap();
            pushed.fetch_add(1, SeqCst);
        })
    });
    for popped in 0..2 {
        until_others_block();
        let taken_in = capacity - 1 + pushed.load(SeqCst);
        let most = popped + capacity;
        let said = "items that went in, with two producers at work";
        assert_eq!(taken_in, most, "{said}, {popped} taken out and room for {capacity}");
        pops(&queue, &item);
    }
    for producer in producers {
        producer.join().unwrap();
    }
}

/// Two consumers wait, two items come at once: one wake-up for both is one too few.
fn wakes_each() {
    let queue = Arc::new(BoundedQueue::new(2));
    let consumers = ["consumer 1", "consumer 2"].map(|name| {
        let queue = queue.clone();
        start(name, move || queue.pop().unwrap())
    });
    queue.push(1).unwrap();
    queue.push(1).unwrap();
    for consumer in consumers {
        assert_eq!(consumer.join().unwrap(), 1, "popping what was pushed");
    }

    // And the other way round: two producers wait, and there is room for both at once.
    queue.push(2).unwrap();
    queue.push(2).unwrap();
    let producers = ["producer 1", "producer 2"].map(|name| {
        let queue = queue.clone();
        start(name, move || queue.push(3).unwrap())
    });
    assert_eq!([queue.pop(), queue.pop()], [Some(2); 2], "popping what was pushed first");
    for producer in producers {
        producer.join().unwrap();
    }
}

/// Two producers and two consumers wait on the same queue: a wake-up that goes to the wrong one
/// leaves everybody waiting.
fn many_waiters() {
    let queue = Arc::new(BoundedQueue::new(1));
    let producers = ["producer 1", "producer 2"].map(|name| {
        let queue = queue.clone();
        start(name, move || queue.push(1).unwrap())
    });
    let consumers = ["consumer 1", "consumer 2"].map(|name| {
        let queue = queue.clone();
        start(name, move || queue.pop().unwrap())
    });
    for producer in producers {
        producer.join().unwrap();
    }
    let sum: i32 = consumers.map(|consumer| consumer.join().unwrap()).iter().sum();
    assert_eq!(sum, 2, "two items went in, their sum came out");

    // Five that want to push where there is room for one, and nothing to tell the items apart.
    let queue = Arc::new(BoundedQueue::new(1));
    let producers: Vec<_> = (1..=5)
        .map(|number| {
            let queue = queue.clone();
            start(&format!("producer {number}"), move || queue.push(()).unwrap())
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(queue.pop(), Some(()), "popping what one of five producers pushed");
    }
    for producer in producers {
        producer.join().unwrap();
    }
}

fn waits_asleep() {
    let queue = Arc::new(BoundedQueue::new(1));
    let from = queue.clone();
    let consumer = start("consumer", move || from.pop());
    until_others_block();
    queue.push(1).unwrap();
    assert_eq!(consumer.join().unwrap(), Some(1), "popping what was pushed");
    queue.push(2).unwrap();
    let to = queue.clone();
    let producer = start("producer", move || to.push(3));
    until_others_block();
    assert_eq!(queue.pop(), Some(2), "popping the oldest item");
    assert_eq!(producer.join().unwrap(), Ok(()), "pushing once there is room");
}

fn close_keeps_items() {
    // Two wait; one of them gets the item that comes just before the close.
    let queue = Arc::new(BoundedQueue::new(1));
    let consumers = ["consumer 1", "consumer 2"].map(|name| {
        let queue = queue.clone();
        start(name, move || queue.pop())
    });
    queue.push(1).unwrap();
    queue.close();
    let mut got = consumers.map(|consumer| consumer.join().unwrap());
    got.sort();
    assert_eq!(
        got,
        [None, Some(1)],
        "what two consumers got of one item that came before the close"
    );

    let queue = Arc::new(BoundedQueue::new(3));
    queue.push(1).unwrap();
    queue.push(2).unwrap();
    queue.close();
    assert_eq!(queue.push(3), Err(3), "pushing into a closed queue with room");
    let others = queue.clone();
    let consumer = start("consumer", move || others.pop());
    let here = queue.pop();
    let mut got = [consumer.join().unwrap(), here];
    got.sort();
    assert_eq!(got, [Some(1), Some(2)], "what was inside when the queue was closed");
    assert_eq!(queue.pop(), None, "popping from a closed and empty queue");
}

/// More than the numbers that a byte can hold.
const MANY: usize = 300;

/// Room for hundreds, then for more than two bytes can count, then as many that go through; then
/// dozens who wait.
fn many() {
    set_most_steps(ENOUGH);
    one_too_many(MANY, 1);
    one_too_many(MANY, ());
    let numbers: Vec<_> = (0..MANY as i32).collect();
    let queue = BoundedQueue::new(MANY);
    for number in &numbers {
        assert_eq!(queue.push(*number), Ok(()), "pushing into a queue with room for {MANY}");
    }
    for number in &numbers {
        assert_eq!(queue.pop(), Some(*number), "popping the oldest item of up to {MANY}");
        assert_eq!(queue.push(*number), Ok(()), "pushing again after a pop");
    }
    queue.close();
    assert_eq!(all(&queue), numbers, "what was inside at the close, in order");
    let queue = BoundedQueue::new((1 << 16) + 2);
    for number in 0..3 {
        assert_eq!(queue.push(number), Ok(()), "pushing into a queue with room for 2^16 + 2");
    }
    let queue = BoundedQueue::new(3);
    let numbers = 0..(1 << 16) + 3;
    for number in numbers.clone() {
        assert_eq!(queue.push(number), Ok(()), "pushing into a queue with room");
        if number >= 2 {
            assert_eq!(queue.pop(), Some(number - 2), "popping the oldest of three items");
        }
    }
    queue.close();
    assert_eq!(all(&queue), [numbers.end - 2, numbers.end - 1], "the last two items that went in");

    let queue = Arc::new(BoundedQueue::new(2));
    let consumers: Vec<_> = (0..40)
        .map(|number| {
            let queue = queue.clone();
            start(&format!("consumer {number}"), move || queue.pop())
        })
        .collect();
    until_others_block();
    for number in 0..30 {
        assert_eq!(queue.push(number), Ok(()), "pushing into a queue from which 40 pop");
    }
    queue.close();
    let got = consumers.into_iter().map(|consumer| -> Option<i32> { consumer.join().unwrap() });
    let mut got: Vec<_> = got.flatten().collect();
    got.sort();
    assert_eq!(got, Vec::from_iter(0..30), "what 40 consumers got of 30 items before the close");

    let queue = Arc::new(BoundedQueue::new(1));
    queue.push(1).unwrap();
    let producers: Vec<_> = (0..40)
        .map(|number| {
            let queue = queue.clone();
            start(&format!("producer {number}"), move || queue.push(2))
        })
        .collect();
    until_others_block();
    queue.close();
    for producer in producers {
        assert_eq!(producer.join().unwrap(), Err(2), "pushing into a queue that is closed");
    }
}
