//! A semaphore with one permit looks like a mutex. The difference is who may give back.

use std::cell::UnsafeCell;

use anyhow::{Context, Result, ensure};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;

use crate::semaphore::Semaphore;

pub const EXPERIMENT: Experiment = Experiment {
    name: "or-mutex",
    question: "One permit, or a mutex: who may unlock?",
    claims: &["semaphore-limits"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let semaphore = Semaphore::new(1)?;
    semaphore.wait();
    let by_another = std::thread::scope(|threads| {
        let other = spawn(threads, "other", || semaphore.post())?;
        other.join().ok().context("the other has panicked")?;
        anyhow::Ok(semaphore.permits())
    })?;
    say!("main", "has the permit; another thread posts: permits {by_another}");
    semaphore.post();
    let permits = semaphore.permits();
    say!("main", "posts its own as well: permits {permits}");
    let inside = (0..4).filter(|_| semaphore.wait_for(std::time::Duration::ZERO)).count();
    say!("main", "now {inside} may be inside at once");

    let errno = unlocked_by_another()?;
    say!("main", "a mutex that checks: another thread's unlock says {errno:?}");
    Ok(Evidence::new()
        .fact("or mutex: another thread may post", by_another == 1)
        .fact("or mutex: permits after a post too many", permits)
        .fact("or mutex: inside after a post too many", inside)
        .fact("or mutex: another thread's unlock", format!("{errno:?}")))
}

/// A mutex that checks its owner, pthread_mutexattr_settype(3).
struct Checked(Box<UnsafeCell<libc::pthread_mutex_t>>);

// SAFETY: a mutex is made to be used by several threads at once.
unsafe impl Sync for Checked {}

// ANCHOR: checked
fn unlocked_by_another() -> Result<Errno> {
    let mutex = Checked(Box::new(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)));
    // SAFETY: all zeros is valid until the attributes are initialised.
    let mut checks: libc::pthread_mutexattr_t = unsafe { std::mem::zeroed() };
    // SAFETY: attributes and mutex live until the end, at one address, and are used as initialised.
    unsafe {
        libc::pthread_mutexattr_init(&mut checks);
        libc::pthread_mutexattr_settype(&mut checks, libc::PTHREAD_MUTEX_ERRORCHECK);
        let made = libc::pthread_mutex_init(mutex.0.get(), &checks);
        ensure!(made == 0, "pthread_mutex_init: {:?}", Errno::from_raw(made));
        libc::pthread_mutex_lock(mutex.0.get());
    }
    let said = std::thread::scope(|threads| {
        let mutex = &mutex;
        // SAFETY: the mutex is initialised; that this thread is not its owner is the lesson.
        let other =
            spawn(threads, "other", move || unsafe { libc::pthread_mutex_unlock(mutex.0.get()) })?;
        other.join().ok().context("the other has panicked")
    })?;
    // SAFETY: this thread has locked it; nobody uses it afterwards.
    unsafe {
        libc::pthread_mutex_unlock(mutex.0.get());
        libc::pthread_mutex_destroy(mutex.0.get());
        libc::pthread_mutexattr_destroy(&mut checks);
    }
    Ok(Errno::from_raw(said))
}
// ANCHOR_END: checked
