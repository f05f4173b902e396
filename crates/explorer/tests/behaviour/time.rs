//! Limits of time: one that is near may be over at any moment, one that is far only when nobody can
//! run, and one that is later than all instants never.

use std::time::Duration;

use explorer::explored::sync::atomic::{AtomicBool, Ordering::SeqCst};
use explorer::explored::sync::{Arc, Condvar, Mutex, mpsc};
use explorer::explored::time::Instant;
use explorer::explored::{thread, until_limits_pass, until_others_block};
use explorer::report::Kind;

use crate::Case;

pub const CASES: &[Case] = &[
    ("a millisecond may be over first", millisecond, Some(Kind::Panic)),
    ("an hour is not over while somebody can run", hour, None),
    ("an hour again and again is as good as none", hours, None),
    ("an hour is over if nobody can run, the nearest first", hour_is_over, None),
    ("who waits for an hour is blocked", blocked_for_an_hour, None),
    ("an hour can be let pass", hour_passes, None),
    ("a wait without an end outlasts all limits", endless_wait_goes_on, None),
    ("who looks each millisecond is not blocked", looks_often, Some(Kind::Livelock)),
    ("looking each millisecond keeps nobody out", looks_often_and_goes_on, None),
    ("a wait without an end never ends by time", endless_wait, Some(Kind::Deadlock)),
    ("a wait without an end is woken", endless_wait_is_woken, None),
    ("nothing is received for ever", endless_receive, Some(Kind::Deadlock)),
    ("parks for ever", endless_park, Some(Kind::Deadlock)),
    ("sleeps for ever", endless_sleep, Some(Kind::Deadlock)),
    ("there is a last instant", last_instant, None),
];

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

type Pair = (Mutex<bool>, Condvar);

/// Sets the value from another thread, after some steps.
fn set_soon(pair: &Arc<Pair>) -> thread::JoinHandle<()> {
    let pair = pair.clone();
    thread::spawn(move || {
        for _ in 0..5 {
            drop(pair.0.lock().unwrap());
        }
        *pair.0.lock().unwrap() = true;
        pair.1.notify_all();
    })
}

/// Waits so long, once; whether it was too long.
fn waits(limit: Duration) -> bool {
    let pair = Arc::new(Pair::default());
    let other = set_soon(&pair);
    let guard = pair.0.lock().unwrap();
    let over = pair.1.wait_timeout_while(guard, limit, |set| !*set).unwrap().1;
    other.join().unwrap();
    over.timed_out()
}

/// Waits until the value is set, so long each time.
fn waits_for(pair: &Pair, limit: Duration) {
    let mut set = pair.0.lock().unwrap();
    while !*set {
        set = pair.1.wait_timeout(set, limit).unwrap().0;
    }
}

fn millisecond() {
    assert!(!waits(MILLISECOND));
}

fn hour() {
    assert!(!waits(HOUR));
}

fn endless_wait_is_woken() {
    assert!(!waits(Duration::MAX));
}

fn hours() {
    let pair = Arc::new(Pair::default());
    let other = set_soon(&pair);
    waits_for(&pair, HOUR);
    other.join().unwrap();
}

fn hour_is_over() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let threads = [2, 1, 3].map(|hours| {
        let order = order.clone();
        thread::spawn(move || {
            thread::sleep(HOUR * hours);
            order.lock().unwrap().push(hours);
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
}

/// Starts one that waits so long each time, expects it to block, and lets it go.
fn blocks(limit: Duration) {
    let pair = Arc::new(Pair::default());
    let there = pair.clone();
    let other = thread::spawn(move || waits_for(&there, limit));
    until_others_block();
    *pair.0.lock().unwrap() = true;
    pair.1.notify_all();
    other.join().unwrap();
}

fn blocked_for_an_hour() {
    blocks(HOUR);
}

/// Whether one that waits with this limit is done once limits have passed.
fn is_done_in_time(limit: Duration) -> bool {
    let pair = Arc::new(Pair::default());
    let done = Arc::new(AtomicBool::new(false));
    let (there, ends) = (pair.clone(), done.clone());
    let other = thread::spawn(move || {
        let value = there.0.lock().unwrap();
        drop(there.1.wait_timeout_while(value, limit, |value| !*value).unwrap());
        ends.store(true, SeqCst);
    });
    until_others_block();
    assert!(!done.load(SeqCst));
    until_limits_pass();
    let is_done = done.load(SeqCst);
    *pair.0.lock().unwrap() = true;
    pair.1.notify_all();
    other.join().unwrap();
    is_done
}

fn hour_passes() {
    assert!(is_done_in_time(HOUR));
    assert!(is_done_in_time(HOUR * 24 * 365));
}

fn endless_wait_goes_on() {
    assert!(!is_done_in_time(Duration::MAX));
}

fn looks_often() {
    blocks(MILLISECOND);
}

/// Four that look again and again, and nobody who wakes them.
fn looks_often_and_goes_on() {
    let pair = Arc::new(Pair::default());
    let waiting = [(); 4].map(|()| {
        let pair = pair.clone();
        thread::spawn(move || waits_for(&pair, MILLISECOND))
    });
    for _ in 0..100 {
        drop(pair.0.lock().unwrap());
    }
    *pair.0.lock().unwrap() = true;
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
}

fn endless_wait() {
    waits_for(&Pair::default(), Duration::MAX);
}

fn endless_receive() {
    let (_to, from) = mpsc::channel::<u8>();
    let _ = from.recv_timeout(Duration::MAX);
}

fn endless_park() {
    thread::park_timeout(Duration::MAX);
}

fn endless_sleep() {
    let ended = Arc::new(AtomicBool::new(false));
    let ends = ended.clone();
    let other = thread::spawn(move || {
        thread::sleep(Duration::MAX);
        ends.store(true, SeqCst);
    });
    thread::sleep(HOUR);
    assert!(!ended.load(SeqCst));
    other.join().unwrap();
}

fn last_instant() {
    let now = Instant::now();
    assert!(now.checked_add(HOUR * 24 * 365).is_some());
    assert!(now.checked_add(Duration::MAX).is_none());
    assert!(now.checked_add(Duration::from_secs(i64::MAX as u64)).is_none());
}
