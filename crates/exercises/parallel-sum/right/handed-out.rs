//! The calling thread hands out the items one by one, and the others take them under a lock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex};
pub fn parallel_sum<T: Sync, F: Fn(&T) -> u64 + Sync>(
    items: &[T],
    threads: usize,
    value: F,
) -> u64 {
    struct State<'a, T> {
        queue: VecDeque<&'a T>,
        over: bool,
        sum: u64,
        bad: Vec<Box<dyn std::any::Any + Send>>,
    }
    let state = Mutex::new(State { queue: VecDeque::new(), over: false, sum: 0, bad: vec![] });
    let more = Condvar::new();
    std::thread::scope(|s| {
        for k in 0..threads.min(items.len()) {
            let (state, more, value) = (&state, &more, &value);
            std::thread::Builder::new()
                .name(format!("adder {k}"))
                .spawn_scoped(s, move || {
                    loop {
                        let item = {
                            let mut g = state.lock().unwrap();
                            loop {
                                if let Some(i) = g.queue.pop_front() {
                                    break i;
                                }
                                if g.over {
                                    return;
                                }
                                g = more.wait(g).unwrap();
                            }
                        };
                        match catch_unwind(AssertUnwindSafe(|| value(item))) {
                            Ok(n) => state.lock().unwrap().sum += n,
                            Err(p) => {
                                let mut g = state.lock().unwrap();
                                g.bad.push(p);
                                g.queue.clear();
                                g.over = true;
                                more.notify_all();
                                return;
                            }
                        }
                    }
                })
                .unwrap();
        }
        for i in items {
            let mut g = state.lock().unwrap();
            if g.over {
                break;
            }
            g.queue.push_back(i);
            more.notify_one();
        }
        state.lock().unwrap().over = true;
        more.notify_all();
    });
    let mut s = state.into_inner().unwrap();
    if let Some(p) = s.bad.pop() {
        resume_unwind(p)
    }
    s.sum
}
