//! Two tasks that do nothing but wake each other, on one CPU: once two processes, once two threads.
//! Measured in turn with a C program that does the same, a round trip takes 1.05 times as long as there,
//! and the four calls without a switch 1.08: std's functions around read(2) and write(2) are some of it.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::{Sampling, TOLERANCE, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::round_trip::{Other, Time, Who, measure};

pub const EXPERIMENT: Experiment = Experiment {
    name: "direct",
    question: "Is the switch itself dearer between processes?",
    claims: &["thread-switch-faster"],
    run,
};

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let sampling = Sampling {
        rounds: lab.by_effort(15, 31, 101),
        batch: Duration::from_micros(lab.by_effort(400, 1_000, 5_000)),
        tolerance: TOLERANCE,
    };
    let nothing = &|| ();
    // ANCHOR: others
    let others = [
        Other { name: "process", who: Who::Process, cpu, turn: nothing },
        Other { name: "thread", who: Who::Thread, cpu, turn: nothing },
        Other { name: "oneself", who: Who::Nobody, cpu, turn: nothing },
    ];
    // ANCHOR_END: others
    let rounds = measure(sampling, Time::Cpu, cpu, nothing, &others)?;
    let trip = rounds.compare(0, 1).named("round trip to a process", "round trip to a thread");
    let floor = rounds.microseconds(2);
    let [(_, process), (_, thread)] = &trip.sides;
    say!("asker", "asks on CPU {cpu}, in turn; CPU time of both, µs:");
    say!("asker", "  a round trip to a process           {:>7.2}", process.median);
    say!("asker", "  a round trip to a thread            {:>7.2}", thread.median);
    say!("asker", "  the same calls without a switch     {:>7.2}", floor.median);
    match &trip.doubt {
        None => say!("asker", "process to thread {:.2} ({})", trip.ratio.median, trip.ratio),
        Some(why) => say_why!("asker", "the ratio is not to be trusted: {why}"),
    }
    let evidence = Evidence::new().compared("direct: process / thread", &trip).sampled(
        "the calls without a switch",
        floor,
        "µs",
    );
    let Some([of_process, of_thread]) = trip.switches else { return Ok(evidence) };
    say!(
        "asker",
        "it lost its CPU {:.2} and {:.2} times in each round trip",
        of_process.median,
        of_thread.median
    );
    Ok(evidence)
}
