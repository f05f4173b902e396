//! `std::thread::Builder`.

use std::io;
use std::panic::Location;

use super::super::execution::STACK;
use super::{JoinHandle, Joined, Scope, ScopedJoinHandle, body, start};

/// As [`std::thread::Builder`]. Names of threads appear in reports.
#[derive(Debug)]
pub struct Builder {
    pub(super) name: Option<String>,
    pub(super) stack_size: Option<usize>,
}

impl Builder {
    /// As [`std::thread::Builder::new`].
    #[allow(clippy::new_without_default, reason = "std has no Default for it")]
    pub fn new() -> Builder {
        Builder { name: None, stack_size: None }
    }

    /// As [`std::thread::Builder::name`].
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// As [`std::thread::Builder::stack_size`]; no stack is smaller than two mebibytes.
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.stack_size = Some(size);
        self
    }

    /// As [`std::thread::Builder::spawn`].
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (body, packet) = body(f, None);
        let thread = start(self.name, self.stack_size.unwrap_or(STACK), body, Location::caller())?;
        Ok(JoinHandle(Joined { thread, packet }))
    }

    /// As [`std::thread::Builder::spawn_unchecked`].
    ///
    /// # Safety
    ///
    /// As in std: what `f` borrows must outlive the thread.
    #[track_caller]
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        let (body, packet) = body(f, None);
        let thread = start(self.name, self.stack_size.unwrap_or(STACK), body, Location::caller())?;
        Ok(JoinHandle(Joined { thread, packet }))
    }

    /// As [`std::thread::Builder::spawn_scoped`].
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        scope.start(self, f, Location::caller())
    }
}
