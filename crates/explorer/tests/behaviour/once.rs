//! What happens once.

use explorer::explored::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::explored::sync::{Arc, LazyLock, Once, OnceLock};
use explorer::explored::{panic, thread};
use explorer::report::Kind;

use crate::Case;

pub const CASES: &[Case] = &[
    ("one thread does it, and the others wait for it", once, None),
    ("a panic poisons it", poisoned, None),
    ("who does it inside of it waits for ever", inside_of_itself, Some(Kind::Deadlock)),
    ("one thread fills a cell", once_lock, None),
    ("a cell that is waited for", waited_for, None),
    ("a cell drops what it has", drops, None),
    ("a lazy value is made by one thread", lazy_lock, None),
    ("what is in a static is made anew in each execution", statics, None),
    ("a lazy value that panics stays poisoned", lazy_poisoned, None),
];

fn once() {
    let (once, count) = (Once::new(), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                once.call_once(|| {
                    thread::yield_now();
                    count.fetch_add(1, SeqCst);
                });
                assert_eq!(count.load(SeqCst), 1, "it is done when the call returns");
            });
        }
    });
    assert!(once.is_completed());
}

fn poisoned() {
    let once = Once::new();
    assert!(panic::catch_unwind(|| once.call_once(|| panic!("in it"))).is_err());
    assert!(panic::catch_unwind(|| once.call_once(|| ())).is_err());
    once.call_once_force(|state| assert!(state.is_poisoned()));
    once.call_once(|| unreachable!("it is done"));
}

fn inside_of_itself() {
    let once = Once::new();
    once.call_once(|| once.call_once(|| ()));
}

fn once_lock() {
    let cell = OnceLock::new();
    thread::scope(|scope| {
        let first = scope.spawn(|| cell.set(1).is_ok());
        let second = scope.spawn(|| *cell.get_or_init(|| 2));
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        assert_eq!(first, second == 1, "who was first has decided");
    });
    let copy = cell.clone();
    assert!(copy == cell && cell.get() == copy.into_inner().as_ref());
}

fn waited_for() {
    let cell = Arc::new(OnceLock::new());
    let other = cell.clone();
    let thread = thread::spawn(move || *other.wait());
    cell.set(4).unwrap();
    assert_eq!(thread.join().unwrap(), 4);
}

fn drops() {
    let shared = Arc::new(());
    let mut cell = OnceLock::from(shared.clone());
    assert_eq!(Arc::strong_count(&shared), 2);
    assert!(cell.take().is_some() && cell.get_mut().is_none());
    assert!(cell.set(shared.clone()).is_ok());
    drop(cell);
    assert_eq!(Arc::strong_count(&shared), 1);
}

fn lazy_lock() {
    let count = AtomicU32::new(0);
    let lazy = LazyLock::new(|| count.fetch_add(1, SeqCst) + 7);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(*lazy, 7));
        }
    });
    assert_eq!(count.load(SeqCst), 1);
}

fn statics() {
    static CELL: OnceLock<String> = OnceLock::new();
    static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| vec![1, 2]);
    assert!(CELL.get().is_none(), "no earlier execution has left anything");
    let other = thread::spawn(|| CELL.set("other".to_owned()).is_ok());
    let mine = CELL.set("mine".to_owned()).is_ok();
    assert!(mine != other.join().unwrap());
    assert_eq!(LAZY.len(), 2);
}

fn lazy_poisoned() {
    let lazy: LazyLock<u32> = LazyLock::new(|| panic!("not made"));
    assert!(panic::catch_unwind(|| *lazy).is_err());
    assert!(panic::catch_unwind(|| *lazy).is_err());
}
