//! One byte there and one back, between two processes and between two threads, by the same calls.

use std::fs;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, explain_io, status};
use lab::sample::{Comparison, Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say, say_why};
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
    say!("asker", "both on CPU {last}, in turn, µs of a round trip:");
    say!("asker", "{:<13}{:>11}{:>10}{:>8}  p10 to p90", "", "to process", "to thread", "ratio");
    let one = Place { asker: last, process: last, thread: last };
    let rows = [
        row::<Pipe>(lab, "pipe", one)?,
        row::<Unix>(lab, "Unix socket", one)?,
        row::<Tcp>(lab, "TCP", one)?,
        row::<Event>(lab, "eventfd", one)?,
        row::<Futex>(lab, "futex", one)?,
        row::<Queue>(lab, "message queue", one)?,
    ];
    let mut evidence = Evidence::new();
    for row in &rows {
        evidence = row.report(evidence);
    }
    let ratios: Vec<Summary> = rows.iter().filter_map(Row::ratio).collect();
    let count = |is: &dyn Fn(&Summary) -> bool| ratios.iter().filter(|ratio| is(ratio)).count();
    let medians = ratios.iter().map(|ratio| ratio.median).collect();
    evidence = match Summary::of(medians) {
        Some(summary) => evidence
            .fact("mechanisms measured", ratios.len())
            .fact(
                "mechanisms that cost the same",
                count(&|r| SAME.contains(&r.p10) && SAME.contains(&r.p90)),
            )
            .fact("mechanisms slower to a process", count(&|r| r.is_above(*SAME.end())))
            .sampled("round trips, process to thread", summary, ""),
        None => {
            let doubts = rows.iter().filter_map(|row| row.doubt()).collect::<Vec<_>>();
            match rows.iter().any(|row| row.found.is_ok()) {
                true => evidence.doubtful("mechanisms measured", doubts.join("; ")),
                false => evidence.missing("mechanisms measured", doubts.join("; ")),
            }
        }
    };
    evidence = what_a_switch_flushes(evidence);
    if first == last {
        say!("asker", "one CPU is allowed: nothing to measure across two");
        return Ok(evidence.missing("spinning: process / thread", "one CPU is allowed"));
    }
    say!("asker", "across CPUs {first} and {last}:");
    let across = Place { asker: first, process: last, thread: last };
    let spinning = row::<Spin>(lab, "spinning", across)?;
    let pipe = row::<Pipe>(lab, "pipe, two CPUs", across)?;
    if let Ok(Comparison { sides: [_, (_, thread)], doubt: None, .. }) = &spinning.found {
        let trip = Duration::from_nanos((thread.median * 1e3) as u64);
        say!("asker", "spinning shows how far the CPUs are: {}", Distance::of(trip));
    }
    Ok(pipe.report(spinning.report(evidence)))
}

/// Two things that make a switch to another process dearer than one to a thread: translations that
/// are not tagged with their address space, and a barrier for the branch predictor.
fn what_a_switch_flushes(evidence: Evidence) -> Evidence {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let (tags, barrier) = ("translations are tagged (PCID)", "branch predictor, IBPB");
    let evidence = match field(&read("/proc/cpuinfo"), "flags") {
        Some(flags) => evidence.fact(tags, flags.split(' ').any(|flag| flag == "pcid")),
        None => evidence.missing(tags, "this kernel does not list the flags of an x86 CPU"),
    };
    match field(&read("/proc/self/status"), "SpeculationIndirectBranch") {
        Some(said) => evidence.fact(barrier, said),
        None => evidence.missing(barrier, "this kernel does not say"),
    }
}

/// The CPUs on which the parties run.
#[derive(Clone, Copy)]
struct Place {
    asker: usize,
    process: usize,
    thread: usize,
}

/// One mechanism, to a process and to a thread; or why it could not be had.
struct Row {
    name: &'static str,
    found: Result<Comparison, String>,
}

impl Row {
    fn ratio(&self) -> Option<Summary> {
        self.found.as_ref().ok().filter(|found| found.doubt.is_none()).map(|found| found.ratio)
    }

    fn doubt(&self) -> Option<String> {
        let why = match &self.found {
            Ok(found) => found.doubt.as_ref()?,
            Err(why) => why,
        };
        Some(format!("{}: {why}", self.name))
    }

    fn report(&self, evidence: Evidence) -> Evidence {
        let ratio = format!("{}: process / thread", self.name);
        match &self.found {
            Ok(found) => evidence.compared(&ratio, found),
            Err(why) => evidence.missing(&ratio, why),
        }
    }
}

fn row<L: Link>(lab: &Lab, name: &'static str, place: Place) -> Result<Row> {
    let found = match (L::pair(), L::pair()) {
        (Ok(process), Ok(thread)) => Ok(measure(lab, place, process, thread)?.named(
            &format!("{name}: round trip to a process"),
            &format!("{name}: round trip to a thread"),
        )),
        (Err(error), _) | (_, Err(error)) => Err(format!("not to be had: {error:#}")),
    };
    let row = Row { name, found };
    match (row.doubt(), &row.found) {
        (None, Ok(Comparison { sides: [(_, process), (_, thread)], ratio, .. })) => say!(
            "asker",
            "{name:<14}{:>10.2}{:>10.2}{:>6.2} x  {ratio}",
            process.median,
            thread.median,
            ratio.median
        ),
        (why, _) => say_why!("asker", "{}", why.unwrap_or_default()),
    }
    Ok(row)
}

/// Asks a process and a thread in turn. A round counts if in each batch the asker lost its CPU as
/// often as the mechanism says.
// ANCHOR: measure
fn measure<L: Link>(
    lab: &Lab,
    place: Place,
    [to_process, from_process]: [L; 2],
    thread: [L; 2],
) -> Result<Comparison> {
    let _pinned = Pinned::to(place.asker)?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child =
        unsafe { Child::fork(|| status(answer(place.process, &to_process, &from_process))) }?;
    let links = Arc::new(thread);
    let there = links.clone();
    let thread = std::thread::Builder::new()
        .spawn(move || answer(place.thread, &there[0], &there[1]))
        .map_err(explain_io("thread"))?;
    let measured = Rounds::measure(
        lab.by_effort(15, 21, 51),
        Duration::from_micros(lab.by_effort(400, 1_000, 5_000)),
        &mut [
            Contestant::new("process", || ask(GO, &to_process, &from_process))
                .switching(L::SWITCHES),
            Contestant::new("thread", || ask(GO, &links[0], &links[1])).switching(L::SWITCHES),
        ],
    )?;
    // ANCHOR_END: measure
    ask(STOP, &to_process, &from_process)?;
    ask(STOP, &links[0], &links[1])?;
    child.wait()?;
    // On an error above the thread is left: it waits for a byte, and ends with this process.
    let _ = thread.join();
    Ok(measured.compare(0, 1))
}

const GO: u8 = 1;
const STOP: u8 = 2;

/// Sends a byte and waits for its return.
fn ask<L: Link>(byte: u8, there: &L, back: &L) -> Result<()> {
    there.send(byte)?;
    back.receive()?;
    Ok(())
}

/// Returns each byte, until one says to stop.
fn answer<L: Link>(cpu: usize, there: &L, back: &L) -> Result<()> {
    let _pinned = Pinned::to(cpu)?;
    loop {
        let byte = there.receive()?;
        back.send(byte)?;
        if byte == STOP {
            return Ok(());
        }
    }
}
