//! POSIX semaphores, sem_overview(7): the calls as they are, with their errors.

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::time::Duration;

use anyhow::Result;
use lab::child::explain;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

/// A semaphore without a name, for the threads of this process.
pub struct Semaphore(Box<UnsafeCell<libc::sem_t>>);

// SAFETY: a semaphore is made to be used by several threads at once.
unsafe impl Send for Semaphore {}
// SAFETY: as above.
unsafe impl Sync for Semaphore {}

// ANCHOR: calls
impl Semaphore {
    /// A semaphore with so many permits, sem_init(3).
    pub fn new(permits: u32) -> Result<Semaphore> {
        // SAFETY: all zeros is a valid sem_t, which sem_init then fills.
        let semaphore = Semaphore(Box::new(UnsafeCell::new(unsafe { std::mem::zeroed() })));
        // SAFETY: the box keeps the semaphore at one address until it is destroyed.
        let made = unsafe { libc::sem_init(semaphore.0.get(), 0, permits) };
        Errno::result(made).map_err(explain("sem_init"))?;
        Ok(semaphore)
    }

    /// Takes a permit, and waits until there is one, sem_wait(3).
    pub fn wait(&self) {
        // SAFETY: the semaphore is initialised. A signal handler may interrupt the wait.
        while unsafe { libc::sem_wait(self.0.get()) } == -1 {}
    }

    /// Gives a permit, one's own or a new one, sem_post(3).
    pub fn post(&self) {
        // SAFETY: the semaphore is initialised.
        unsafe { libc::sem_post(self.0.get()) };
    }
    // ANCHOR_END: calls

    /// Takes a permit if there is one within `limit`.
    pub fn wait_for(&self, limit: Duration) -> Result<bool> {
        // SAFETY: the semaphore is initialised.
        unsafe { wait_for(self.0.get(), limit) }
    }

    /// How many permits there are at this moment, sem_getvalue(3).
    pub fn permits(&self) -> i32 {
        // SAFETY: the semaphore is initialised.
        unsafe { permits(self.0.get()) }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: nobody waits for it any more, since nobody can refer to it.
        unsafe { libc::sem_destroy(self.0.get()) };
    }
}

/// A semaphore with a name, for processes that know it.
pub struct Named(*mut libc::sem_t);

impl Named {
    /// Makes a new one, sem_open(3).
    pub fn create(name: &CStr, permits: u32) -> Result<Named> {
        let flags = libc::O_CREAT | libc::O_EXCL;
        // SAFETY: the name ends in NUL; mode and value follow as O_CREAT demands.
        let opened = unsafe { libc::sem_open(name.as_ptr(), flags, 0o600, permits) };
        Named::opened(opened)
    }

    /// Opens one that exists.
    pub fn open(name: &CStr) -> Result<Named> {
        // SAFETY: the name ends in NUL.
        Named::opened(unsafe { libc::sem_open(name.as_ptr(), 0) })
    }

    fn opened(semaphore: *mut libc::sem_t) -> Result<Named> {
        match semaphore == libc::SEM_FAILED {
            true => Err(explain("sem_open")(Errno::last())),
            false => Ok(Named(semaphore)),
        }
    }

    /// Takes a permit if there is one within `limit`.
    pub fn wait_for(&self, limit: Duration) -> Result<bool> {
        // SAFETY: the semaphore is open until this value is dropped.
        unsafe { wait_for(self.0, limit) }
    }

    /// Gives a permit.
    pub fn post(&self) {
        // SAFETY: as above.
        unsafe { libc::sem_post(self.0) };
    }

    /// How many permits there are at this moment.
    pub fn permits(&self) -> i32 {
        // SAFETY: as above.
        unsafe { permits(self.0) }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // SAFETY: it was opened and is not used any more.
        unsafe { libc::sem_close(self.0) };
    }
}

/// # Safety
///
/// The pointer must be to an initialised semaphore.
unsafe fn wait_for(semaphore: *mut libc::sem_t, limit: Duration) -> Result<bool> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).map_err(explain("clock_gettime"))?;
    let end = Duration::from(now) + limit;
    let end = libc::timespec {
        tv_sec: end.as_secs() as libc::time_t,
        tv_nsec: end.subsec_nanos() as libc::c_long,
    };
    loop {
        // SAFETY: the caller promises the semaphore; the time lives during the call.
        match unsafe { libc::sem_timedwait(semaphore, &end) } {
            0 => return Ok(true),
            _ => match Errno::last() {
                Errno::EINTR => continue,
                Errno::ETIMEDOUT => return Ok(false),
                errno => return Err(explain("sem_timedwait")(errno)),
            },
        }
    }
}

/// # Safety
///
/// The pointer must be to an initialised semaphore.
unsafe fn permits(semaphore: *mut libc::sem_t) -> i32 {
    let mut value = 0;
    // SAFETY: the caller promises the semaphore; the value is written to a local.
    unsafe { libc::sem_getvalue(semaphore, &mut value) };
    value
}
