//! A condition variable in twenty lines, with the moment at which it wakes somebody whom nobody
//! has notified. std's works in the same way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};

use crate::cpu::{sleeps, tid_of};

pub const EXPERIMENT: Experiment = Experiment {
    name: "spurious",
    question: "One notification. Can two wake up?",
    claims: &[],
    run,
};

// ANCHOR: condvar
/// Counts notifications. Who waits sleeps as long as the count is what it was.
struct Notifications(AtomicU32);

impl Notifications {
    fn wait<'a, T>(
        &self,
        lock: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        before_sleep: impl FnOnce(),
    ) -> MutexGuard<'a, T> {
        let count = self.0.load(Ordering::Relaxed);
        drop(guard);
        before_sleep();
        // The kernel compares and puts to sleep in one step: a notification since the load is seen.
        futex(&self.0, libc::FUTEX_WAIT, count);
        lock.lock().expect("nobody panics while holding it")
    }

    fn notify_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        futex(&self.0, libc::FUTEX_WAKE, 1);
    }
}
// ANCHOR_END: condvar

/// futex(2) on a word of this process.
fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    let for_ever = std::ptr::null::<libc::timespec>();
    // SAFETY: the word lives during the call, and no time limit is given.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, for_ever) };
}

fn run(_: &Lab) -> Result<Evidence> {
    let (lock, come) = (Mutex::new(0u32), Notifications(AtomicU32::new(0)));
    let (on_the_way, go_on) = (Barrier::new(2), Barrier::new(2));
    let (tid, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let wait = |before_sleep: &dyn Fn()| {
            let guard = lock.lock().expect("nobody panics while holding it");
            let mut wakes = come.wait(&lock, guard, before_sleep);
            *wakes += 1;
        };
        let sleeper = spawn(threads, "sleeper", move || wait(&|| tid_of(&tid)))?;
        let tid = told.recv().context("the sleeper ended")?;
        let asleep = sleeps(tid);
        say!("main", "the first {}", if asleep { "sleeps" } else { "does not sleep" });
        let (on_the_way, go_on) = (&on_the_way, &go_on);
        let slow = spawn(threads, "slow", move || {
            wait(&|| {
                on_the_way.wait();
                go_on.wait();
            });
        })?;
        on_the_way.wait();
        say!("main", "the second has given the lock back and does not sleep yet");
        // ANCHOR: notify
        come.notify_one();
        sleeper.join().ok().context("the first has panicked")?;
        go_on.wait();
        // ANCHOR_END: notify
        // If it sleeps after all, this wakes it up.
        let slept = comes_to_end_or_block(&slow);
        if slept {
            come.notify_one();
        }
        slow.join().ok().context("the second has panicked")?;
        let woken = *lock.lock().expect("nobody panics while holding it") - u32::from(slept);
        say!("main", "one notification was sent; {woken} came back from wait");
        Ok(Evidence::new()
            .fact("spurious: the first slept", asleep)
            .fact("spurious: notifications", 1)
            .fact("spurious: returns from wait", woken))
    })
}

/// Waits until the thread has ended or a while is over; whether it has not ended.
fn comes_to_end_or_block(thread: &std::thread::ScopedJoinHandle<'_, ()>) -> bool {
    for _ in 0..500 {
        if thread.is_finished() {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    true
}
