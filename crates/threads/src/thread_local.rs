//! What each thread has for itself: thread-local variables, `errno`, and a signal mask.

use std::cell::Cell;
use std::sync::{Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

pub const EXPERIMENT: Experiment = Experiment {
    name: "thread-local",
    question: "Which variables does a thread not share?",
    claims: &["path-of-execution"],
    run,
};

thread_local! {
    static VISITS: Cell<u32> = const { Cell::new(0) };
}

fn run(_: &Lab) -> Result<Evidence> {
    VISITS.set(1);
    say!("main", "sets the thread-local variable VISITS to {}", VISITS.get());
    let (tell, told) = mpsc::channel();
    let gate = Mutex::new(());
    let (found, reached) = thread::scope(|scope| {
        let _closed = gate.lock();
        let gate = &gate;
        spawn(scope, "worker", move || {
            let found = VISITS.get();
            VISITS.set(10);
            say!("worker", "finds {found} in VISITS and sets it to {}", VISITS.get());
            let _ = tell.send((found, VISITS.with(|visits| visits.as_ptr() as usize)));
            drop(gate.lock());
        })?;
        let (found, address) = told.recv().context("the worker ended early")?;
        // SAFETY: the worker wrote its copy before it sent the address, and now waits for the
        // gate, so the copy is alive and nobody writes to it.
        let reached = unsafe { (address as *const u32).read_volatile() };
        anyhow::Ok((found, reached))
    })?;
    let reads = match reached {
        10 => "can read the worker's",
        _ => "reads, where the worker's should be,",
    };
    say!("main", "still has {}, and {reads} {reached} by its address", VISITS.get());

    Errno::clear();
    let worker_errno = in_a_thread(|| {
        // SAFETY: close(2) of a number that is no descriptor does nothing.
        unsafe { libc::close(-1) };
        let errno = Errno::last();
        say!("worker", "after close(-1) errno is {errno:?}");
        errno
    })?;
    let errno = Errno::last();
    let own_errno = worker_errno == Errno::EBADF && errno != worker_errno;
    let same = if errno == worker_errno { "has the same errno" } else { "has an errno of its own" };
    say!("main", "{same}");

    let usr1 = SigSet::from(Signal::SIGUSR1);
    let blocks = || SigSet::thread_get_mask().map(|mask| mask.contains(Signal::SIGUSR1));
    usr1.thread_unblock().context("pthread_sigmask")?;
    let by_worker = in_a_thread(|| {
        usr1.thread_block().context("pthread_sigmask")?;
        let blocked = blocks().context("pthread_sigmask")?;
        say!("worker", "{}", if blocked { "blocks SIGUSR1" } else { "cannot block SIGUSR1" });
        anyhow::Ok(blocked)
    })??;
    let by_main = blocks().context("pthread_sigmask")?;
    say!("main", "{}", if by_main { "blocks it as well" } else { "does not block it" });

    Ok(Evidence::new()
        .fact("thread-local variable is private", found == 0 && VISITS.get() == 1)
        .fact("thread-local variable can be reached", reached == 10)
        .fact("errno is private", own_errno)
        .fact("signal mask is private", by_worker && !by_main))
}

/// Runs `body` in a thread of its own and returns what it returns.
fn in_a_thread<T: Send>(body: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        spawn(scope, "worker", body)?.join().map_err(|_| anyhow::anyhow!("the worker panicked"))
    })
}
