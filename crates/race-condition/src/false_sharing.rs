//! Two threads, two counters, nothing shared: and yet they slow each other down if the counters
//! lie in one cache line. Nothing goes wrong but the time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::sample::{Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say};

use crate::side_by_side::{Meeting, side_by_side};

pub const EXPERIMENT: Experiment = Experiment {
    name: "false-sharing",
    question: "What does it cost to be a neighbour?",
    claims: &[],
    run,
};

// ANCHOR: lines
/// Two counters next to each other: the CPU moves both when it moves one.
#[derive(Default)]
#[repr(C, align(128))]
struct Neighbours {
    first: AtomicU64,
    second: AtomicU64,
}

/// A counter alone. Lines have 64 bytes on most CPUs, some fetch them in pairs, others have 128.
#[derive(Default)]
#[repr(align(128))]
struct Alone(AtomicU64);
// ANCHOR_END: lines

fn run(lab: &Lab) -> Result<Evidence> {
    let (near, far) = (size_of::<AtomicU64>(), size_of::<Alone>());
    say!("main", "two neighbours lie {near} bytes apart, in one cache line");
    say!("main", "two counters alone lie {far} bytes apart, in a line each");
    let cpus = allowed_cpus();
    let [one, other, ..] = cpus[..] else {
        let why = "two CPUs are needed to pull a line to and fro";
        say!("main", "{why}");
        return Ok(Evidence::new().missing("neighbours against alone", why));
    };
    let enough = lab.by_effort(50, 200, 2000);
    let end = Instant::now() + Duration::from_millis(lab.by_effort(200, 1_000, 5_000));
    let mut samples = Vec::new();
    while samples.len() < enough && Instant::now() < end {
        samples.extend(measure([one, other])?);
    }
    let column = |side: fn(&(f64, f64)) -> f64| Summary::of(samples.iter().map(side).collect());
    let (Some(near), Some(far), Some(ratio)) =
        (column(|pair| pair.0), column(|pair| pair.1), column(|pair| pair.0 / pair.1))
    else {
        let why = "the two never ran at the same time: others keep the CPUs busy";
        say!("main", "{why}");
        return Ok(Evidence::new().missing("neighbours against alone", why));
    };
    say!("main", "neighbours: {:.1} ns an addition", near.median);
    say!("main", "alone: {:.1} ns an addition", far.median);
    say!("main", "neighbours take {:.1} times as long, though they share nothing", ratio.median);
    Ok(Evidence::new()
        .sampled("addition, one line", near, "ns")
        .sampled("addition, a line each", far, "ns")
        .sampled("neighbours against alone", ratio, "times"))
}

const ADDITIONS: u32 = 10_000;

// ANCHOR: measure
/// Two threads add to a counter each, in one line and in a line each, in turn, ten times. Returns
/// the nanoseconds an addition took, of the rounds in which the two really ran at the same time.
fn measure(cpus: [usize; 2]) -> Result<Vec<(f64, f64)>> {
    let (neighbours, alone) = (Neighbours::default(), <[Alone; 2]>::default());
    let meeting = Meeting::default();
    let add = |side: usize| -> Vec<(Instant, Instant)> {
        let _pinned = Pinned::to(cpus[side]);
        let near = [&neighbours.first, &neighbours.second][side];
        let counters = [near, &alone[side].0].into_iter().cycle();
        let times = counters.take(2 * 10).enumerate().map(|(time, counter)| {
            meeting.wait(time);
            let begin = Instant::now();
            for _ in 0..ADDITIONS {
                counter.fetch_add(1, Relaxed);
            }
            (begin, Instant::now())
        });
        times.collect()
    };
    let (first, second) = side_by_side(|| add(0), || add(1))?;
    let times: Vec<_> = first.into_iter().zip(second).map(|(a, b)| together(a, b)).collect();
    Ok(times.chunks(2).filter_map(|pair| Some((pair[0]?, pair[1]?))).collect())
}
// ANCHOR_END: measure

/// Nanoseconds an addition, if the two stretches overlap by nine tenths.
fn together(a: (Instant, Instant), b: (Instant, Instant)) -> Option<f64> {
    let overlap = a.1.min(b.1).saturating_duration_since(a.0.max(b.0));
    let longer = (a.1 - a.0).max(b.1 - b.0);
    (overlap * 10 >= longer * 9).then(|| longer.as_nanos() as f64 / f64::from(ADDITIONS))
}
