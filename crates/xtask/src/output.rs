//! What this program prints. Where that cannot be printed, it ends from where it is, and puts away on
//! the way out what it has made, such as a scratch copy.
//!
//! `print!` and `println!` are those of here, not of std, which panic.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::{Error, Result};

/// What could not be printed, and why.
struct Unprinted(Error);

macro_rules! print {
    ($($text:tt)*) => { $crate::output::print(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::output::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes to standard output, or leaves what [`printing`] runs.
pub fn print(text: fmt::Arguments) {
    if let Err(error) = lab::narrate::print(&text.to_string()) {
        // No panic: nobody has made a mistake, so no hook has anything to say.
        resume_unwind(Box::new(Unprinted(error)));
    }
}

/// Runs what prints.
///
/// # Errors
///
/// If it could not print: a sentence that names standard output.
pub fn printing<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| match payload.downcast::<Unprinted>() {
        Ok(unprinted) => unprinted.0,
        Err(panic) => resume_unwind(panic),
    })
}
