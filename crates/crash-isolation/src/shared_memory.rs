//! The channels that run through shared memory: a lock, a record, the whole address space.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};

use anyhow::{Result, ensure};
use lab::Shared;
use lab::child::{explain, no_core_dump, status};
use nix::errno::Errno;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::fault::{NULL_WRITE, default_action};
use crate::watched::{child, ended_by};

/// A mutex of pthreads in shared memory; its owner is killed while it holds it.
pub fn killed_lock_holder() -> Result<(bool, bool)> {
    // Robust locks stay mapped: the C library keeps a list of those that a thread holds.
    let locks = Shared::new([PthreadMutex::new(), PthreadMutex::new()])?.leak();
    let [plain, robust] = locks;
    plain.set_up(libc::PTHREAD_MUTEX_STALLED)?;
    robust.set_up(libc::PTHREAD_MUTEX_ROBUST)?;
    for lock in locks {
        let owner = child(|| match lock.try_lock() {
            0 => status(raise(Signal::SIGKILL)),
            _ => 1,
        })?;
        ensure!(ended_by(owner, Signal::SIGKILL)?, "the owner did not get the lock");
    }
    let harm = plain.try_lock() == libc::EBUSY;
    let told = robust.try_lock() == libc::EOWNERDEAD;
    Ok((harm, told && robust.repair_and_unlock() && robust.try_lock() == 0))
}

// ANCHOR: half-written-record
/// Two accounts that hold 100 in all; the process that moves 40 is killed half way.
pub fn half_written_record() -> Result<(bool, bool)> {
    let both = Shared::new([[AtomicI64::new(100), AtomicI64::new(0)], Default::default()])?;
    let [in_place, copy] = &*both;
    let total =
        |accounts: &[AtomicI64; 2]| -> i64 { accounts.iter().map(|a| a.load(SeqCst)).sum() };
    let before = total(in_place);
    let killed_while_it_moves = |from: &AtomicI64, _to: &AtomicI64| {
        from.fetch_sub(40, SeqCst);
        let _ = raise(Signal::SIGKILL);
        1 // Never comes here, so the other account never gets its 40.
    };

    let current = Shared::new(AtomicUsize::new(0))?;
    let accounts = || [in_place, copy][current.load(SeqCst)];
    let careful = child(|| {
        copy[0].store(100, SeqCst);
        killed_while_it_moves(&copy[0], &copy[1]) // It would have published the copy after this.
    })?;
    ensure!(ended_by(careful, Signal::SIGKILL)?, "the writer survived");
    let guard = total(accounts()) == before;

    let hasty = child(|| killed_while_it_moves(&in_place[0], &in_place[1]))?;
    ensure!(ended_by(hasty, Signal::SIGKILL)?, "the writer survived");
    Ok((total(accounts()) < before, guard))
}
// ANCHOR_END: half-written-record

/// A child that shares its parent's whole memory, clone(2). `CLONE_VFORK` holds the parent back
/// until the child is gone, so that the two never run at the same time on shared thread-local data.
pub fn address_space() -> Result<(bool, bool)> {
    let crash_with = |flags: libc::c_int| {
        child(|| {
            no_core_dump();
            let value = AtomicI64::new(0);
            let mut stack = vec![0_u128; 4096];
            let top = stack.as_mut_ptr_range().end;
            let argument = std::ptr::from_ref(&value).cast_mut();
            // SAFETY: the stack is large enough for `write_and_crash`, outlives the child, and its
            // top is aligned to 16 bytes.
            let pid = unsafe {
                libc::clone(
                    write_and_crash,
                    top.cast(),
                    flags | libc::CLONE_VFORK | libc::SIGCHLD,
                    argument.cast(),
                )
            };
            if pid == -1 {
                return lab::child::failed(&explain("clone")(Errno::last()));
            }
            let crashed = matches!(
                waitpid(Pid::from_raw(pid), None),
                Ok(WaitStatus::Signaled(_, Signal::SIGSEGV, _))
            );
            i32::from(crashed) << 1 | i32::from(value.load(SeqCst) != 0)
        })
    };
    let (crashed, reached) = (0b10, 0b01);
    let outcome = |status| match status {
        WaitStatus::Exited(_, bits) if bits & crashed != 0 => Ok(bits),
        status => anyhow::bail!("the parent {}", lab::child::in_words(status)),
    };
    let shared = outcome(crash_with(libc::CLONE_VM)?.wait()?)?;
    let copied = outcome(crash_with(0)?.wait()?)?;
    Ok((shared == crashed | reached, copied == crashed))
}

extern "C" fn write_and_crash(value: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the parent passes a pointer to an atomic that outlives this child.
    unsafe { &*value.cast::<AtomicI64>() }.store(42, SeqCst);
    let _ = default_action(Signal::SIGSEGV);
    (NULL_WRITE.commit)();
    0
}

/// A pthread mutex that processes share.
struct PthreadMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a mutex is made to be used by several threads at a time.
unsafe impl Sync for PthreadMutex {}

impl PthreadMutex {
    fn new() -> PthreadMutex {
        PthreadMutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER))
    }

    /// Makes it process-shared, and robust or not; pthread_mutexattr_setrobust(3).
    fn set_up(&self, robustness: libc::c_int) -> Result<()> {
        // SAFETY: the attributes are initialised before they are used, and nobody uses the mutex yet.
        let error = unsafe {
            let mut attributes = std::mem::zeroed();
            libc::pthread_mutexattr_init(&mut attributes);
            libc::pthread_mutexattr_setpshared(&mut attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(&mut attributes, robustness);
            libc::pthread_mutex_init(self.0.get(), &attributes)
        };
        ensure!(error == 0, "pthread_mutex_init: {}", Errno::from_raw(error));
        Ok(())
    }

    /// Takes the lock if it is free; returns the error number.
    fn try_lock(&self) -> libc::c_int {
        // SAFETY: the mutex was set up and lives as long as the process.
        unsafe { libc::pthread_mutex_trylock(self.0.get()) }
    }

    /// After `EOWNERDEAD`: declares that what the lock protects is in order again.
    fn repair_and_unlock(&self) -> bool {
        // SAFETY: as above, and this thread holds the lock.
        unsafe {
            libc::pthread_mutex_consistent(self.0.get()) == 0
                && libc::pthread_mutex_unlock(self.0.get()) == 0
        }
    }
}
