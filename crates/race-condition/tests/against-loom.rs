//! The answers of the store-buffer model, held against loom's model of C11's memory.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};

/// Whether some execution sees the flag without the data.
fn flag_without_data(flag: Ordering) -> bool {
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let report = seen.clone();
    loom::model(move || {
        let places = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let theirs = places.clone();
        let writer = loom::thread::spawn(move || {
            theirs.0.store(42, Ordering::Relaxed);
            theirs.1.store(1, flag);
        });
        if places.1.load(Ordering::Acquire) == 1 && places.0.load(Ordering::Relaxed) == 0 {
            report.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        writer.join().unwrap();
    });
    seen.load(std::sync::atomic::Ordering::Relaxed)
}

/// Whether some execution has both threads store and see nothing of the other's store.
fn both_see_nothing(store: Ordering) -> bool {
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let report = seen.clone();
    loom::model(move || {
        let places = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let theirs = places.clone();
        let first = loom::thread::spawn(move || {
            theirs.0.store(1, store);
            theirs.1.load(Ordering::Acquire)
        });
        places.1.store(1, store);
        let second = places.0.load(Ordering::Acquire);
        if first.join().unwrap() == 0 && second == 0 {
            report.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    seen.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn loom_agrees_about_publication() {
    assert!(flag_without_data(Ordering::Relaxed));
    assert!(!flag_without_data(Ordering::Release));
}

/// loom treats SeqCst accesses as AcqRel and so allows what SeqCst forbids; only the first half
/// can be compared.
#[test]
fn loom_agrees_about_store_buffering() {
    assert!(both_see_nothing(Ordering::Release));
}
