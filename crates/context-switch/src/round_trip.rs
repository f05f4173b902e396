//! Tasks that wake each other by eventfd(2). Who has asked sleeps, so on one CPU a round trip is two
//! switches and no more.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Result, ensure};
use lab::child::{Child, explain, explain_io, failed, give_up};
use lab::sample::{Contestant, Pinned, Rounds, Sampling};
use lab::thread::spawn;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::time::{ClockId, clock_gettime};

/// Take a turn and answer.
pub const GO: u64 = 1;
/// Answer and end.
pub const STOP: u64 = 2;
/// The answer of a task that could not do its part.
const FAILED: u64 = 3;

/// An event for each direction.
pub struct Link {
    there: File,
    back: File,
}

impl Link {
    /// Two events that nobody has sent yet.
    pub fn new() -> Result<Link> {
        let event = || {
            let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC);
            event.map_err(explain("eventfd")).map(|event| File::from(OwnedFd::from(event)))
        };
        Ok(Link { there: event()?, back: event()? })
    }

    // ANCHOR: ask
    /// Wakes the other task and sleeps until it answers.
    pub fn ask(&self, what: u64) -> Result<()> {
        send(&self.there, what)?;
        let answer = receive(&self.back)?;
        ensure!(answer != FAILED, "the other task could not answer");
        Ok(())
    }

    /// Takes a turn and answers, until it is told to stop.
    fn answer(&self, cpu: usize, turn: &dyn Fn()) -> Result<()> {
        let _pinned = Pinned::to(cpu)?;
        loop {
            let what = receive(&self.there)?;
            if what == GO {
                turn();
            }
            send(&self.back, what)?;
            if what == STOP {
                return Ok(());
            }
        }
    }
    // ANCHOR_END: ask

    /// Answers; where it cannot, it says so to whoever waits.
    fn answer_or_fail(&self, cpu: usize, turn: &dyn Fn()) -> i32 {
        match self.answer(cpu, turn) {
            Ok(()) => 0,
            Err(error) => {
                let status = failed(&error);
                let _ = send(&self.back, FAILED);
                status
            }
        }
    }

    /// The same in a thread: where it cannot, the process ends.
    pub fn answer_or_give_up(&self, cpu: usize, turn: &dyn Fn()) {
        if let Err(error) = self.answer(cpu, turn) {
            give_up(&error);
        }
    }

    /// The calls of a round trip, all made by this task: nobody is woken, and nobody sleeps.
    fn ask_oneself(&self) -> Result<()> {
        send(&self.there, GO)?;
        receive(&self.there)?;
        send(&self.back, GO)?;
        receive(&self.back)?;
        Ok(())
    }
}

/// Adds to the number, and wakes who reads it.
fn send(mut event: &File, what: u64) -> Result<()> {
    event.write_all(&what.to_ne_bytes()).map_err(explain_io("write"))
}

/// Sleeps until the number is not 0, and takes it.
fn receive(mut event: &File) -> Result<u64> {
    let mut what = [0; 8];
    event.read_exact(&mut what).map_err(explain_io("read"))?;
    Ok(u64::from_ne_bytes(what))
}

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Process,
    Thread,
    /// The asker makes all the calls itself.
    Nobody,
}

/// One to whom round trips are measured.
pub struct Other<'a> {
    pub name: &'static str,
    pub who: Who,
    pub cpu: usize,
    /// What it does before it answers.
    pub turn: &'a (dyn Fn() + Sync),
}

/// What a round trip is timed by.
#[derive(Clone, Copy)]
pub enum Time {
    /// The clock on the wall.
    Wall,
    /// The CPU time of both tasks. Where they share a CPU that is the same, for one of them always
    /// runs; and it stays the same when somebody else wants that CPU, too.
    Cpu,
}

impl Time {
    /// The time now, of this process and of `child`.
    fn now(self, child: Option<ClockId>) -> Result<Duration> {
        let read = |clock| clock_gettime(clock).map_err(explain("clock_gettime"));
        Ok(match self {
            Time::Wall => read(ClockId::CLOCK_MONOTONIC)?.into(),
            Time::Cpu => {
                let child = child.map(read).transpose()?.map_or(Duration::ZERO, Duration::from);
                child + Duration::from(read(ClockId::CLOCK_PROCESS_CPUTIME_ID)?)
            }
        })
    }
}

/// Measures round trips to each of the others in turn, from `cpu`. The asker does its own `turn`
/// before each. In each round trip it has to lose its CPU once, and without another task never.
pub fn measure(
    sampling: Sampling,
    time: Time,
    cpu: usize,
    turn: &dyn Fn(),
    others: &[Other<'_>],
) -> Result<Rounds> {
    let _pinned = Pinned::to(cpu)?;
    let mut links = Vec::new();
    for _ in others {
        links.push(Link::new()?);
    }
    let mut children = Vec::new();
    let mut clocks = Vec::new();
    for (link, other) in links.iter().zip(others) {
        if other.who != Who::Process {
            clocks.push(None);
            continue;
        }
        // SAFETY: this process has one thread, so the child inherits no lock of another's.
        let child = unsafe { Child::fork(|| link.answer_or_fail(other.cpu, other.turn)) }?;
        let clock = ClockId::pid_cpu_clock_id(child.pid());
        clocks.push(Some(clock.map_err(explain("clock_getcpuclockid"))?));
        children.push(child);
    }
    let rounds = std::thread::scope(|threads| {
        let mut contestants = Vec::new();
        for ((link, other), clock) in links.iter().zip(others).zip(clocks) {
            if other.who == Who::Thread {
                let answer = move || link.answer_or_give_up(other.cpu, other.turn);
                spawn(threads, other.name, answer)?;
            }
            let round_trip = move || match other.who {
                Who::Nobody => link.ask_oneself(),
                Who::Process | Who::Thread => {
                    turn();
                    link.ask(GO)
                }
            };
            let switches = if other.who == Who::Nobody { 0.0..=0.1 } else { 0.95..=1.1 };
            let now = move || time.now(clock);
            contestants.push(Contestant::by_clock(other.name, now, round_trip).switching(switches));
        }
        // A thread that is never told to stop would be waited for without end.
        let rounds = sampling.measure(&mut contestants).unwrap_or_else(|error| give_up(&error));
        for (link, _) in links.iter().zip(others).filter(|(_, other)| other.who != Who::Nobody) {
            link.ask(STOP).unwrap_or_else(|error| give_up(&error));
        }
        anyhow::Ok(rounds)
    })?;
    for child in children {
        child.wait()?;
    }
    Ok(rounds)
}
