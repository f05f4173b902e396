//! What becomes of a thread that needs more stack than it has, tried in child processes.

use std::hint::black_box;
use std::io::{Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, explain_thread, failed, in_words, no_core_dump};
use lab::{Evidence, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::WaitStatus;

const STACK: usize = 256 * 1024;

/// Overflows a stack in small steps, then by one large one.
pub fn overflow() -> Result<Evidence> {
    let recursion = with_a_small_stack(|| _ = black_box(recurse(0)))?;
    say!("main", "in child processes, a thread has a stack of {} KiB:", STACK / 1024);
    say!("main", "  recursion without end: {}", recursion.tell());
    let large = with_a_small_stack(one_large_local)?;
    let size = match 4 * STACK % (1 << 20) {
        0 => format!("{} MiB", (4 * STACK) >> 20),
        _ => format!("{} KiB", 4 * STACK / 1024),
    };
    say!("main", "  1 byte of a {size} local: {}", large.tell());
    Ok(Evidence::new()
        .fact("endless recursion: the process", recursion.status.as_str())
        .fact("endless recursion: Rust names the overflow", recursion.named)
        .fact("large local: the process", large.status.as_str())
        .fact("large local: Rust names the overflow", large.named))
}

// ANCHOR: overflow
#[allow(unconditional_recursion, reason = "it ends at the guard, which is the lesson")]
fn recurse(depth: usize) -> usize {
    let here = black_box([depth; 64]);
    recurse(depth + 1) + here[0]
}

#[inline(never)]
fn one_large_local() {
    let mut large = MaybeUninit::<[u8; 4 * STACK]>::uninit();
    // SAFETY: the lowest byte of the local is valid for a write.
    unsafe { black_box(large.as_mut_ptr()).cast::<u8>().write_volatile(1) };
}
// ANCHOR_END: overflow

/// What was seen of a child process.
struct Seen {
    status: String,
    /// Whether Rust's handler found the address in the thread's guard, and said so.
    named: bool,
}

impl Seen {
    fn tell(&self) -> String {
        let named = if self.named { " at the guard" } else { "" };
        format!("{}{named}", self.status)
    }
}

/// Runs `body` in a child process, in a thread with a small stack.
fn with_a_small_stack(body: fn()) -> Result<Seen> {
    let words = memfd_create(c"stderr", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    // SAFETY: every thread was joined, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            no_core_dump();
            libc::dup2(words.as_raw_fd(), libc::STDERR_FILENO);
            let small = thread::Builder::new().name("small".to_owned()).stack_size(STACK);
            match small.spawn(body) {
                Ok(small) => i32::from(small.join().is_err()),
                Err(error) => failed(&explain_thread(STACK)(error)),
            }
        })
    }?;
    let pid = child.pid();
    let status = child.wait()?;
    ensure!(status != WaitStatus::Exited(pid, 1), "the process could not make its thread");
    let mut words = std::fs::File::from(words);
    let mut said = String::new();
    words.rewind().context("lseek")?;
    words.read_to_string(&mut said).context("read")?;
    Ok(Seen { status: in_words(status), named: said.contains("has overflowed its stack") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_is_told_of_where_it_was_seen() {
        let told = |named| Seen { status: "was ended by SIGSEGV".to_owned(), named }.tell();
        assert_eq!(told(true), "was ended by SIGSEGV at the guard");
        assert_eq!(told(false), "was ended by SIGSEGV");
    }
}
