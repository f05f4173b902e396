//! One byte there and one back, between two processes and between two threads, by the same calls.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{Child, explain_io};
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say};
use nix::sys::resource::{UsageWho, getrusage};

use shared_memory::distance::Distance;

use crate::link::{Event, Futex, Link, Pipe, Queue, Spin, Tcp, Unix};

pub const EXPERIMENT: Experiment = Experiment {
    name: "latency",
    question: "Is a round trip to a process slower than one to a thread?",
    claims: &["ipc-slower"],
    run,
};

/// Between these, two round trips cost the same for all that this is about.
const SAME: RangeInclusive<f64> = 0.75..=1.33;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let (first, last) = (*cpus.first().context("no CPU is allowed")?, cpus[cpus.len() - 1]);
    let one = (last, last);
    say!("asker", "both on CPU {last}, median of a round trip:");
    let rows = [
        row::<Pipe>(lab, "pipe", one)?,
        row::<Unix>(lab, "Unix socket", one)?,
        row::<Tcp>(lab, "TCP", one)?,
        row::<Event>(lab, "eventfd", one)?,
        row::<Futex>(lab, "futex", one)?,
        row::<Queue>(lab, "message queue", one)?,
    ];
    let mut evidence = Evidence::new();
    let ratios: Vec<f64> = rows
        .iter()
        .flat_map(|row| row.found.as_ref().ok())
        .map(|found| found.ratio.median)
        .collect();
    for row in &rows {
        evidence = row.report(evidence);
    }
    evidence = match Summary::of(ratios.clone()) {
        Some(summary) => evidence
            .fact("mechanisms measured", ratios.len())
            .fact(
                "mechanisms that cost the same",
                ratios.iter().filter(|r| SAME.contains(r)).count(),
            )
            .fact(
                "mechanisms slower to a process",
                ratios.iter().filter(|r| *r > SAME.end()).count(),
            )
            .sampled("round trips, process to thread", summary, ""),
        None => {
            let why = "other processes used the CPU during every measurement";
            evidence
                .missing("mechanisms measured", why)
                .missing("process round trip", why)
                .missing("thread round trip", why)
        }
    };
    if first == last {
        say!("asker", "one CPU is allowed: nothing to measure across two");
        return Ok(evidence.missing("spinning round trip", "one CPU is allowed"));
    }
    say!("asker", "across CPUs {first} and {last}:");
    let across = (first, last);
    let spinning = row::<Spin>(lab, "spinning", across)?;
    let pipe = row::<Pipe>(lab, "pipe", across)?;
    if let Ok(found) = &spinning.found {
        let trip = Duration::from_nanos((found.thread.median * 1e3) as u64);
        say!("asker", "spinning shows how far the CPUs are: {}", Distance::of(trip));
    }
    say!("asker", "who sleeps must be woken on the other CPU; who spins burns two");
    evidence = match &spinning.found {
        Ok(found) => evidence.sampled("spinning round trip", found.process, "µs").sampled(
            "spinning round trip, threads",
            found.thread,
            "µs",
        ),
        Err(why) => evidence.missing("spinning round trip", why.clone()),
    };
    if let Ok(found) = &pipe.found {
        evidence = evidence.sampled("pipe round trip, two CPUs", found.process, "µs");
    }
    Ok(evidence)
}

/// One mechanism, between processes and between threads.
struct Row {
    name: &'static str,
    found: Result<Found, String>,
}

struct Found {
    process: Summary,
    thread: Summary,
    ratio: Summary,
}

fn row<L: Link>(lab: &Lab, name: &'static str, cpus: (usize, usize)) -> Result<Row> {
    let found = measure::<L>(lab, cpus)?;
    match &found {
        Ok(found) => say!(
            "asker",
            "{name:<13} {:>6.2} µs to a process, {:>6.2} µs to a thread, {:.2} x",
            found.process.median,
            found.thread.median,
            found.ratio.median
        ),
        Err(why) => say!("asker", "{name:<13} {why}"),
    }
    Ok(Row { name, found })
}

/// Measures a process and a thread in turn. A pair of batches counts if in both the asker lost its
/// CPU as often as the mechanism says: once in a round trip if it sleeps, never if it spins. If
/// not, nobody waited for anybody, or somebody else used the CPU.
// ANCHOR: measure
fn measure<L: Link>(lab: &Lab, (own, other): (usize, usize)) -> Result<Result<Found, String>> {
    let _pinned = Pinned::to(own)?;
    let ([to_process, from_process], [to_thread, from_thread]) = match (L::pair(), L::pair()) {
        (Ok(process), Ok(thread)) => (process, thread),
        (Err(error), _) | (_, Err(error)) => return Ok(Err(format!("not to be had: {error:#}"))),
    };
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe { Child::fork(|| answer(other, &to_process, &from_process)) }?;
    std::thread::scope(|threads| {
        std::thread::Builder::new()
            .spawn_scoped(threads, || answer(other, &to_thread, &from_thread))
            .map_err(explain_io("thread"))?;
        let mut samples = Samples::default();
        let batch = lab.by_effort(400.0, 1_000.0, 5_000.0);
        let trips = (batch / ask(50, &to_thread, &from_thread)?.microseconds).max(10.0) as u32;
        let wanted = lab.by_effort(15, 21, 51);
        for _ in 0..3 * wanted {
            let process = ask(trips, &to_process, &from_process)?;
            let thread = ask(trips, &to_thread, &from_thread)?;
            samples.add::<L>(process, thread);
            if samples.ratio.len() == wanted {
                break;
            }
        }
        // ANCHOR_END: measure
        for (there, back) in [(&to_process, &from_process), (&to_thread, &from_thread)] {
            there.send(STOP)?;
            back.receive()?;
        }
        child.wait()?;
        Ok(samples.found(wanted / 3))
    })
}

#[derive(Default)]
struct Samples {
    process: Vec<f64>,
    thread: Vec<f64>,
    ratio: Vec<f64>,
    /// Switches per trip of the last pair that was rejected.
    rejected: f64,
}

impl Samples {
    fn add<L: Link>(&mut self, process: Batch, thread: Batch) {
        match [process, thread].iter().find(|batch| !L::SWITCHES.contains(&batch.switches)) {
            Some(wrong) => self.rejected = wrong.switches,
            None => {
                self.process.push(process.microseconds);
                self.thread.push(thread.microseconds);
                self.ratio.push(process.microseconds / thread.microseconds);
            }
        }
    }

    fn found(self, least: usize) -> Result<Found, String> {
        if self.ratio.len() < least {
            return Err(format!("rejected: {:.2} switches in a round trip", self.rejected));
        }
        let why = "nothing was measured";
        Ok(Found {
            process: Summary::of(self.process).ok_or(why)?,
            thread: Summary::of(self.thread).ok_or(why)?,
            ratio: Summary::of(self.ratio).ok_or(why)?,
        })
    }
}

const GO: u8 = 1;
const STOP: u8 = 2;

/// A number of round trips, per trip.
#[derive(Clone, Copy)]
struct Batch {
    microseconds: f64,
    switches: f64,
}

/// Sends a byte and waits for its return, `trips` times.
fn ask<L: Link>(trips: u32, there: &L, back: &L) -> Result<Batch> {
    // The first trip may have to wake the other party, and is not measured.
    there.send(GO)?;
    back.receive()?;
    let before = switches();
    let start = Instant::now();
    for _ in 0..trips {
        there.send(GO)?;
        back.receive()?;
    }
    let took = start.elapsed().as_secs_f64() * 1e6;
    let switches = (switches() - before) as f64;
    Ok(Batch { microseconds: took / f64::from(trips), switches: switches / f64::from(trips) })
}

/// Returns each byte, until one says to stop.
fn answer<L: Link>(cpu: usize, there: &L, back: &L) -> i32 {
    let Ok(_pinned) = Pinned::to(cpu) else { return 1 };
    loop {
        match there.receive() {
            Ok(byte) if back.send(byte).is_err() => return 1,
            Ok(STOP) => return 0,
            Ok(_) => {}
            Err(_) => return 1,
        }
    }
}

/// How often this thread gave up its CPU or lost it, getrusage(2).
fn switches() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| {
        usage.voluntary_context_switches() + usage.involuntary_context_switches()
    })
}

impl Row {
    fn report(&self, evidence: Evidence) -> Evidence {
        let name = self.name;
        let (process, thread) = match name {
            // The comparison's row of this name.
            "pipe" => ("process round trip".to_owned(), "thread round trip".to_owned()),
            _ => (format!("{name}: process round trip"), format!("{name}: thread round trip")),
        };
        match &self.found {
            Ok(found) => evidence
                .sampled(&process, found.process, "µs")
                .sampled(&thread, found.thread, "µs")
                .sampled(&format!("{name}: process to thread"), found.ratio, ""),
            Err(why) => evidence.missing(&process, why.clone()).missing(&thread, why.clone()),
        }
    }
}
