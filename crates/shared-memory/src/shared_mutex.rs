//! A pthread mutex for several processes, robust or not: the calls, one by one.

use std::cell::UnsafeCell;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;

/// A process-shared pthread mutex that lives in shared memory.
#[repr(transparent)]
pub struct SharedMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be used by several threads.
unsafe impl Sync for SharedMutex {}

impl SharedMutex {
    /// Initialises a mutex in place. If it is robust, the kernel marks it when a thread dies that
    /// holds it, and wakes the next one; pthread_mutexattr_setrobust(3).
    ///
    /// # Safety
    ///
    /// `place` is valid for writes, aligned, at its final address, and nobody uses it yet.
    pub unsafe fn init(place: *mut SharedMutex, robust: bool) -> nix::Result<()> {
        let mut attributes = std::mem::MaybeUninit::uninit();
        let attributes: *mut libc::pthread_mutexattr_t = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised before they are set, and used before they are
        // destroyed; the caller vouches for the place.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            check(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED))?;
            if robust {
                check(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST))?;
            }
            let outcome = check(libc::pthread_mutex_init(place.cast(), attributes));
            libc::pthread_mutexattr_destroy(attributes);
            outcome
        }
    }

    /// Locks. `EOWNERDEAD` means that the mutex is now held, and that its owner died holding it.
    pub fn lock(&self) -> nix::Result<()> {
        // SAFETY: the mutex was initialised in place.
        check(unsafe { libc::pthread_mutex_lock(self.0.get()) })
    }

    /// Locks if nobody holds it; `EBUSY` if somebody does, `EOWNERDEAD` as for `lock`.
    pub fn try_lock(&self) -> nix::Result<()> {
        // SAFETY: the mutex was initialised in place.
        check(unsafe { libc::pthread_mutex_trylock(self.0.get()) })
    }

    /// Locks, or returns `ETIMEDOUT` when `limit` is over.
    pub fn lock_within(&self, limit: Duration) -> nix::Result<()> {
        let end = SystemTime::now() + limit;
        let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let end = TimeSpec::from_duration(end);
        // SAFETY: the mutex was initialised in place, and the time is valid during the call.
        check(unsafe { libc::pthread_mutex_timedlock(self.0.get(), end.as_ref()) })
    }

    /// Says that what the mutex protects is in order again. If it is unlocked without that after
    /// an owner's death, nobody gets it any more: `ENOTRECOVERABLE`.
    pub fn make_consistent(&self) -> nix::Result<()> {
        // SAFETY: the mutex was initialised in place.
        check(unsafe { libc::pthread_mutex_consistent(self.0.get()) })
    }

    /// Unlocks a mutex that this thread holds. Without effect on a robust one that it does not.
    pub fn unlock(&self) {
        // SAFETY: the mutex was initialised in place.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}

/// The pthread calls return their error instead of setting errno.
fn check(returned: libc::c_int) -> nix::Result<()> {
    match returned {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}
