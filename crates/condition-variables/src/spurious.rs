//! A condition variable in twenty lines, with the moment at which it wakes somebody whom nobody
//! has notified. std's works in the same way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard};

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;

use crate::cpu::{sleeps_on, tid_of};

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
    ) -> (MutexGuard<'a, T>, bool) {
        let count = self.0.load(Ordering::Relaxed);
        drop(guard);
        before_sleep();
        // The kernel compares and puts to sleep in one step: a notification since the load is seen.
        let slept = futex(&self.0, libc::FUTEX_WAIT, count).is_ok();
        (lock.lock().expect("nobody panics while holding it"), slept)
    }

    fn notify_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let _nobody_may_sleep = futex(&self.0, libc::FUTEX_WAKE, 1);
    }
}
// ANCHOR_END: condvar

/// futex(2) on a word of this process. Going to sleep is refused (EAGAIN) if the word has another value.
fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) -> nix::Result<i64> {
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    let for_ever = std::ptr::null::<libc::timespec>();
    // SAFETY: the word lives during the call, and no time limit is given.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, for_ever)
    })
}

fn run(_: &Lab) -> Result<Evidence> {
    let (lock, come) = (Mutex::new(0u32), Notifications(AtomicU32::new(0)));
    let (on_the_way, go_on) = (Barrier::new(2), Barrier::new(2));
    let (tid, told) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let wait = |before_sleep: &dyn Fn()| {
            let guard = lock.lock().expect("nobody panics while holding it");
            let (mut wakes, slept) = come.wait(&lock, guard, before_sleep);
            *wakes += 1;
            slept
        };
        let tid = &tid;
        let sleeper = spawn(threads, "sleeper", move || wait(&|| tid_of(tid)))?;
        let asleep = sleeps_on(told.recv().context("the first has ended")?, &come);
        say!("main", "the first {}", if asleep { "sleeps" } else { "is not seen asleep" });
        let (on_the_way, go_on) = (&on_the_way, &go_on);
        let slow = spawn(threads, "slow", move || {
            wait(&|| {
                tid_of(tid);
                on_the_way.wait();
                go_on.wait();
            })
        })?;
        let second = told.recv().context("the second has ended")?;
        on_the_way.wait();
        say!("main", "the second has given the lock back and does not sleep yet");
        // ANCHOR: notify
        come.notify_one();
        sleeper.join().ok().context("the first has panicked")?;
        go_on.wait();
        // ANCHOR_END: notify
        let sent = come.0.load(Ordering::Relaxed);
        // If it sleeps after all, it is woken up.
        let sleeps = sleeps_on(second, &come) || !slow.is_finished();
        if sleeps {
            come.notify_one();
        }
        let slept = slow.join().ok().context("the second has panicked")?;
        let put = if slept { "puts the second to sleep" } else { "refuses to put it to sleep" };
        say!("main", "now it calls futex, which {put}");
        let woken = *lock.lock().expect("nobody panics while holding it") - u32::from(sleeps);
        say!("main", "notifications sent: {sent}, returns from wait: {woken}");
        Ok(Evidence::new()
            .fact("spurious: the first slept", asleep)
            .fact("spurious: the second slept", slept)
            .fact("spurious: notifications", sent)
            .fact("spurious: returns from wait", woken))
    })
}
