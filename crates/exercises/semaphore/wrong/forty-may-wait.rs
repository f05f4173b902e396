//! Has places for forty who wait; whoever comes later asks again and again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

pub struct Semaphore {
    store: Mutex<Store>,
}

struct Store {
    permits: usize,
    waiting: VecDeque<(Thread, Arc<AtomicBool>)>,
}

pub struct Permit<'a>(&'a Semaphore);

impl Semaphore {
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { store: Mutex::new(Store { permits, waiting: VecDeque::new() }) }
    }

    pub fn acquire(&self) -> Permit<'_> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.permits > 0 {
            store.permits -= 1;
            return Permit(self);
        }
        while store.waiting.len() == 40 {
            drop(store);
            thread::yield_now();
            store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        }
        let got = Arc::new(AtomicBool::new(false));
        store.waiting.push_back((thread::current(), got.clone()));
        drop(store);
        // A park may end for no reason.
        while !got.load(SeqCst) {
            thread::park();
        }
        Permit(self)
    }

    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.permits = store.permits.checked_sub(1)?;
        Some(Permit(self))
    }

    pub fn add(&self, permits: usize) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..permits {
            match store.waiting.pop_front() {
                Some((thread, got)) => {
                    got.store(true, SeqCst);
                    thread.unpark();
                }
                None => store.permits += 1,
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.add(1);
    }
}
