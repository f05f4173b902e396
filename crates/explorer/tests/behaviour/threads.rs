//! Threads, scopes, parking, thread-local variables, time.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::time::Duration;

use explorer::explored::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use explorer::explored::sync::{Arc, Mutex};
use explorer::explored::time::Instant;
use explorer::explored::{panic, set_processors, thread, thread_local};
use explorer::report::Kind;

use crate::Case;

pub const CASES: &[Case] = &[
    ("an inner scope waits for its own threads only", nested_scopes, None),
    ("a scope in a thread of a scope", scope_in_scope, None),
    ("a scope passes on a panic that nobody took", scope_panics, Some(Kind::Panic)),
    ("a scope's panic that was taken is over", scope_panic_taken, None),
    ("a panic that nobody joins is only printed", panic_unjoined, None),
    ("a panic comes to whoever joins, with its payload", panic_joined, None),
    ("only the thread that panics unwinds", panicking_is_per_thread, None),
    ("park ends for no reason only so often", park_in_a_loop, None),
    ("unpark before park is kept, and only once", token, None),
    ("two unparks are one", two_unparks, Some(Kind::Deadlock)),
    ("park with a limit ends", park_timeout, None),
    ("as many processors as the check says", processors, None),
    ("a thread can have a name, and no name", names, None),
    ("every thread has its own thread-local values", locals, None),
    ("thread-local values are dropped at the end of their thread", locals_are_dropped, None),
    ("a mebibyte fits on the stack", large_on_the_stack, None),
    ("a larger stack can be asked for", larger_stack, None),
    ("a thousand atomics are as large as their values", large_atomics, None),
    ("whoever sleeps wakes no earlier", sleep_takes_time, None),
    ("sleeping orders nothing", sleep_orders_nothing, Some(Kind::Panic)),
    ("giving way until another thread is done", yields_until_done, None),
    ("giving way for what no lock protects", yields_for_a_count, None),
    ("giving way for ever", yields_for_ever, Some(Kind::Livelock)),
    ("hundreds of yields hide nothing", yields_hide_nothing, Some(Kind::Panic)),
    ("hundreds of sleeps hide nothing", sleeps_hide_nothing, Some(Kind::Panic)),
    ("hundreds of reads hide nothing", reads_hide_nothing, Some(Kind::Panic)),
    ("a thread that is left waits for ever", left_waiting, Some(Kind::Thread)),
];

fn nested_scopes() {
    let outer_is_done = AtomicBool::new(false);
    let inner = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::yield_now();
            outer_is_done.store(true, SeqCst);
        });
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| inner.fetch_add(1, SeqCst));
            }
        });
        assert_eq!(inner.load(SeqCst), 2, "the inner threads have ended");
    });
    assert!(outer_is_done.load(SeqCst), "the outer thread has ended");
}

fn scope_in_scope() {
    let count = AtomicUsize::new(0);
    thread::scope(|outer| {
        outer.spawn(|| {
            thread::scope(|inner| {
                inner.spawn(|| count.fetch_add(1, SeqCst));
            });
            outer.spawn(|| count.fetch_add(1, SeqCst));
        });
    });
    assert_eq!(count.load(SeqCst), 2);
}

fn scope_panics() {
    thread::scope(|scope| {
        scope.spawn(|| panic!("not taken"));
    });
}

fn scope_panic_taken() {
    let result = thread::scope(|scope| scope.spawn(|| -> () { panic!("taken") }).join());
    assert!(result.is_err());
}

fn panic_unjoined() {
    let done = Arc::new(AtomicBool::new(false));
    let other = done.clone();
    thread::spawn(move || {
        other.store(true, SeqCst);
        panic!("nobody joins");
    });
    while !done.load(SeqCst) {
        thread::yield_now();
    }
}

fn panic_joined() {
    let payload = thread::spawn(|| panic::panic_any(7)).join().unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7));
    let caught = panic::catch_unwind(|| panic!("caught"));
    assert!(caught.is_err() && !thread::panicking());
}

fn panicking_is_per_thread() {
    struct Gives;
    impl Drop for Gives {
        fn drop(&mut self) {
            thread::yield_now();
            assert!(thread::panicking());
        }
    }
    let thread = thread::spawn(|| {
        let _gives = Gives;
        panic!("unwinds");
    });
    for _ in 0..3 {
        thread::yield_now();
        assert!(!thread::panicking());
    }
    assert!(thread.join().is_err());
}

fn park_in_a_loop() {
    let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let threads = flags.clone().map(|flag| {
        thread::spawn(move || {
            while !flag.load(SeqCst) {
                thread::park();
            }
        })
    });
    for (flag, thread) in flags.iter().zip(&threads) {
        flag.store(true, SeqCst);
        thread.thread().unpark();
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

fn token() {
    thread::current().unpark();
    thread::park();
    let parked = thread::spawn(thread::park);
    parked.thread().unpark();
    parked.join().unwrap();
}

/// Parks once more than it was unparked, and more often than waits end for no reason.
fn two_unparks() {
    thread::current().unpark();
    thread::current().unpark();
    for _ in 0..4 {
        thread::park();
    }
}

fn park_timeout() {
    let before = Instant::now();
    thread::park_timeout(Duration::from_secs(3600));
    assert!(before.elapsed() <= Duration::from_secs(3600));
}

fn processors() {
    set_processors(NonZero::new(3).unwrap());
    assert_eq!(thread::available_parallelism().unwrap().get(), 3);
}

fn names() {
    let builder = thread::Builder::new().name("worker".to_owned());
    let named = builder.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
    let id = named.thread().id();
    assert_eq!(named.join().unwrap().as_deref(), Some("worker"));
    assert!(thread::spawn(|| thread::current().name().is_none()).join().unwrap());
    assert!(thread::current().name() == Some("main") && thread::current().id() != id);
}

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(1) };
    static LIST: RefCell<Vec<u32>> = RefCell::new(vec![COUNT.get()]);
}

fn locals() {
    COUNT.set(5);
    let other = thread::spawn(|| {
        COUNT.set(COUNT.get() + 1);
        LIST.with_borrow_mut(|list| list.push(9));
        LIST.take()
    });
    assert_eq!(LIST.with_borrow(Clone::clone), [5]);
    assert_eq!(other.join().unwrap(), [2, 9]);
    assert_eq!(COUNT.get(), 5);
}

fn locals_are_dropped() {
    struct Tells(Arc<AtomicUsize>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    thread_local! {
        static TELLS: RefCell<Option<Tells>> = const { RefCell::new(None) };
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let other = dropped.clone();
    thread::spawn(move || TELLS.set(Some(Tells(other)))).join().unwrap();
    assert_eq!(dropped.load(SeqCst), 1);
}

fn large_on_the_stack() {
    fn sum() -> usize {
        let mut large = [1_u8; 1 << 20];
        std::hint::black_box(&mut large);
        large.iter().map(|byte| usize::from(*byte)).sum()
    }
    assert_eq!(thread::spawn(sum).join().unwrap(), 1 << 20);
}

fn larger_stack() {
    fn sum() -> usize {
        let mut large = [1_u8; 6 << 20];
        std::hint::black_box(&mut large);
        large.iter().map(|byte| usize::from(*byte)).sum()
    }
    let builder = thread::Builder::new().stack_size(8 << 20);
    assert_eq!(builder.spawn(sum).unwrap().join().unwrap(), 6 << 20);
}

fn large_atomics() {
    let table: [AtomicUsize; 1024] = std::array::from_fn(AtomicUsize::new);
    assert_eq!(size_of_val(&table), 8 * 1024);
    table[3].fetch_add(1, SeqCst);
    assert_eq!(table.map(AtomicUsize::into_inner)[3], 4);
}

fn sleep_takes_time() {
    let before = Instant::now();
    thread::sleep(Duration::from_millis(5));
    assert!(before.elapsed() >= Duration::from_millis(5));
}

fn sleep_orders_nothing() {
    let done = Arc::new(AtomicBool::new(false));
    let other = done.clone();
    thread::spawn(move || other.store(true, SeqCst));
    thread::sleep(Duration::from_secs(10));
    assert!(done.load(SeqCst));
}

fn yields_until_done() {
    let thread = thread::spawn(thread::yield_now);
    while !thread.is_finished() {
        thread::yield_now();
    }
    thread.join().unwrap();
}

fn yields_for_a_count() {
    let shared = Arc::new(());
    let other = shared.clone();
    let thread = thread::spawn(move || drop(other));
    while Arc::strong_count(&shared) > 1 {
        thread::yield_now();
    }
    thread.join().unwrap();
}

fn yields_for_ever() {
    let never = AtomicBool::new(false);
    while !never.load(SeqCst) {
        thread::yield_now();
    }
}

/// Reads and writes in two steps, after something that takes long for one of two threads.
fn loses_an_update(long: fn()) {
    let count = Arc::new(AtomicUsize::new(0));
    let add = |count: &AtomicUsize| count.store(count.load(SeqCst) + 1, SeqCst);
    let other = count.clone();
    let thread = thread::spawn(move || {
        long();
        add(&other);
    });
    add(&count);
    thread.join().unwrap();
    assert_eq!(count.load(SeqCst), 2);
}

fn yields_hide_nothing() {
    loses_an_update(|| (0..1000).for_each(|_| thread::yield_now()));
}

fn sleeps_hide_nothing() {
    loses_an_update(|| (0..500).for_each(|_| thread::sleep(Duration::from_millis(1))));
}

fn reads_hide_nothing() {
    loses_an_update(|| {
        let lock = Mutex::new(0);
        for _ in 0..300 {
            *lock.lock().unwrap() += 1;
            thread::yield_now();
        }
    });
}

fn left_waiting() {
    thread::spawn(|| {
        loop {
            thread::park();
        }
    });
}
