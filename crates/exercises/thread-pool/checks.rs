//! What a thread pool must do under every schedule.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use harness::{Check, serve, set_most_steps, threads, until_limits_pass, until_others_block};
use thread_pool::ThreadPool;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(usize) -> ThreadPool = ThreadPool::new;
const _: fn(&ThreadPool, fn()) = ThreadPool::execute;

/// No more than this may be asked of a job.
#[allow(dead_code)]
fn any_job(pool: &ThreadPool, job: impl FnOnce() + Send + 'static) {
    pool.execute(job);
}

fn main() {
    serve(&[
        Check::explored("each-once", each_once),
        Check::explored("drop-waits", drop_waits),
        Check::explored("in-parallel", in_parallel),
        Check::explored("fixed", fixed),
        Check::explored("next-free", next_free),
        Check::explored("returns-at-once", returns_at_once),
        Check::explored("panic-costs-nothing", panic_costs_nothing),
        Check::explored("idle-asleep", idle_asleep),
        Check::explored("many", many),
    ]);
}

fn each_once() {
    let runs = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let pool = ThreadPool::new(2);
    for runs in &runs {
        let runs = runs.clone();
        pool.execute(move || {
            runs.fetch_add(1, SeqCst);
        });
    }
    drop(pool);
    let runs = runs.map(|runs| runs.load(SeqCst));
    assert_eq!(runs, [1, 1, 1], "how often each of three jobs ran, once the pool was dropped");
}

/// One thread, several jobs: most are still in the queue when the pool is dropped.
fn drop_waits() {
    drop(ThreadPool::new(2));

    let ended = Arc::new(AtomicUsize::new(0));
    let pool = ThreadPool::new(1);
    for _ in 0..3 {
        let ended = ended.clone();
        pool.execute(move || {
            thread::yield_now();
            ended.fetch_add(1, SeqCst);
        });
    }
    drop(pool);
    assert_eq!(ended.load(SeqCst), 3, "jobs that had ended when the drop of the pool returned");

    // Whoever has the pool panics, and it is dropped by that.
    let ended = Arc::new(AtomicUsize::new(0));
    let panics = catch_unwind(AssertUnwindSafe(|| {
        let pool = ThreadPool::new(2);
        for _ in 0..3 {
            let ended = ended.clone();
            pool.execute(move || {
                thread::yield_now();
                ended.fetch_add(1, SeqCst);
            });
        }
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(panics.is_err(), "a panic was swallowed");
    let ended = ended.load(SeqCst);
    assert_eq!(ended, 3, "jobs that had ended when a pool had been dropped by a panic");
}

fn in_parallel() {
    meet(2, 4);
    meet(3, 6);
    meet(5, 10);
}

/// Jobs of which always as many wait for each other as there are threads; one more must not be seen.
fn meet(size: usize, jobs: usize) {
    let pool = ThreadPool::new(size);
    let meeting = Arc::new(Barrier::new(size));
    let running = Arc::new(AtomicUsize::new(0));
    let (ends, end) = channel();
    for _ in 0..jobs {
        let (meeting, running, ends) = (meeting.clone(), running.clone(), ends.clone());
        pool.execute(move || {
            let now = running.fetch_add(1, SeqCst) + 1;
            meeting.wait();
            running.fetch_sub(1, SeqCst);
            ends.send(now).unwrap();
        });
    }
    let most = (0..jobs).map(|_| end.recv().unwrap()).max();
    assert_eq!(most, Some(size), "jobs that ran at the same time in a pool of {size} threads");
}

fn fixed() {
    let pool = ThreadPool::new(2);
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let threads = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..4 {
        let (running, most, threads) = (running.clone(), most.clone(), threads.clone());
        pool.execute(move || {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            let me = thread::current().id();
            let mut threads = threads.lock().unwrap();
            if !threads.contains(&me) {
                threads.push(me);
            }
            drop(threads);
            running.fetch_sub(1, SeqCst);
        });
    }
    drop(pool);
    let most = most.load(SeqCst);
    assert!(most <= 2, "{most} jobs ran at the same time in a pool of 2 threads");
    let threads = threads.lock().unwrap().len();
    assert!(threads <= 2, "{threads} different threads ran the jobs of a pool of 2 threads");
}

/// One job is long: whatever comes after it is done meanwhile by the thread that is free. Wherever
/// jobs are dealt out in turn, one of these stands behind the long one.
fn next_free() {
    for before in [0, 1] {
        let pool = ThreadPool::new(2);
        let (go, wait) = channel();
        let (ends, end) = channel();
        for _ in 0..before {
            pool.execute(|| ());
        }
        pool.execute(move || wait.recv().unwrap());
        for number in 0..3 {
            let ends = ends.clone();
            pool.execute(move || ends.send(number).unwrap());
        }
        let mut done: Vec<_> = (0..3).map(|_| end.recv().unwrap()).collect();
        done.sort();
        assert_eq!(done, [0, 1, 2], "jobs that ran while another one was at work");
        go.send(()).unwrap();
    }
}

/// The first job does not end before all others have been given to the pool.
fn returns_at_once() {
    let pool = ThreadPool::new(1);
    let (go, wait) = channel();
    let runs = Arc::new(AtomicUsize::new(0));
    pool.execute(move || wait.recv().unwrap());
    for _ in 0..130 {
        let runs = runs.clone();
        pool.execute(move || drop(runs.fetch_add(1, SeqCst)));
    }
    go.send(()).unwrap();
    drop(pool);
    assert_eq!(runs.load(SeqCst), 130, "jobs of 130 that ran behind a long one");
}

/// More panics than there are threads, and not of texts alone; then jobs of which
/// always two wait for each other, and a panic just before the pool is dropped.
fn panic_costs_nothing() {
    let pool = ThreadPool::new(2);
    for number in 0..4 {
        pool.execute(move || match number {
            0 => panic!("this job fails, and is meant to"),
            number => resume_unwind(Box::new(number)),
        });
    }
    let meeting = Arc::new(Barrier::new(2));
    let met = Arc::new(AtomicUsize::new(0));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    for _ in 0..4 {
        let (meeting, met) = (meeting.clone(), met.clone());
        let (running, most) = (running.clone(), most.clone());
        pool.execute(move || {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            meeting.wait();
            met.fetch_add(1, SeqCst);
            running.fetch_sub(1, SeqCst);
        });
    }
    pool.execute(|| resume_unwind(Box::new("the last job")));
    drop(pool);
    assert_eq!(met.load(SeqCst), 4, "jobs that ended after four others had panicked");
    let most = most.load(SeqCst);
    assert!(most <= 2, "{most} jobs ran at the same time in a pool of 2 threads, after panics");
}

/// One job after the other, each for a pool whose threads are asleep.
fn idle_asleep() {
    let before = threads();
    let pool = ThreadPool::new(2);
    until_others_block();
    let started = threads() - before;
    assert!(started >= 2, "a pool of 2 threads has started {started}, and waits for jobs");
    let mut threads = Vec::new();
    for _ in 0..3 {
        until_others_block();
        let (send, result) = channel();
        pool.execute(move || send.send(thread::current().id()).unwrap());
        let thread = result.recv().expect("a job of an idle pool is run");
        if !threads.contains(&thread) {
            threads.push(thread);
        }
    }
    let threads = threads.len();
    assert!(threads <= 2, "{threads} threads ran jobs one after the other, in a pool of 2");
    two_at_once(&pool);
    for _ in 0..3 {
        pool.execute(|| resume_unwind(Box::new("on purpose")));
        until_others_block();
    }
    two_at_once(&pool);
}

/// Two jobs that wait for each other, for two threads that are asleep, and have been for longer than
/// anybody waits who does not wait for a job alone.
fn two_at_once(pool: &ThreadPool) {
    until_limits_pass();
    let meeting = Arc::new(Barrier::new(2));
    let (ends, end) = channel();
    for _ in 0..2 {
        let (meeting, ends) = (meeting.clone(), ends.clone());
        pool.execute(move || {
            meeting.wait();
            ends.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        end.recv().expect("two jobs of an idle pool run at the same time");
    }
}

/// Many threads, many jobs, many panics.
fn many() {
    set_most_steps(ENOUGH);
    let pool = ThreadPool::new(1);
    let (go, wait) = channel();
    let runs = Arc::new(AtomicUsize::new(0));
    pool.execute(move || wait.recv().unwrap());
    let caller = thread::current().id();
    for _ in 0..JOBS {
        let runs = runs.clone();
        pool.execute(move || {
            runs.fetch_add(usize::from(thread::current().id() != caller), SeqCst);
        });
    }
    go.send(()).unwrap();
    drop(pool);
    assert_eq!(runs.load(SeqCst), JOBS, "jobs of {JOBS} that ran in the pool behind a long one");

    let pool = ThreadPool::new(2);
    for _ in 0..300 {
        pool.execute(|| resume_unwind(Box::new("on purpose")));
    }
    let meeting = Arc::new(Barrier::new(2));
    let (ends, end) = channel();
    for _ in 0..2 {
        let (meeting, ends) = (meeting.clone(), ends.clone());
        pool.execute(move || {
            meeting.wait();
            ends.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        end.recv().expect("two jobs run at the same time, after 300 that panicked");
    }

    meet(300, 600);
}

/// Steps for a check with hundreds of threads, or thousands of operations.
const ENOUGH: u64 = 2_000_000;

/// More than two bytes can count.
const JOBS: usize = (1 << 16) + 1;
