//! What threads, processes and messages cost on this machine: the figures that a choice turns on.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::slice::from_raw_parts_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, mpsc};
use std::thread::{Builder, scope};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::Shared;
use lab::child::{Child, LIMIT, explain, explain_io, failed, in_words};
use lab::machine::{allowed_cpus, memory_available};
use lab::proc::read;
use lab::sample::{Contestant, Pinned, Sampling};
use memmap2::{Advice, MmapMut};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::{Pid, pause, pipe, pipe2, write};

use crate::memory::touched;

/// Microseconds or KiB that grow with a size: so much for nothing, and so much for each unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What is to be paid in any case.
    pub fixed: f64,
    /// What each unit adds.
    pub each: f64,
}

impl Line {
    /// The value at a size.
    pub fn at(self, size: f64) -> f64 {
        self.fixed + self.each * size
    }

    /// The line through what was measured at two sizes; it never falls.
    fn through(small: (f64, f64), large: (f64, f64)) -> Line {
        let each = ((large.1 - small.1) / (large.0 - small.0)).max(0.0);
        Line { fixed: (small.1 - each * small.0).max(0.0), each }
    }
}

/// Times are in µs by the clock, while all who take part share one CPU and nobody idles: as good as
/// their CPU time. Memory is in KiB.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Start a thread and join it.
    pub thread: f64,
    /// Fork a process and reap it, by MiB that the parent has touched.
    pub fork: Line,
    /// Start a program and reap it.
    pub program: f64,
    /// Hand a task to a thread that sleeps, and wait for its end.
    pub thread_task: f64,
    /// Hand a task to a process that sleeps, and wait for its end.
    pub process_task: f64,
    /// Find one event with epoll and read it, without any switch.
    pub event: f64,
    /// A message through a pipe, by KiB.
    pub pipe: Line,
    /// A message into shared memory and out of it, by KiB.
    pub shared: Line,
    /// User memory and page tables of one more thread.
    pub thread_kib: f64,
    /// The same of one more forked process, by MiB that the parent has touched.
    pub process_kib: Line,
    /// A task of an event loop with a buffer of 1 KiB.
    pub task_kib: f64,
    /// MiB that this machine has free.
    pub free_mib: f64,
    /// CPUs that may be used.
    pub cpus: f64,
    /// Why the figures are not to be trusted much.
    pub doubt: Option<String>,
}

/// The most memory that is touched to measure a fork, in bytes; beyond it the line is drawn on.
pub const MOST_TOUCHED: f64 = 256.0 * MIB;
/// The smallest message that is measured, in bytes.
const SMALL: usize = 64;
const MIB: f64 = 1048576.0;
/// Threads and processes whose memory is looked at.
const IDLE: usize = 16;

/// Measures all of it, with `memory` bytes touched and messages of `size` bytes as the larger of two
/// points; a quarter of the free memory and 256 MiB are not exceeded, nor 1 MiB of a message.
pub fn measure(sampling: Sampling, memory: f64, size: f64) -> Result<Figures> {
    let bound = (memory_available() / 4).clamp(16 << 20, MOST_TOUCHED as u64) as f64;
    let memory = memory.clamp(16.0 * MIB, bound) as usize;
    let size = size.clamp(16384.0, MIB) as usize;
    let touched = touched(memory)?;
    let (thread_kib, process_kib) = memory_each(&touched)?;

    let _pinned = Pinned::to(*allowed_cpus().last().context("no CPU is allowed")?)?;
    // Both wait in the same call for the same byte: only their address spaces differ.
    let (mut process, process_answers) = desk()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let answering = unsafe { Child::fork(move || answer_all(process_answers)) }?;
    let (mut thread, thread_answers) = desk()?;
    let worker = Builder::new().spawn(move || answer_all(thread_answers));
    let worker = worker.map_err(explain_io("thread"))?;
    let (inside, outside) = pipe2(OFlag::O_NONBLOCK).map_err(explain("pipe"))?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(explain("epoll_create1"))?;
    let (event, eventful) = pipes()?;
    epoll.add(&event, EpollEvent::new(EpollFlags::EPOLLIN, 1)).map_err(explain("epoll_ctl"))?;
    let mut event = File::from(event);
    let both_have = Shared::bytes(size)?;
    // SAFETY: the mapping is that long, stays to the end, and is read and written by this slice alone.
    let slot = unsafe { from_raw_parts_mut(both_have.as_ptr().cast::<u8>().cast_mut(), size) };
    let (message, mut received) = (vec![1; size], vec![0; size]);

    let fork = |advice: Advice| {
        let touched = &touched;
        move || {
            touched.advise(advice).map_err(explain_io("madvise"))?;
            // SAFETY: there is one more thread; the child makes system calls alone, and ends.
            ended(unsafe { Child::fork(|| 0) }?)
        }
    };
    let wake_thread = || hand_over(&mut thread);
    let wake_process = || hand_over(&mut process);
    let find_event = || {
        write(&eventful, &[1]).map_err(explain("write"))?;
        epoll
            .wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO)
            .map_err(explain("epoll_wait"))?;
        event.read_exact(&mut [0]).map_err(explain_io("read"))
    };
    let pipe_small = || through(&inside, &outside, &message[..SMALL], &mut [0; SMALL]);
    let pipe_large = || through(&inside, &outside, &message, &mut received);
    let copied = |slot: &mut [u8], size: usize, kept: &mut [u8]| {
        slot[..size].copy_from_slice(black_box(&message[..size]));
        kept[..size].copy_from_slice(black_box(&slot[..size]));
        black_box(kept);
        anyhow::Ok(())
    };
    let slot = std::cell::RefCell::new((slot, vec![0; size]));
    let shared = |size: usize| {
        let slot = &slot;
        move || {
            let (slot, kept) = &mut *slot.borrow_mut();
            copied(slot, size, kept)
        }
    };
    // ANCHOR: measured
    let rounds = sampling.measure(&mut [
        Contestant::new("a thread", thread_each),
        Contestant::new("a fork", fork(Advice::DontFork)),
        Contestant::new("a fork with memory", fork(Advice::DoFork)),
        Contestant::new("a program", program),
        Contestant::new("a task for a thread", wake_thread),
        Contestant::new("a task for a process", wake_process),
        Contestant::new("an event", find_event),
        Contestant::new("a small message by pipe", pipe_small),
        Contestant::new("a message by pipe", pipe_large),
        Contestant::new("a small message by shared memory", shared(SMALL)),
        Contestant::new("a message by shared memory", shared(size)),
    ])?;
    // ANCHOR_END: measured
    drop(thread);
    ensure!(worker.join().is_ok(), "the thread of the pool panicked");
    drop(answering);
    // Each by its ratio to the first: what others take of the CPU, they take of both alike.
    let of = |index: usize| rounds.microseconds(0).median * rounds.ratio(index, 0).median;
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    let line =
        |small: usize, large: usize| Line::through((kib(SMALL), of(small)), (kib(size), of(large)));
    Ok(Figures {
        thread: of(0),
        fork: Line::through((0.0, of(1)), (memory as f64 / MIB, of(2))),
        program: of(3),
        thread_task: of(4),
        process_task: of(5),
        event: of(6),
        pipe: line(7, 8),
        shared: line(9, 10),
        thread_kib,
        process_kib,
        task_kib: task_size() / 1024.0,
        free_mib: memory_available() as f64 / MIB,
        cpus: allowed_cpus().len() as f64,
        doubt: rounds.doubt().map(str::to_owned),
    })
}

/// Two pipes' ends: where tasks come out or answers, and where the other goes in.
type Desk = (File, File);

/// The ends of who hands tasks over, and of who does them.
fn desk() -> Result<(Desk, Desk)> {
    let ((asked, ask), (answer, answered)) = (pipes()?, pipes()?);
    Ok(((answer.into(), ask.into()), (asked.into(), answered.into())))
}

/// Hands a task to who sleeps in read(2), and waits for the answer.
fn hand_over((answer, ask): &mut Desk) -> Result<()> {
    ask.write_all(&[1]).map_err(explain_io("write"))?;
    answer.read_exact(&mut [0]).map_err(explain_io("read"))
}

/// Answers each byte with a byte, until nobody asks any more.
fn answer_all((mut asked, mut answered): Desk) -> i32 {
    while asked.read_exact(&mut [0]).is_ok() && answered.write_all(&[1]).is_ok() {}
    0
}

fn pipes() -> Result<(OwnedFd, OwnedFd)> {
    pipe().map_err(explain("pipe"))
}

fn thread_each() -> Result<()> {
    let thread = Builder::new().spawn(|| ()).map_err(explain_io("thread"))?;
    thread.join().ok().context("a thread panicked")
}

/// This program itself, which plays a role that does nothing.
fn program() -> Result<()> {
    let mut command = lab::role("choosing", "nothing");
    command.stdin(Stdio::null());
    let program = command.spawn().map_err(explain_io("execve"))?;
    ended(Child::adopt(Pid::from_raw(program.id() as i32)))
}

fn ended(child: Child) -> Result<()> {
    let status = in_words(child.wait()?);
    ensure!(status == "exited with 0", "a child {status}");
    Ok(())
}

/// Writes a message into a pipe and reads it, in as many pieces as the pipe asks for.
fn through(inside: &OwnedFd, outside: &OwnedFd, message: &[u8], received: &mut [u8]) -> Result<()> {
    let (mut sent, mut seen) = (0, 0);
    while seen < message.len() {
        match write(outside, &message[sent..]) {
            Ok(more) => sent += more,
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(explain("write")(errno)),
        }
        while seen < sent {
            seen += nix::unistd::read(inside, &mut received[seen..]).map_err(explain("read"))?;
        }
    }
    Ok(())
}

/// Bytes of a future that keeps a buffer while it waits, as a connection's task does.
fn task_size() -> f64 {
    let task = async {
        let buffer = black_box([0u8; 1024]);
        std::future::pending::<()>().await;
        black_box(buffer);
    };
    size_of_val(&task) as f64
}

/// What one more idle thread and one more idle process hold, in KiB.
fn memory_each(touched: &MmapMut) -> Result<(f64, Line)> {
    touched.advise(Advice::DontFork).map_err(explain_io("madvise"))?;
    let small = idle_process(|| ())?;
    touched.advise(Advice::DoFork).map_err(explain_io("madvise"))?;
    let large = idle_process(|| ())?;
    let mib = touched.len() as f64 / MIB;
    Ok((idle_thread()?, Line::through((0.0, small), (mib, large))))
}

/// What one more idle thread holds, in KiB: private memory and page tables. It is looked at in a new
/// process, which has no stacks left of threads that have ended.
pub fn idle_thread() -> Result<f64> {
    let told = Shared::new(AtomicU64::new(0))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| match idle_threads() {
            Ok(kib) => {
                told.store(kib.to_bits(), Relaxed);
                0
            }
            Err(error) => failed(&error),
        })
    }?;
    ended(child)?;
    Ok(f64::from_bits(told.load(Relaxed)))
}

fn idle_threads() -> Result<f64> {
    let (before, gate) = (holds(Pid::this())?, Mutex::new(()));
    let now = scope(|threads| {
        let closed = gate.lock().ok().context("nobody panics while holding it")?;
        let (tell, told) = mpsc::channel();
        for _ in 0..IDLE {
            let (tell, gate) = (tell.clone(), &gate);
            lab::thread::spawn(threads, "idle", move || {
                let _ = tell.send(());
                drop(gate.lock());
            })?;
        }
        for _ in 0..IDLE {
            told.recv_timeout(LIMIT).context("a thread did not start")?;
        }
        let now = holds(Pid::this());
        drop(closed);
        now
    })?;
    Ok((now - before).max(0.0) / IDLE as f64)
}

/// What a child that was forked from this process, has done its `work` and sleeps, holds, in KiB.
pub fn idle_process(work: impl FnOnce()) -> Result<f64> {
    let (asleep, tell) = pipes()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            work();
            let _ = write(&tell, &[1]);
            loop {
                pause();
            }
        })
    }?;
    drop(tell);
    File::from(asleep).read_exact(&mut [0]).map_err(explain_io("read"))?;
    let held = holds(child.pid())?;
    child.kill()?;
    Ok(held)
}

/// Memory that a process has for itself and its page tables, in KiB, from smaps_rollup and status.
fn holds(pid: Pid) -> Result<f64> {
    let number = |text: &str, key: &str| -> Result<f64> {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .with_context(|| format!("there is no {key} in what the kernel reports"))
    };
    let memory = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let status = read(&format!("/proc/{pid}/status"))?;
    Ok(number(&memory, "Private_Dirty")? + number(&status, "VmPTE")?)
}

/// How long and how often is measured, for so much effort.
pub fn sampling(rounds: usize, batch: Duration) -> Sampling {
    Sampling { rounds, batch, tolerance: 0.25 }
}

impl Figures {
    /// Made-up figures of a plain machine, for tests.
    #[cfg(test)]
    pub fn made_up() -> Figures {
        Figures {
            thread: 25.0,
            fork: Line { fixed: 150.0, each: 20.0 },
            program: 800.0,
            thread_task: 5.0,
            process_task: 6.0,
            event: 1.5,
            pipe: Line { fixed: 1.0, each: 0.2 },
            shared: Line { fixed: 0.02, each: 0.05 },
            thread_kib: 20.0,
            process_kib: Line { fixed: 120.0, each: 2.0 },
            task_kib: 1.1,
            free_mib: 8192.0,
            cpus: 4.0,
            doubt: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_both_points_and_never_falls() {
        let line = Line::through((1.0, 3.0), (5.0, 11.0));
        assert_eq!((line.fixed, line.each, line.at(10.0)), (1.0, 2.0, 21.0));
        let noise = Line::through((1.0, 3.0), (5.0, 2.0));
        assert_eq!((noise.fixed, noise.each), (3.0, 0.0));
    }

    #[test]
    fn a_message_goes_through_a_pipe_that_is_smaller_than_itself() {
        let (inside, outside) = pipe2(OFlag::O_NONBLOCK).unwrap();
        let message: Vec<u8> = (0..300_000).map(|n| n as u8).collect();
        let mut received = vec![0; message.len()];
        through(&inside, &outside, &message, &mut received).unwrap();
        assert_eq!(message, received);
    }
}
