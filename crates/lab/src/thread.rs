//! Threads whose absence is an error and not a panic.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use anyhow::Result;

use crate::child::{explain_io, give_up};
use crate::events;

/// Starts a named scoped thread, or says why there can be none.
///
/// A scope ends when all its threads have ended, and those that were started before may wait for
/// this one. So where there are others the process gives up at once, with the reason.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let spawned = Builder::new().name(name.to_owned()).spawn_scoped(scope, traced(body));
    spawned.map_err(explain_io("thread")).inspect_err(|error| {
        if threads() != Some(1) {
            give_up(error)
        }
    })
}

/// The body of a thread that is made here: a trace shows who has made it, and when it begins and ends.
pub fn traced<T>(body: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let maker = events::maker();
    move || {
        events::begin_thread(maker);
        body()
    }
}

/// How many threads this process has.
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}
