//! A proof that code makes no system call: run it where every system call is fatal.

use anyhow::{Result, bail};
use lab::child::{Child, in_words};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

/// Added to errno, the exit status of a child that the kernel did not confine.
const NOT_CONFINED: i32 = 100;

// ANCHOR: calls_the_kernel
/// Whether `body` makes a system call; or why that cannot be seen here.
///
/// A child gives up all system calls but read, write, exit and sigreturn (seccomp(2), strict mode)
/// and runs `body`. With any other call the kernel kills it. This process must have one thread.
pub fn calls_the_kernel(body: impl FnOnce()) -> Result<Result<bool, String>> {
    // SAFETY: by the contract above, the child inherits no lock that another thread holds.
    let child = unsafe {
        Child::fork(|| {
            let strict = libc::SECCOMP_MODE_STRICT;
            if libc::prctl(libc::PR_SET_SECCOMP, strict, 0, 0, 0) != 0 {
                libc::syscall(libc::SYS_exit, NOT_CONFINED + Errno::last_raw());
            }
            body();
            // Not _exit(2), which would end all threads and is forbidden now.
            libc::syscall(libc::SYS_exit, 0);
            unreachable!("exit does not return")
        })
    }?;
    Ok(match child.wait()? {
        WaitStatus::Exited(_, 0) => Ok(false),
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok(true),
        WaitStatus::Exited(_, status) if status > NOT_CONFINED => {
            Err(refusal(Errno::from_raw(status - NOT_CONFINED)))
        }
        other => bail!("the confined child {}", in_words(other)),
    })
}
// ANCHOR_END: calls_the_kernel

/// Why the kernel did not confine a child. Where a filter is in force already, as in most
/// containers, the mode cannot be changed any more.
fn refusal(errno: Errno) -> String {
    match lab::proc::status(Pid::this(), "Seccomp").as_deref() {
        Some("2") => "a seccomp filter is in force, and the mode is fixed",
        Some(_) => "this kernel has no strict mode of seccomp",
        None => "this kernel does not allow the strict mode of seccomp",
    }
    .to_owned()
        + &format!(" (prctl: {errno:?})")
}
