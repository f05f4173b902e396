//! A program that is stopped on its way: who stands where, who holds what, and what it is worth.

use std::cell::RefCell;
use std::rc::Rc;

use explorer::explored::states::{Ending, Look, Shared, Step, after, drop};
use explorer::explored::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::explored::sync::{Arc, Mutex};
use explorer::explored::thread;
use explorer::report::Obstacle;

fn path(threads: &[usize]) -> Vec<Step> {
    threads.iter().map(|&thread| Step { thread, wakes: 0 }).collect()
}

#[test]
fn a_path_stops_before_the_next_choice() {
    let body = || {
        let counter = Arc::new(AtomicU32::new(0));
        let other = Arc::clone(&counter);
        let thread = thread::spawn(move || other.store(other.load(SeqCst) + 1, SeqCst));
        thread.join().unwrap();
        assert_eq!(counter.load(SeqCst), 1);
    };
    let start = after(body, &[]);
    assert_eq!((start.ending, &start.ready[..]), (Ending::Choice, &[1][..]));
    assert_eq!(after(body, &path(&[1])).ending, Ending::Choice);
    assert_eq!(after(body, &path(&[1, 1])).ending, Ending::Done);
}

#[test]
fn who_holds_what_is_known_and_its_value_can_be_seen() {
    let lock = Rc::new(RefCell::new(None));
    let kept = Rc::clone(&lock);
    let body = move || {
        let mutex = Arc::new(Mutex::new(1));
        *kept.borrow_mut() = Some(mutex.watch());
        let threads = [(); 2].map(|()| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || {
                let mut guard = mutex.lock().unwrap();
                *guard += 1;
                drop(guard);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    };
    let moment = after(body, &path(&[1, 2]));
    let look = lock.borrow().as_ref().unwrap()();
    assert_eq!(look, Look { resource: Some(0), value: Some("2".to_owned()) });
    assert_eq!(moment.threads[1].holds[0].0, 0);
    let (verb, of, _) = moment.threads[2].blocked.clone().unwrap();
    assert_eq!((verb.as_str(), of), ("locking", Obstacle::Resource(0)));
    assert_eq!(moment.ready, [1]);
    let lines = |number: usize| moment.threads[number].at.clone().unwrap().line;
    assert_eq!(lines(1), lines(2) + 2, "the one unlocks where it drops the guard");
}
