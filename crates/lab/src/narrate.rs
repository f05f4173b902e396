//! Narration: one sentence, one `write(2)`, and one event in the trace.
//!
//! Everything here works in a forked child of a process with threads: no lock is taken and
//! nothing is allocated.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;

static QUIET: AtomicBool = AtomicBool::new(false);
static COLOUR: AtomicBool = AtomicBool::new(false);
static TRACE: AtomicI32 = AtomicI32::new(-1);

/// Longest line in bytes; the rest of a longer sentence is cut.
const LINE: usize = 1024;

/// A buffer on the stack that cuts what does not fit.
pub(crate) struct Line {
    bytes: [u8; LINE],
    used: usize,
}

impl Line {
    pub(crate) fn new() -> Line {
        Line { bytes: [0; LINE], used: 0 }
    }

    /// Hands the line to the kernel in one piece; `false` if it was not taken whole.
    pub(crate) fn write_to(&self, fd: RawFd) -> bool {
        loop {
            // SAFETY: the buffer is valid for `used` bytes for the duration of the call.
            let written = unsafe { libc::write(fd, self.bytes.as_ptr().cast(), self.used) };
            if written == -1 && nix::errno::Errno::last_raw() == libc::EINTR {
                continue;
            }
            return written == self.used as isize;
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is kept for the newline.
        let room = LINE - 1 - self.used;
        let mut take = text.len().min(room);
        while !text.is_char_boundary(take) {
            take -= 1;
        }
        self.bytes[self.used..self.used + take].copy_from_slice(&text.as_bytes()[..take]);
        self.used += take;
        Ok(())
    }
}

impl Line {
    fn end(&mut self) {
        self.bytes[self.used] = b'\n';
        self.used += 1;
    }
}

/// Sets up this process's narration; called once before any experiment runs.
pub(crate) fn set_up(quiet: bool, colour: bool, trace: Option<RawFd>) {
    QUIET.store(quiet, Relaxed);
    COLOUR.store(colour, Relaxed);
    TRACE.store(trace.unwrap_or(-1), Relaxed);
}

/// Whether roles are coloured here.
pub(crate) fn in_colour() -> bool {
    COLOUR.load(Relaxed)
}

/// Prints `[role tid] sentence` and records it in the trace. Use [`say!`](crate::say).
pub fn say(role: &'static str, sentence: fmt::Arguments<'_>) {
    event(role, "i", sentence);
    if QUIET.load(Relaxed) {
        return;
    }
    let mut line = Line::new();
    let tid = nix::unistd::gettid();
    let _ = if COLOUR.load(Relaxed) {
        let hue = 31 + role.bytes().fold(0u32, |sum, byte| sum + u32::from(byte)) % 6;
        write!(line, "\x1b[{hue}m[{role:<8} {tid}]\x1b[0m {sentence}")
    } else {
        write!(line, "[{role:<8} {tid}] {sentence}")
    };
    line.end();
    line.write_to(libc::STDOUT_FILENO);
}

/// A stretch of time in the trace; it ends when the value is dropped.
#[must_use = "the stretch ends when this value is dropped"]
pub struct Span {
    role: &'static str,
}

impl Span {
    /// Says the sentence and begins the stretch. Use [`span!`](crate::span).
    pub fn begin(role: &'static str, sentence: fmt::Arguments<'_>) -> Span {
        say(role, sentence);
        event(role, "B", sentence);
        Span { role }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        event(self.role, "E", format_args!(""));
    }
}

/// Says one sentence: `say!("parent", "child {pid} exited with {status}")`.
#[macro_export]
macro_rules! say {
    ($role:expr, $($sentence:tt)+) => { $crate::narrate::say($role, format_args!($($sentence)+)) };
}

/// Says one sentence and returns the [`Span`] that it begins.
#[macro_export]
macro_rules! span {
    ($role:expr, $($sentence:tt)+) => {
        $crate::narrate::Span::begin($role, format_args!($($sentence)+))
    };
}

thread_local! {
    static INTRODUCED: Cell<(i32, usize)> = const { Cell::new((0, 0)) };
}

/// Writes one Chrome trace event (the JSON array format that Perfetto opens) in one `write(2)`.
fn event(role: &'static str, phase: &str, name: fmt::Arguments<'_>) {
    let fd = TRACE.load(Relaxed);
    if fd < 0 {
        return;
    }
    let (pid, tid) = (nix::unistd::getpid(), nix::unistd::gettid());
    let me = (tid.as_raw(), role.as_ptr() as usize);
    if INTRODUCED.replace(me) != me {
        let mut line = Line::new();
        let _ = write!(
            line,
            r#"{{"ph":"M","name":"thread_name","pid":{pid},"tid":{tid},"args":{{"name":"{role} {tid}"}}}},"#
        );
        line.end();
        line.write_to(fd);
    }
    let now = monotonic();
    let mut line = Line::new();
    let _ = write!(
        line,
        r#"{{"ph":"{phase}","ts":{}.{:03},"pid":{pid},"tid":{tid},"cat":"{role}"{},"name":""#,
        now.as_micros(),
        now.subsec_nanos() % 1000,
        if phase == "i" { r#","s":"t""# } else { "" },
    );
    let _ = write!(Escape(&mut line), "{name}");
    let _ = line.write_str("\"},");
    line.end();
    line.write_to(fd);
}

/// Writes text as the inside of a JSON string, and leaves room for the event's end.
struct Escape<'a>(&'a mut Line);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.used > LINE - 16 {
                break;
            }
            match character {
                '"' => self.0.write_str("\\\"")?,
                '\\' => self.0.write_str("\\\\")?,
                control if control < ' ' => self.0.write_str(" ")?,
                other => self.0.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The time since boot that `CLOCK_MONOTONIC` shows, the same in all processes.
fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writes; CLOCK_MONOTONIC exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
