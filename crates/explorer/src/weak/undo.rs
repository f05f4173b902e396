//! What an execution has done to variables that outlive it, is undone with it: to those of the program
//! and of all that is linked to it. `std` keeps things in variables that it makes at their first use,
//! such as the buffer of standard output; the memory of what is made within an execution is given to
//! others in the next, and nothing may refer to it any more.

use std::collections::hash_map::RandomState;
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

use super::program::program;
use crate::panics;

/// Whether no other thread of the operating system has an interest in the variables.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Says whether executions are all that this process is there for: then each begins with its variables
/// as they were before the first. A process whose other threads use variables meanwhile must not say
/// so; without it, an execution must leave nothing in variables that it has made.
pub fn set_alone(alone: bool) {
    ALONE.store(alone, Ordering::Relaxed);
}

/// Whether that was said.
pub fn is_alone() -> bool {
    ALONE.load(Ordering::Relaxed)
}

/// Compared at once.
const BLOCK: usize = 4096;

/// The variables as they were before the first execution.
#[derive(Debug)]
pub struct Before(Vec<(usize, Vec<u8>)>);

impl Before {
    /// Looks at the variables of the program and of the calling thread; `None` if they are not to be
    /// touched, because others have them too.
    pub fn look() -> Option<Before> {
        if !is_alone() {
            return None;
        }
        make_what_std_keeps();
        let copy = |part: Range<usize>| (part.start, bytes(part.start, part.len()).to_vec());
        let program = program();
        Some(Before(program.variables.into_iter().chain([program.of_thread]).map(copy).collect()))
    }

    /// Makes the variables what they were, but for what the explorer has to say of the execution.
    pub fn restore(&self) {
        let kept = panics::variable();
        for (start, before) in &self.0 {
            for (index, before) in before.chunks(BLOCK).enumerate() {
                let start = start + index * BLOCK;
                if bytes(start, before.len()) == before {
                    continue;
                }
                for (offset, byte) in before.iter().enumerate() {
                    let at = start + offset;
                    if !kept.contains(&at) && bytes(at, 1)[0] != *byte {
                        // SAFETY: the byte belongs to a variable, and was written to since: it can be
                        // written. No code of the execution is left that uses it.
                        unsafe { ptr::write_volatile(at as *mut u8, *byte) };
                    }
                }
            }
        }
    }
}

/// Bytes of variables, which nobody changes while they are looked at.
fn bytes<'a>(start: usize, length: usize) -> &'a [u8] {
    // SAFETY: what the linker made variables of is readable as long as the program, or the thread,
    // lives; no execution runs now.
    unsafe { slice::from_raw_parts(start as *const u8, length) }
}

/// What is made once for a process or for a thread is made now, so that it is not taken for memory of
/// the program that is explored, and is the same in each execution.
fn make_what_std_keeps() {
    let _ = (std::io::stdout(), std::io::stderr(), std::io::stdin());
    let _ = (RandomState::new(), std::thread::current());
}
