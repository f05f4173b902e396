//! Trace events: what happens when in which process and thread, a line each, in one `write(2)`.
//!
//! Each process notes what it knows: what it tells, that it began, whom it signals and reaps. The
//! program that starts the experiments makes a whole of it at the end; see `trace::complete`.
//! Everything here works in a forked child of a process with threads: no lock is taken and nothing
//! is allocated. Without `--trace` nothing is done.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, getpid, getppid, gettid};

use crate::narrate::Line;

static FILE: AtomicI32 = AtomicI32::new(-1);

/// So long a time is noted as a wait; a call that takes less has hardly waited.
const WAITED: Duration = Duration::from_micros(50);

/// Who is about to make a process or thread, and when.
#[derive(Clone, Copy)]
pub(crate) struct Maker {
    at: Duration,
    pid: Pid,
    tid: Pid,
}

impl Maker {
    fn now() -> Maker {
        Maker { at: monotonic(), pid: getpid(), tid: gettid() }
    }
}

thread_local! {
    /// The process and thread whose birth this thread has noted.
    static NOTED: Cell<(i32, i32)> = const { Cell::new((0, 0)) };
    /// In a forked child, the fork(3) by which it was made.
    static FORK: Cell<Option<Maker>> = const { Cell::new(None) };
    /// Notes the end of a thread.
    static END: End = const { End };
}

struct End;

impl Drop for End {
    fn drop(&mut self) {
        if getpid() != gettid() {
            note("thread ends", format_args!("{{}}"));
        }
    }
}

/// Begins to write events into this file, if there is one.
pub(crate) fn set_up(file: Option<i32>) {
    FILE.store(file.unwrap_or(-1), Relaxed);
    if is_on() {
        // SAFETY: the handlers read the clock and write to memory of this thread.
        unsafe { libc::pthread_atfork(Some(about_to_fork), Some(has_forked), None) };
    }
}

extern "C" fn about_to_fork() {
    FORK.set(Some(Maker::now()));
}

extern "C" fn has_forked() {
    FORK.set(None);
}

pub(crate) fn is_on() -> bool {
    FILE.load(Relaxed) >= 0
}

/// Notes who is about to make a thread, for [`begin_thread`] in that thread.
pub(crate) fn maker() -> Option<Maker> {
    is_on().then(Maker::now)
}

/// Notes that this thread has begun, who has made it, and what it is called.
pub(crate) fn begin_thread(maker: Option<Maker>) {
    if is_on() {
        born("thread", maker, None);
        if let Some(called) = std::thread::current().name() {
            let mut name: Line = Line::new();
            let _ = write!(Escape(&mut name), "{called}");
            note("thread name", format_args!(r#"{{"name":"{}"}}"#, name.text()));
        }
    }
}

/// Notes that this process has begun to run a program, which `parent` has started.
pub(crate) fn begin_program(parent: Pid) {
    if is_on() {
        born("program", None, Some(parent));
    }
}

/// Notes that this thread or forked process has begun, unless that was noted.
pub(crate) fn begin() {
    if !is_on() || NOTED.get() == (getpid().as_raw(), gettid().as_raw()) {
        return;
    }
    let is_process = getpid() == gettid();
    match FORK.get().filter(|maker| is_process && maker.pid == getppid()) {
        Some(maker) => born("fork", Some(maker), None),
        None if is_process => born("began", None, Some(getppid())),
        None => born("began", None, None),
    }
}

fn born(how: &str, maker: Option<Maker>, parent: Option<Pid>) {
    NOTED.set((getpid().as_raw(), gettid().as_raw()));
    if getpid() != gettid() {
        END.with(|_| ());
    }
    match (maker, parent) {
        (Some(Maker { at, pid, tid }), _) => {
            let (us, ns) = parts(at);
            let by = format_args!(r#""by_pid":{pid},"by_tid":{tid},"at":{us}.{ns:03}"#);
            note("born", format_args!(r#"{{"how":"{how}",{by}}}"#));
        }
        (None, Some(parent)) => {
            note("born", format_args!(r#"{{"how":"{how}","by_pid":{parent}}}"#));
        }
        (None, None) => note("born", format_args!(r#"{{"how":"{how}"}}"#)),
    }
}

/// Notes what this process runs, which starts experiments.
pub(crate) fn package(name: &str) {
    note("package", format_args!(r#"{{"name":"{name}"}}"#));
}

/// Notes that this thread has started a process in another way than by fork(2).
pub(crate) fn adopted(child: Pid) {
    note("adopted", format_args!(r#"{{"child":{child}}}"#));
}

/// Notes that this process ends with a status, where it has told something.
pub(crate) fn exits(status: i32) {
    if NOTED.get() == (getpid().as_raw(), gettid().as_raw()) {
        note("exits", format_args!(r#"{{"how":"exited with {status}"}}"#));
    }
}

/// Notes that this thread sends a signal.
pub(crate) fn signals(to: Pid, signal: Signal) {
    note("signal", format_args!(r#"{{"to":{to},"signal":"{signal}"}}"#));
}

/// Notes how a child has ended, which this thread has reaped.
pub(crate) fn reaped(status: WaitStatus) {
    match status {
        WaitStatus::Exited(pid, code) => {
            note_of("ended", pid, pid, format_args!(r#"{{"how":"exited with {code}"}}"#));
        }
        WaitStatus::Signaled(pid, signal, _) => {
            let args = format_args!(r#"{{"how":"was ended by {signal}","killed":true}}"#);
            note_of("ended", pid, pid, args);
        }
        _ => {}
    }
}

/// Notes something of this thread that is completed later; `args` is a JSON object.
fn note(name: &str, args: fmt::Arguments<'_>) {
    note_of(name, getpid(), gettid(), args);
}

fn note_of(name: &str, pid: Pid, tid: Pid, args: fmt::Arguments<'_>) {
    if !is_on() {
        return;
    }
    let (us, ns) = parts(monotonic());
    let mut line: Line = Line::new();
    let _ = write!(
        line,
        r#"{{"ph":"M","name":"{name}","ts":{us}.{ns:03},"pid":{pid},"tid":{tid},"args":{args}}},"#
    );
    line.end();
    line.write_to(FILE.load(Relaxed));
}

/// Microseconds, and the nanoseconds after the point.
fn parts(time: Duration) -> (u128, u32) {
    (time.as_micros(), time.subsec_nanos() % 1000)
}

/// Writes an event that is told in a role: `i`, `B` or `E`.
pub(crate) fn told(role: &str, phase: &str, name: fmt::Arguments<'_>) {
    if is_on() {
        begin();
        let scope = if phase == "i" { r#","s":"t""# } else { "" };
        write(phase, monotonic(), role, format_args!("{scope}"), name);
    }
}

/// Begins the slice of an experiment.
pub(crate) fn experiment_begins(name: &str, question: &str) {
    let mut asks: Line = Line::new();
    let _ = write!(Escape(&mut asks), "{question}");
    let args = format_args!(r#","args":{{"question":"{}"}}"#, asks.text());
    write("B", monotonic(), trace::EXPERIMENT, args, format_args!("{name}"));
}

/// Ends it.
pub(crate) fn experiment_ends(name: &str) {
    write("E", monotonic(), trace::EXPERIMENT, format_args!(""), format_args!("{name}"));
}

/// Writes one end of an arrow: `s` or `f`. Both ends know it by its key.
pub(crate) fn arrow(kind: &str, phase: &str, key: fmt::Arguments<'_>) {
    if is_on() {
        begin();
        let mut id: Line = Line::new();
        let _ = write!(Escape(&mut id), "{key}");
        let id = format_args!(r#","id":"{}""#, id.text());
        write(phase, monotonic(), "flow", id, format_args!("{kind}"));
    }
}

/// Notes in a trace what a counter shows, such as the page faults of this process.
pub fn counted(name: &str, shows: u64) {
    if is_on() {
        begin();
        let args = format_args!(r#","args":{{"shows":{shows}}}"#);
        write("C", monotonic(), trace::COUNT, args, format_args!("{name}"));
    }
}

/// A stretch that no role tells of: a wait, a measurement. It is noted when it is over, if it took
/// long enough to be seen.
pub(crate) struct Stretch(Option<Duration>);

impl Stretch {
    pub(crate) fn begin() -> Stretch {
        Stretch(is_on().then(monotonic))
    }

    /// Ends it in a category, `UNTOLD` or `WORK` of the crate `trace`.
    pub(crate) fn end(self, category: &str, name: fmt::Arguments<'_>) {
        let Some(from) = self.0 else { return };
        let took = monotonic().saturating_sub(from);
        if took >= WAITED {
            begin();
            let (us, ns) = parts(took);
            write("X", from, category, format_args!(r#","dur":{us}.{ns:03}"#), name);
        }
    }
}

fn write(
    phase: &str,
    at: Duration,
    category: &str,
    more: fmt::Arguments<'_>,
    name: fmt::Arguments<'_>,
) {
    if !is_on() {
        return;
    }
    let ((us, ns), pid, tid) = (parts(at), getpid(), gettid());
    let mut line: Line = Line::new();
    let _ = write!(
        line,
        r#"{{"ph":"{phase}","ts":{us}.{ns:03},"pid":{pid},"tid":{tid},"cat":"{category}"{more}"#
    );
    let _ = line.write_str(r#","name":""#);
    let _ = write!(Escape(&mut line), "{name}");
    let _ = line.write_str("\"},");
    line.end();
    line.write_to(FILE.load(Relaxed));
}

/// Writes text as the inside of a JSON string, and leaves room for the event's end.
struct Escape<'a>(&'a mut Line);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.is_nearly_full() {
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
