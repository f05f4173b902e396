//! Threads whose absence is an error and not a panic.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use anyhow::Result;

use crate::child::explain_io;

/// Starts a named scoped thread, or says why there can be none.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name(name.to_owned()).spawn_scoped(scope, body).map_err(explain_io("thread"))
}
