//! What a barrier must do under every schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};

use barrier::Barrier;
use harness::{
    Check, any_of, barriers, serve, set_most_steps, until_limits_pass, until_others_block,
};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> Barrier = Barrier::new;
const _: fn(&Barrier) -> bool = Barrier::wait;

fn main() {
    serve(&[
        Check::explored("alone", alone),
        Check::explored("all-arrive", all_arrive),
        Check::explored("one-leads", one_leads),
        Check::explored("next-round", next_round),
        Check::explored("fast-laps", fast_laps),
        Check::explored("waits-asleep", waits_asleep),
        Check::explored("many", many),
    ]);
}

/// Steps for checks with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 4_000_000;

fn start<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn alone() {
    let barrier = Barrier::new(1);
    for round in 1..=3 {
        assert!(barrier.wait(), "in round {round}, the only thread was not the one");
    }
    assert_eq!(barriers(), 0, "waits at a std::sync::Barrier, which you are to build yourself");
}

fn all_arrive() {
    all_of_three_arrive(Barrier::new(3));
    all_of_three_arrive(Barrier::new(3));
    assert_eq!(barriers(), 0, "waits at a std::sync::Barrier, which you are to build yourself");
}

fn all_of_three_arrive(barrier: Barrier) {
    let barrier = Arc::new(barrier);
    let arrived = Arc::new(AtomicUsize::new(0));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let (barrier, arrived) = (barrier.clone(), arrived.clone());
        start(name, move || {
            arrived.fetch_add(1, SeqCst);
            barrier.wait();
            let arrived = arrived.load(SeqCst);
            assert_eq!(arrived, 3, "threads that had arrived when one of three went on");
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

fn one_leads() {
    let barrier = Arc::new(Barrier::new(3));
    let led = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let (barrier, led) = (barrier.clone(), led.clone());
        start(name, move || {
            for led in led {
                led.fetch_add(usize::from(barrier.wait()), SeqCst);
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    let led = led.map(|led| led.load(SeqCst));
    assert_eq!(led, [1, 1], "how often wait returned true, in each of two rounds");

    // The threads of each round are others, at the same barrier.
    let barrier = Arc::new(Barrier::new(2));
    for round in 1..=3 {
        let threads = ["one", "other"].map(|name| {
            let barrier = barrier.clone();
            start(&format!("{name} of round {round}"), move || usize::from(barrier.wait()))
        });
        let led: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(led, 1, "how often wait returned true in round {round}, which others ran");
    }
}

/// The rounds are well apart: everybody has left the first before anybody arrives for the second.
/// Meanwhile somebody waits at another barrier, which has nothing to do with this one, and goes on
/// waiting.
fn next_round() {
    let barrier = Arc::new(Barrier::new(2));
    let elsewhere = Arc::new(Barrier::new(2));
    let left = Arc::new(AtomicBool::new(false));
    let (there, leaves) = (elsewhere.clone(), left.clone());
    let waiting = start("elsewhere", move || {
        let leads = there.wait();
        leaves.store(true, SeqCst);
        leads
    });
    for round in 1..=2 {
        let arrived = Arc::new(AtomicUsize::new(0));
        let threads = ["thread A", "thread B"].map(|name| {
            let (barrier, arrived) = (barrier.clone(), arrived.clone());
            start(name, move || {
                arrived.fetch_add(1, SeqCst);
                barrier.wait();
                let arrived = arrived.load(SeqCst);
                assert_eq!(arrived, 2, "threads that had arrived when one went on, round {round}");
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }
    until_others_block();
    assert!(!left.load(SeqCst), "one of two left a barrier alone, after two rounds at another one");
    let leads = elsewhere.wait();
    assert_ne!(leads, waiting.join().unwrap(), "what wait returned to two threads elsewhere");
}

fn fast_laps() {
    laps(&["thread A", "thread B"]);
    laps(&["thread A", "thread B", "thread C"]);
}

/// Three rounds without a pause: whoever is fast is back before the others have left. Who gets out too
/// early goes on nevertheless, so that it can be seen where that leads.
fn laps(names: &[&str]) {
    let number = names.len();
    let barrier = Arc::new(Barrier::new(number));
    let arrived = Arc::new(AtomicUsize::new(0));
    let threads = names.iter().map(|name| {
        let (barrier, arrived) = (barrier.clone(), arrived.clone());
        start(name, move || {
            let arrivals = [(); 3].map(|()| {
                arrived.fetch_add(1, SeqCst);
                barrier.wait();
                arrived.load(SeqCst)
            });
            arrivals.iter().zip(1..).all(|(arrivals, round)| *arrivals >= round * number)
        })
    });
    let threads: Vec<_> = threads.collect();
    let in_time: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(in_time, vec![true; number], "whether each left its rounds after all had arrived");
}

/// More than a byte can count.
const MANY: usize = 300;

/// Three hundred rounds, then as many threads, as many barriers, and more arrivals than two bytes can
/// count.
fn many() {
    set_most_steps(ENOUGH);
    many_barriers();
    many_arrivals();
    last_comes_late(MANY);
    let barrier = Arc::new(Barrier::new(2));
    let there = barrier.clone();
    let other = start("other", move || (0..MANY).filter(|_| there.wait()).count());
    let led = (0..MANY).filter(|_| barrier.wait()).count();
    assert_eq!(led + other.join().unwrap(), MANY, "how often wait returned true in {MANY} rounds");

    let barrier = Arc::new(Barrier::new(MANY));
    let arrived = Arc::new(AtomicUsize::new(0));
    let arrive = |number| {
        let (barrier, arrived) = (barrier.clone(), arrived.clone());
        start(&format!("thread {number}"), move || {
            arrived.fetch_add(1, SeqCst);
            let leads = barrier.wait();
            assert_eq!(
                arrived.load(SeqCst),
                MANY,
                "threads that had arrived when one of {MANY} went on"
            );
            leads
        })
    };
    let threads: Vec<_> = (0..MANY).map(arrive).collect();
    let led = threads.into_iter().map(|it| it.join().unwrap()).filter(|it| *it);
    assert_eq!(led.count(), 1, "how many of {MANY} threads wait returned true to");
    assert_eq!(barriers(), 0, "waits at a std::sync::Barrier, which you are to build yourself");
}

/// Somebody waits at the first of so many barriers, and a round ends at each of the others.
fn many_barriers() {
    let pair = Arc::new(Barrier::new(2));
    let others: Vec<_> = (0..MANY).map(|_| Barrier::new(1)).collect();
    let left = Arc::new(AtomicBool::new(false));
    let (there, leaves) = (pair.clone(), left.clone());
    let other = start("other", move || {
        there.wait();
        leaves.store(true, SeqCst);
    });
    until_others_block();
    for other in others {
        assert!(other.wait(), "the only thread was not the one");
    }
    until_others_block();
    assert!(!left.load(SeqCst), "one of two left a barrier alone, after rounds at {MANY} others");
    pair.wait();
    other.join().unwrap();
}

/// Three threads, since a number of bits comes to its end between two rounds of two or four.
fn many_arrivals() {
    const ROUNDS: usize = (1 << 16) / 3 + 2;
    let barrier = Arc::new(Barrier::new(3));
    let threads = ["thread A", "thread B", "thread C"].map(|name| {
        let barrier = barrier.clone();
        start(name, move || (0..ROUNDS).filter(|_| barrier.wait()).count())
    });
    let led: usize = threads.map(|thread| thread.join().unwrap()).iter().sum();
    assert_eq!(led, ROUNDS, "how often wait returned true in {ROUNDS} rounds of three");
}

fn waits_asleep() {
    last_comes_late(2 + any_of(5));
}

/// All but one of so many wait for the last one, for longer than any limit, in each of two rounds.
fn last_comes_late(number: usize) {
    let barrier = Arc::new(Barrier::new(number));
    let left = Arc::new(AtomicUsize::new(0));
    let wait = |other| {
        let (there, leaves) = (barrier.clone(), left.clone());
        start(&format!("thread {other}"), move || {
            for _ in 0..2 {
                there.wait();
                leaves.fetch_add(1, SeqCst);
            }
        })
    };
    let others: Vec<_> = (1..number).map(wait).collect();
    for round in 0..2 {
        until_limits_pass();
        let left = left.load(SeqCst);
        let before = round * (number - 1);
        assert_eq!(left, before, "how often one of {number} had left before the last arrived");
        barrier.wait();
    }
    for other in others {
        other.join().unwrap();
    }
}
