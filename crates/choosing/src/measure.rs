//! Measures what threads, processes and messages cost on this machine, all in turn on one CPU.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::slice::from_raw_parts_mut;
use std::thread::Builder;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::Shared;
use lab::child::{Child, explain, explain_io, explain_spawn, in_words};
use lab::machine::{Busy, allowed_cpus, memory_available};
use lab::sample::{Contestant, Pinned, Sampling};
use memmap2::Advice;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, pipe, pipe2, write};

use crate::figures::{Figures, Line, Measured, ThereAndBack};
use crate::memory::{idle_process, idle_python, idle_thread, own_of_process, touched};

const MIB: f64 = 1048576.0;
/// The most memory that is touched to measure a fork, in bytes.
const MOST_TOUCHED: f64 = 256.0 * MIB;
/// The largest message that is measured, in bytes.
const LARGEST: f64 = MIB;
/// The smallest one of two, unless it is smaller still.
const SMALL: usize = 64;
/// The most that is sent to a process and back, in bytes.
const MOST_SENT: f64 = 16.0 * MIB;

/// The sizes that matter, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// What the parent has touched.
    pub memory: f64,
    /// A message.
    pub message: f64,
    /// What all use.
    pub shared: f64,
    /// Whether a process of Python is looked at, too.
    pub python: bool,
}

/// Measures all of it, at these sizes or as near to them as [`MOST_TOUCHED`], a quarter of the free
/// memory, [`LARGEST`] and [`MOST_SENT`] allow.
pub fn measure(sampling: Sampling, sizes: Sizes) -> Result<Measured> {
    let watch = Busy::begin();
    let bound = (memory_available() / 4).clamp(16 << 20, MOST_TOUCHED as u64) as f64;
    let memory = sizes.memory.clamp(16.0 * MIB, bound) as usize;
    let size = sizes.message.clamp(16384.0, LARGEST) as usize;
    let small = (sizes.message as usize).clamp(1, SMALL);
    let sent = sizes.shared.min(MOST_SENT) as usize;
    let python = if sizes.python { idle_python()? } else { None };
    let sending = (touched(sent.max(1))?, touched(sent.max(1))?);
    let touched = touched(memory)?;
    let idle_thread = idle_thread()?;
    touched.advise(Advice::DontFork).map_err(explain_io("madvise"))?;
    let idle_process = idle_process()?;
    touched.advise(Advice::DoFork).map_err(explain_io("madvise"))?;
    let with_memory = own_of_process(|| ())? - idle_process.own;

    let cpus = allowed_cpus();
    let pinned = Pinned::to(*cpus.last().context("no CPU is allowed")?)?;
    // Both wait in the same call for the same byte: only their address spaces differ.
    let (mut process, process_answers) = desk()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let answering = unsafe { Child::fork(move || answer_all(process_answers)) }?;
    let (mut far, far_answers) = desk()?;
    // SAFETY: as before.
    let sending_back = unsafe { Child::fork(move || send_back(far_answers, sent)) }?;
    let mut others = Vec::new();
    for child in [&answering, &sending_back] {
        let clock = ClockId::pid_cpu_clock_id(child.pid());
        others.push(clock.map_err(explain("clock_getcpuclockid"))?);
    }
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
    let pipe_small = || through(&inside, &outside, &message[..small], &mut [0; SMALL][..small]);
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
    // A fork is not to copy their page tables.
    let (data, mut back) = sending;
    for memory in [&data, &back] {
        memory.advise(Advice::DontFork).map_err(explain_io("madvise"))?;
    }
    let send_there_and_back = || {
        far.1.write_all(black_box(&data)).map_err(explain_io("write"))?;
        far.0.read_exact(&mut back).map_err(explain_io("read"))
    };
    // ANCHOR: measured
    // What others take of the CPU meanwhile is not in it, and nobody who takes part ever waits idly.
    let now = || cpu_time(&others);
    let mut all = vec![
        Contestant::by_clock("a thread", now, thread_each),
        Contestant::by_clock("a fork", now, fork(Advice::DontFork)),
        Contestant::by_clock("a fork with memory", now, fork(Advice::DoFork)),
        Contestant::by_clock("a program", now, program),
        Contestant::by_clock("a task for a thread", now, wake_thread),
        Contestant::by_clock("a task for a process", now, wake_process),
        Contestant::by_clock("an event", now, find_event),
        Contestant::by_clock("a small message by pipe", now, pipe_small),
        Contestant::by_clock("a message by pipe", now, pipe_large),
        Contestant::by_clock("a small message by shared memory", now, shared(small)),
        Contestant::by_clock("a message by shared memory", now, shared(size)),
    ];
    if sent > 0 {
        all.push(Contestant::by_clock("there and back", now, send_there_and_back));
    }
    let rounds = sampling.measure(&mut all)?;
    drop(all);
    // ANCHOR_END: measured
    drop(thread);
    ensure!(worker.join().is_ok(), "the thread of the pool panicked");
    drop((answering, sending_back));
    // The look at the machine is at all CPUs again.
    drop(pinned);
    let spread = |index: usize| {
        // By its ratio to the first: what slows the machine for a while slows both.
        let median = rounds.microseconds(0).median * rounds.ratio(index, 0).median;
        let own = rounds.microseconds(index);
        [own.p10.min(median), median, own.p90.max(median)]
    };
    let (kib, mib) = (|bytes: usize| bytes as f64 / 1024.0, memory as f64 / MIB);
    let at = |end: usize| {
        let of = |index: usize| spread(index)[end];
        let of_sizes =
            |few: usize, many: usize| Line::through((kib(small), of(few)), (kib(size), of(many)));
        let process = idle_process.all()[end];
        let far = || ThereAndBack { bytes: sent as f64, took: of(11) };
        Figures {
            thread: of(0),
            fork: Line::through((0.0, of(1)), (mib, of(2))),
            program: of(3),
            thread_task: of(4),
            process_task: of(5),
            event: of(6),
            pipe: of_sizes(7, 8),
            shared: of_sizes(9, 10),
            thread_kib: idle_thread.all()[end],
            process_kib: Line::through((0.0, process), (mib, process + with_memory)),
            thread_in_kernel: idle_thread.in_kernel()[end],
            process_in_kernel: idle_process.in_kernel()[end],
            python_kib: python.map(|own| own + idle_process.in_kernel()[end]),
            task_kib: task_size() / 1024.0,
            free_mib: memory_available() as f64 / MIB,
            cpus: cpus.len() as f64,
            there_and_back: (sent > 0).then(far),
        }
    };
    let doubt = rounds.doubt().map(str::to_owned);
    Ok(Measured { low: at(0), figures: at(1), high: at(2), doubt, busy: watch.so_far() })
}

/// The CPU time of this process, of its children that have ended, and of these.
fn cpu_time(others: &[ClockId]) -> Result<Duration> {
    let ended = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(explain("getrusage"))?;
    let ended = ended.user_time().num_microseconds() + ended.system_time().num_microseconds();
    let mut all = Duration::from_micros(ended as u64);
    for clock in [&[ClockId::CLOCK_PROCESS_CPUTIME_ID], others].concat() {
        all += Duration::from(clock_gettime(clock).map_err(explain("clock_gettime"))?);
    }
    Ok(all)
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

/// Receives so many bytes and sends them back, changed, until nobody sends any more.
fn send_back((mut received, mut sent): Desk, bytes: usize) -> i32 {
    let mut data = vec![0; bytes];
    while bytes > 0 && received.read_exact(&mut data).is_ok() {
        data.iter_mut().step_by(64).for_each(|byte| *byte ^= 1);
        if sent.write_all(&data).is_err() {
            break;
        }
    }
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
    let program = command.spawn().map_err(explain_spawn("execve"))?;
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

/// How long and how often is measured, for so much effort.
pub fn sampling(rounds: usize, batch: Duration) -> Sampling {
    Sampling { rounds, batch, tolerance: 0.25 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_through_a_pipe_that_is_smaller_than_itself() {
        let (inside, outside) = pipe2(OFlag::O_NONBLOCK).unwrap();
        let message: Vec<u8> = (0..300_000).map(|n| n as u8).collect();
        let mut received = vec![0; message.len()];
        through(&inside, &outside, &message, &mut received).unwrap();
        assert_eq!(message, received);
    }
}
