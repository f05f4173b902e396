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
    let before = semaphore.permits();
    let by_another = std::thread::scope(|threads| {
        let other = spawn(threads, "other", || semaphore.post())?;
        other.join().ok().context("the other has panicked")?;
        anyhow::Ok(semaphore.permits())
    })?;
    let has = if before == 0 { "has the permit" } else { "has not all permits" };
    let posts = if by_another > before { "posts" } else { "posts none" };
    say!("main", "{has}; another thread {posts}: permits {by_another}");
    semaphore.post();
    let permits = semaphore.permits();
    let posts = if permits > by_another { "posts its own as well" } else { "posts none" };
    say!("main", "{posts}: permits {permits}");
    let mut inside = 0;
    while inside < 4 && semaphore.wait_for(std::time::Duration::ZERO)? {
        inside += 1;
    }
    say!("main", "now {inside} may be inside at once");

    let says = match unlocked_by_another()? {
        Some(errno) => format!("{errno:?}"),
        None => "nothing".to_owned(),
    };
    let which = if says == "nothing" { "a plain mutex" } else { "a mutex that checks" };
    say!("main", "{which}: another thread's unlock says {says}");
    Ok(Evidence::new()
        .fact("or mutex: another thread may post", by_another == before + 1)
        .fact("or mutex: permits after a post too many", permits)
        .fact("or mutex: inside after a post too many", inside)
        .fact("or mutex: another thread's unlock", says))
}

/// A mutex that checks its owner, pthread_mutexattr_settype(3).
struct Checked(Box<UnsafeCell<libc::pthread_mutex_t>>);

// SAFETY: a mutex is made to be used by several threads at once.
unsafe impl Sync for Checked {}

// ANCHOR: checked
/// What the unlock of a thread that has not locked says against it.
fn unlocked_by_another() -> Result<Option<Errno>> {
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
    Ok((said != 0).then(|| Errno::from_raw(said)))
}
// ANCHOR_END: checked
