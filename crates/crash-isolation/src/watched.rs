//! A child whose crash is the lesson: its threads, its silence, and how its end is told.

use std::fs::File;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use anyhow::{Result, bail, ensure};
use lab::child::{Child, exit, explain, explain_io, in_words};
use lab::thread::traced;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

/// A child that can't start a thread exits with this status, EX_TEMPFAIL of sysexits.h(3head).
const NO_THREAD: i32 = 75;

/// Forks a child of this process, which has one thread.
pub fn child(body: impl FnOnce() -> i32) -> Result<Child> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    unsafe { Child::fork(body) }
}

/// Waits for the child; whether `signal` ended it.
pub fn ended_by(child: Child, signal: Signal) -> Result<bool> {
    Ok(matches!(child.wait()?, WaitStatus::Signaled(_, by, _) if by == signal))
}

/// Starts a scoped thread, or ends this child.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    body: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    Builder::new().spawn_scoped(scope, traced(body)).unwrap_or_else(|_| exit(NO_THREAD))
}

/// Starts a thread that no scope waits for, or ends this child.
pub fn spawn_detached(body: impl FnOnce() + Send + 'static) {
    if Builder::new().spawn(traced(body)).is_err() {
        exit(NO_THREAD)
    }
}

/// Sends what std says about a crash nowhere: it is expected here, and told in the story. A child that
/// cannot do that ends before it crashes.
pub fn silence() {
    no_trace_of_a_panic();
    let nowhere = File::options().write(true).open("/dev/null").map_err(explain_io("/dev/null"));
    let silent =
        nowhere.and_then(|nowhere| nix::unistd::dup2_stderr(nowhere).map_err(explain("dup2")));
    silent.unwrap_or_else(|error| lab::child::give_up(&error));
}

/// Lets no panic print its message and its stack: of a panic within a panic std looks up every line of
/// the stack, whatever `RUST_BACKTRACE` says, and that takes longer than all the rest.
pub fn no_trace_of_a_panic() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// A wait status in words.
///
/// # Errors
///
/// If the child could not start a thread, or left a core dump behind.
pub fn exact(status: WaitStatus) -> Result<String> {
    if matches!(status, WaitStatus::Exited(_, NO_THREAD)) {
        bail!(explain("thread")(Errno::EAGAIN));
    }
    let dumped = matches!(status, WaitStatus::Signaled(_, _, true));
    ensure!(!dumped, "a core was dumped: {status:?}");
    Ok(in_words(status))
}
