//! A futex is a number in memory and a queue in the kernel. Whose queue it is, the address
//! decides: the page frame of a shared one, the address space of a private one.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, explain_io, late};
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use memmap2::MmapRaw;
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "futex",
    question: "Can a thread wake a thread of another process?",
    claims: &["cross-process-threads"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let memory = crate::memory::shared(4096)?;
    let shared = wake_another_process(&memory, Scope::Shared)?;
    let private = wake_another_process(&memory, Scope::Private)?;

    let (process, thread, ratio) = round_trips(lab, &memory)?;
    say!("parent", "there and back on one CPU: {:.1} µs to a process", process.median);
    say!("parent", "and {:.1} µs to a thread of this one", thread.median);
    Ok(Evidence::new()
        .fact("shared futex: processes woken", shared)
        .fact("private futex: processes woken", private)
        .sampled("futex round trip, processes", process, "µs")
        .sampled("futex round trip, threads", thread, "µs")
        .sampled("futex round trip, processes to threads", ratio, ""))
}

/// Lets a child sleep on a word, wakes it, and returns how many the kernel says it woke.
fn wake_another_process(memory: &MmapRaw, scope: Scope) -> Result<i64> {
    let word = word(memory, 0);
    word.store(0, Relaxed);
    // Long where a wake-up will come, short where only the time-out will.
    let patience = if scope == Scope::Shared { 5000 } else { 250 };
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            word.store(1, Release);
            wait(word, 1, scope, Some(Duration::from_millis(patience)));
            i32::from(word.load(Acquire) != 2)
        })
    }?;
    wait_until_asleep(&child, || word.load(Acquire) != 0)?;
    word.store(2, Release);
    let woken = wake(word, 1, scope);
    child.wait()?;
    say!(
        "parent",
        "{} wake: the kernel woke {woken}, the child went on {}",
        if scope == Scope::Shared { "shared" } else { "private" },
        if woken > 0 { "at once" } else { "by its time-out only" }
    );
    Ok(woken)
}

/// Round trips to a process and to a thread, by the same shared futexes, measured in turn.
fn round_trips(lab: &Lab, memory: &MmapRaw) -> Result<(lab::Summary, lab::Summary, lab::Summary)> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let (to_process, to_thread) = (word(memory, 1), word(memory, 2));
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            answer(to_process);
            0
        })
    }?;
    let rounds = std::thread::scope(|threads| {
        std::thread::Builder::new()
            .spawn_scoped(threads, || answer(to_thread))
            .map_err(explain_io("thread"))?;
        let rounds = Rounds::measure(
            lab.by_effort(5, 9, 31),
            Duration::from_millis(lab.by_effort(2, 5, 10)),
            &mut [
                Contestant::new("process", || ask(to_process, ASKED)),
                Contestant::new("thread", || ask(to_thread, ASKED)),
            ],
        );
        // Both are told, even if one does not answer.
        [to_thread, to_process].map(|word| ask(word, STOP)).into_iter().collect::<Result<()>>()?;
        rounds
    })?;
    child.wait()?;
    Ok((rounds.microseconds(0), rounds.microseconds(1), rounds.ratio(0, 1)))
}

const IDLE: u32 = 0;
const ASKED: u32 = 1;
const STOP: u32 = 2;

/// Writes a question, wakes the other side and sleeps until it has answered.
fn ask(word: &AtomicU32, question: u32) -> Result<()> {
    word.store(question, Release);
    wake(word, 1, Scope::Shared);
    let mut limit = TimeLimit::new(LIMIT);
    while word.load(Acquire) == question {
        wait(word, question, Scope::Shared, Some(TimeLimit::SLICE));
        if limit.is_over() {
            return Err(late("nobody answered"));
        }
    }
    Ok(())
}

/// Answers questions until one says to stop.
fn answer(word: &AtomicU32) {
    loop {
        match word.load(Acquire) {
            IDLE => wait(word, IDLE, Scope::Shared, None),
            question => {
                word.store(IDLE, Release);
                wake(word, 1, Scope::Shared);
                if question == STOP {
                    return;
                }
            }
        }
    }
}

fn word(memory: &MmapRaw, index: usize) -> &AtomicU32 {
    // SAFETY: the page is mapped as long as `memory` lives and is only used as atomics; the
    // stride keeps each word on a cache line of its own.
    unsafe { &*memory.as_ptr().add(index * 128).cast() }
}

/// Waits until a child has come so far, and sleeps.
pub(crate) fn wait_until_asleep(child: &Child, so_far: impl Fn() -> bool) -> Result<()> {
    let mut limit = TimeLimit::new(LIMIT / 2);
    while !so_far() || !sleeps(child.pid())? {
        if limit.is_over() {
            return Err(late(&format!("child {} did not come to wait", child.pid())));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// Whether a process is asleep, proc_pid_stat(5).
pub(crate) fn sleeps(pid: Pid) -> Result<bool> {
    let stat = lab::proc::read(&format!("/proc/{pid}/stat"))?;
    Ok(stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')))
}

/// Who can meet at a futex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who has the page mapped.
    Shared,
    /// The threads of one process; cheaper, because the kernel need not look up the page.
    Private,
}

impl Scope {
    fn flag(self) -> libc::c_int {
        match self {
            Scope::Shared => 0,
            Scope::Private => libc::FUTEX_PRIVATE_FLAG,
        }
    }
}

/// Sleeps while `word` holds `value`, for at most `limit`. May return early: look at the word.
pub fn wait(word: &AtomicU32, value: u32, scope: Scope, limit: Option<Duration>) {
    let limit = limit.map(TimeSpec::from_duration);
    let limit = limit.as_ref().map_or(std::ptr::null(), |limit| std::ptr::from_ref(limit.as_ref()));
    let operation = libc::FUTEX_WAIT | scope.flag();
    // SAFETY: the kernel reads the word and the time, which are valid during the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, limit) };
}

/// Wakes at most `count` of those who sleep on `word`; returns how many there were.
pub fn wake(word: &AtomicU32, count: i32, scope: Scope) -> i64 {
    let operation = libc::FUTEX_WAKE | scope.flag();
    // SAFETY: the kernel uses the word's address and does not touch what is there.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, count) }
}
