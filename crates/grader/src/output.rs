//! What this program prints. Whoever reads it may go away at any moment (`cargo grade | head -1`),
//! and a disk may be full. Then this program ends from where it is, and puts back on the way out
//! what it has changed, such as the terminal.
//!
//! `print!` and `println!` are those of here, not of std, which panic.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::{Context, Result};
use nix::sys::signal::{SigHandler, Signal, signal};

/// What could not be printed, and why.
struct Unprinted(io::Error);

macro_rules! print {
    ($($text:tt)*) => { $crate::output::print(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::output::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::complain(format_args!("{}\n", format_args!($($text)*))) };
}

thread_local! {
    /// What this thread would write to standard error, while somebody listens.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Writes to standard error. Nobody is told if that cannot be done.
pub fn complain(text: fmt::Arguments) {
    HEARD.with_borrow_mut(|heard| {
        let _ = match heard {
            Some(heard) => fmt::Write::write_fmt(heard, text).map_err(io::Error::other),
            None => io::stderr().write_fmt(text),
        };
    });
}

/// Runs something, and returns what it would write to standard error, which a screen has no room for.
pub fn listening<T>(run: impl FnOnce() -> T) -> (T, String) {
    HEARD.set(Some(String::new()));
    let result = run();
    (result, HEARD.take().unwrap_or_default())
}

/// Writes to standard output, or leaves what [`printing`] runs.
pub fn print(text: fmt::Arguments) {
    unless_printed(io::stdout().write_fmt(text));
}

/// Writes what standard output still holds back.
pub fn flush() {
    unless_printed(io::stdout().flush());
}

fn unless_printed(result: io::Result<()>) {
    if let Err(error) = result {
        // No panic: nobody has made a mistake, so no hook has anything to say.
        resume_unwind(Box::new(Unprinted(error)));
    }
}

/// A file that may not grow as much (`ulimit -f`) is an error of the call that writes to it, and not
/// the end of this program: see setrlimit(2). Programs that it starts have their signals as usual.
pub fn too_large_is_an_error() {
    extern "C" fn go_on(_: libc::c_int) {}
    // SAFETY: the handler does nothing.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::Handler(go_on)) };
}

/// Runs what prints. `Ok(false)` without a word if its reader has gone, since that is not worth one.
pub fn printing(run: impl FnOnce() -> Result<bool>) -> Result<bool> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let result = run();
        flush();
        result
    }));
    result.unwrap_or_else(|payload| match payload.downcast::<Unprinted>() {
        Ok(unprinted) if unprinted.0.kind() == ErrorKind::BrokenPipe => Ok(false),
        Ok(unprinted) => Err(unprinted.0).context("standard output"),
        Err(panic) => resume_unwind(panic),
    })
}
