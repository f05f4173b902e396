//! A proof that code makes no system call: run it where every system call is fatal.

use anyhow::{Result, bail};
use lab::child::Child;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

/// Exit status of a child that the kernel did not confine.
const NOT_CONFINED: i64 = 3;

// ANCHOR: calls_the_kernel
/// Whether `body` makes a system call; `None` where the kernel offers no way to tell.
///
/// A child gives up all system calls but read, write, exit and sigreturn (seccomp(2), strict mode)
/// and runs `body`. With any other call the kernel kills it. This process must have one thread.
pub fn calls_the_kernel(body: impl FnOnce()) -> Result<Option<bool>> {
    // SAFETY: by the contract above, the child inherits no lock that another thread holds.
    let child = unsafe {
        Child::fork(|| {
            let strict = libc::SECCOMP_MODE_STRICT;
            if libc::prctl(libc::PR_SET_SECCOMP, strict, 0, 0, 0) != 0 {
                libc::syscall(libc::SYS_exit, NOT_CONFINED);
            }
            body();
            // Not _exit(2), which would end all threads and is forbidden now.
            libc::syscall(libc::SYS_exit, 0);
            unreachable!("exit does not return")
        })
    }?;
    Ok(match child.wait()? {
        WaitStatus::Exited(_, 0) => Some(false),
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Some(true),
        WaitStatus::Exited(_, status) if i64::from(status) == NOT_CONFINED => None,
        other => bail!("the confined child ended with {other:?}"),
    })
}
// ANCHOR_END: calls_the_kernel
