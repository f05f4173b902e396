//! A futex is a number in memory and a queue in the kernel. Which queue it is, a key decides. For a
//! shared futex in a file's memory the key is the file's inode, the number of the page in it and
//! the offset in the page; for a private one, the address space and the address. (The third kind,
//! a shared futex in anonymous private memory, has the key of a private one: after a fork nobody
//! meets there.)
//!
//! Source: futex(2); the Linux kernel, `include/linux/futex.h`, `union futex_key`.

use std::ops::RangeInclusive;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::child::{Child, LIMIT, explain, explain_io, in_words, late};
use lab::sample::{Comparison, Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use memmap2::MmapRaw;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "futex",
    question: "Can a thread wake a thread of another process?",
    claims: &["cross-process-threads"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let memory = crate::memory::shared(4096)?;
    let first = wake_another_process(&memory, Scope::Shared)?;
    let second = wake_another_process(&memory, Scope::Private)?;
    for Wake { kind, woken, outcome } in [&first, &second] {
        say!("parent", "{kind} wake: the kernel woke {woken}, the child {outcome}");
    }
    let evidence = Evidence::new()
        .fact("shared futex: processes woken", first.woken)
        .fact("shared futex: the sleeper", first.outcome)
        .fact("private futex: processes woken", second.woken)
        .fact("private futex: the sleeper", second.outcome);

    let compared = round_trips(lab, &memory)?;
    let [(_, process), (_, thread)] = &compared.sides;
    let (process, thread) = (process.median, thread.median);
    let place = &compared.place;
    say!("parent", "there and back {place}: process {process:.1} µs, thread {thread:.1} µs");
    match &compared.doubt {
        None => say!(
            "parent",
            "process / thread, in turn: {:.2} ({})",
            compared.ratio.median,
            compared.ratio
        ),
        Some(_) => say!("parent", "too noisy to compare the two"),
    }
    Ok(evidence.compared("futex round trip, processes to threads", &compared))
}

/// What became of a wake-up: its kind, how many the kernel woke, and how the sleep ended.
struct Wake {
    kind: &'static str,
    woken: i64,
    outcome: String,
}

/// Lets a child sleep on a word and wakes it. Returns how many the kernel says it woke, and how
/// the child's sleep ended.
fn wake_another_process(memory: &MmapRaw, scope: Scope) -> Result<Wake> {
    let word = word(memory, 0);
    word.store(0, Relaxed);
    // Long where a wake-up will come, short where only the time-out will.
    let patience = Duration::from_millis(if scope == Scope::Shared { 5000 } else { 250 });
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            word.store(1, Release);
            sleep(word, 1, scope, Some(patience)).map_or_else(|errno| errno as i32, |()| 0)
        })
    }?;
    wait_until_asleep(&child, || word.load(Acquire) != 0)?;
    word.store(2, Release);
    let woken = wake(word, 1, scope);
    Errno::result(woken).map_err(explain("futex"))?;
    let outcome = match child.wait()? {
        WaitStatus::Exited(_, 0) => "was woken".to_owned(),
        WaitStatus::Exited(_, libc::ETIMEDOUT) => {
            format!("slept for {} ms", patience.as_millis())
        }
        WaitStatus::Exited(_, errno) => format!("got {:?}", Errno::from_raw(errno)),
        status => bail!("the child {}", in_words(status)),
    };
    Ok(Wake { kind: scope.name(), woken, outcome })
}

/// Round trips to a process and to a thread, by the same shared futexes, measured in turn on one
/// CPU: the asker sleeps once in each.
fn round_trips(lab: &Lab, memory: &MmapRaw) -> Result<Comparison> {
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
        let asking =
            |name, word| Contestant::new(name, move || ask(word, ASKED)).switching(ONE_SLEEP);
        let rounds = Rounds::measure(
            lab.by_effort(5, 9, 31),
            Duration::from_millis(lab.by_effort(2, 5, 10)),
            &mut [
                asking("futex round trip, processes", to_process),
                asking("futex round trip, threads", to_thread),
            ],
        );
        // Both are told, even if one does not answer.
        [to_thread, to_process].map(|word| ask(word, STOP)).into_iter().collect::<Result<()>>()?;
        rounds
    })?;
    child.wait()?;
    let mut compared = rounds.compare(0, 1);
    if compared.ratio.p90 > 5.0 * compared.ratio.p10 {
        // The CPU was somebody else's now and then.
        compared.doubt.get_or_insert(format!("too noisy: the ratio swings, {}", compared.ratio));
    }
    Ok(compared)
}

/// How often the asker loses its CPU in a round trip on one CPU.
const ONE_SLEEP: RangeInclusive<f64> = 0.95..=1.2;
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
    lab::proc::must_be_shown()?;
    let stat = lab::proc::read(&format!("/proc/{pid}/stat"))?;
    Ok(stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')))
}

/// Who can meet at a futex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who has the page mapped.
    Shared,
    /// The threads of one process; cheaper, because the kernel needs no page for the key.
    Private,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Scope::Shared => "shared",
            Scope::Private => "private",
        }
    }

    fn flag(self) -> libc::c_int {
        match self {
            Scope::Shared => 0,
            Scope::Private => libc::FUTEX_PRIVATE_FLAG,
        }
    }
}

/// Sleeps while `word` holds `value`, for at most `limit`. May return early: look at the word.
pub fn wait(word: &AtomicU32, value: u32, scope: Scope, limit: Option<Duration>) {
    let _ = sleep(word, value, scope, limit);
}

/// The same; `ETIMEDOUT` if nobody woke it in time, `EAGAIN` if the word held something else.
fn sleep(word: &AtomicU32, value: u32, scope: Scope, limit: Option<Duration>) -> nix::Result<()> {
    let limit = limit.map(TimeSpec::from_duration);
    let limit = limit.as_ref().map_or(std::ptr::null(), |limit| std::ptr::from_ref(limit.as_ref()));
    let operation = libc::FUTEX_WAIT | scope.flag();
    // SAFETY: the kernel reads the word and the time, which are valid during the call.
    let outcome = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, limit) };
    Errno::result(outcome).map(drop)
}

/// Wakes at most `count` of those who sleep on `word`; returns how many there were.
pub fn wake(word: &AtomicU32, count: i32, scope: Scope) -> i64 {
    let operation = libc::FUTEX_WAKE | scope.flag();
    // SAFETY: the kernel uses the word's address and does not touch what is there.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, count) }
}
