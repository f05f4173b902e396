//! The faults that a victim commits, and the work of those that stand by.

use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read, Write};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

/// A way to end badly.
#[derive(Clone, Copy)]
pub struct Fault {
    pub name: &'static str,
    pub commit: fn(),
}

// ANCHOR: faults
pub const NULL_WRITE: Fault = Fault {
    name: "null write",
    commit: || {
        let nowhere: *mut u8 = black_box(std::ptr::null_mut());
        // SAFETY: there is none. Page 0 is never mapped, and the fault is the lesson.
        unsafe { nowhere.write_volatile(1) }
    },
};

pub const ABORT: Fault = Fault { name: "abort", commit: || std::process::abort() };

pub const STACK_OVERFLOW: Fault = Fault { name: "stack overflow", commit: || recurse(0) };

pub const EXIT: Fault = Fault { name: "exit(7)", commit: || std::process::exit(7) };

pub const SIGTERM: Fault =
    Fault { name: "SIGTERM", commit: || send_to_this_thread(Signal::SIGTERM) };

pub const SIGKILL: Fault =
    Fault { name: "SIGKILL", commit: || send_to_this_thread(Signal::SIGKILL) };

pub const PANIC: Fault = Fault { name: "panic", commit: || panic!("the first") };

pub const DOUBLE_PANIC: Fault = Fault {
    name: "double panic",
    commit: || {
        let _panics_when_dropped = Second;
        panic!("the first")
    },
};
// ANCHOR_END: faults

pub const OUT_OF_MEMORY: Fault = Fault {
    name: "out of memory",
    commit: || {
        let _ = setrlimit(Resource::RLIMIT_AS, 256 << 20, 256 << 20);
        loop {
            std::mem::forget(black_box(vec![0_u8; 16 << 20]));
        }
    },
};

/// exit(2) as a raw system call ends one thread, unlike libc's `_exit`, which is exit_group(2).
pub const RAW_EXIT: Fault = Fault {
    name: "SYS_exit",
    commit: || {
        // SAFETY: the thread's stack and thread-local data are never freed and never used again.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    },
};

/// raise(3) is tgkill(2) to the calling thread: the signal is sent to this thread alone.
fn send_to_this_thread(signal: Signal) {
    let _ = default_action(signal);
    let _ = raise(signal);
}

/// A shell may have started this program with the signal ignored.
pub fn default_action(signal: Signal) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of this process.
    unsafe { sigaction(signal, &action) }?;
    [signal].into_iter().collect::<SigSet>().thread_unblock()
}

struct Second;

impl Drop for Second {
    fn drop(&mut self) {
        panic!("the second, while the first unwinds")
    }
}

#[expect(unconditional_recursion, reason = "the stack is meant to overflow")]
fn recurse(depth: u64) {
    let frame = black_box([depth; 128]);
    recurse(frame[0] + 1);
    black_box(frame);
}

/// Waits for the word, does some work, and reports if the result is right. Returns an exit status.
pub fn work(mut go: &PipeReader, mut done: &PipeWriter) -> i32 {
    const UP_TO: u64 = 10_000;
    let right =
        go.read_exact(&mut [0]).is_ok() && (1..=UP_TO).map(black_box).sum::<u64>() == 50_005_000;
    i32::from(!right || done.write_all(b".").is_err())
}
