//! Two threads, two counters, nothing shared: and yet they slow each other down if the counters
//! lie in one cache line. Nothing goes wrong but the time.

use std::mem::offset_of;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Summary, say, say_why};

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
    let line = cache_line();
    let near = offset_of!(Neighbours, second) - offset_of!(Neighbours, first);
    // The first counter stands at the start of a line.
    let share = near < line;
    let where_they_are = if share { "in one cache line" } else { "in a line each" };
    say!("main", "two neighbours lie {near} bytes apart, {where_they_are}");
    say!("main", "two counters alone lie {} bytes apart; a line has {line}", size_of::<Alone>());
    let evidence = Evidence::new()
        .measured("bytes between neighbours", near, "B")
        .fact("neighbours share a line", share);
    let cpus = allowed_cpus();
    let [one, other, ..] = cpus[..] else {
        return Ok(untold(evidence, "two CPUs are needed to pull a line to and fro"));
    };
    let enough = lab.by_effort(50, 200, 2000);
    let end = Instant::now() + Duration::from_millis(lab.by_effort(200, 1_000, 5_000));
    let mut pairs = Vec::new();
    while pairs.len() < enough && Instant::now() < end {
        pairs.extend(measure([one, other])?);
    }
    let sides = ["an addition beside the other's", "an addition alone"];
    let Some(compared) = Comparison::paired(sides, "ns", &pairs) else {
        let why = "the two never ran at the same time: others keep the CPUs busy";
        return Ok(untold(evidence, why));
    };
    let [(_, near), (_, alone)] = &compared.sides;
    say!("main", "beside: {:.1} ns an addition; alone: {:.1} ns", near.median, alone.median);
    let (times, ratio) = (compared.ratio.median, compared.ratio);
    say!("main", "beside: {times:.1} times as long ({ratio}){}", how_sure(ratio));
    Ok(evidence.compared(RATIO, &compared))
}

fn how_sure(ratio: Summary) -> &'static str {
    if ratio.is_above(1.0) { "" } else { ", not surely longer" }
}

const RATIO: &str = "neighbours against alone";

fn untold(evidence: Evidence, why: &str) -> Evidence {
    say_why!("main", "{why}");
    evidence.missing(RATIO, why)
}

/// The bytes that move between caches together, sysconf(3); 64 where the kernel doesn't say.
fn cache_line() -> usize {
    // SAFETY: the call takes an integer and returns one.
    let bytes = unsafe { libc::sysconf(libc::_SC_LEVEL1_DCACHE_LINESIZE) };
    usize::try_from(bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(64)
}

const ADDITIONS: u32 = 10_000;

// ANCHOR: measure
/// Two threads add to a counter each, in one line and in a line each, in turn, ten times. Returns
/// the nanoseconds an addition took, of the rounds in which the two really ran at the same time.
fn measure(cpus: [usize; 2]) -> Result<Vec<[f64; 2]>> {
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
    Ok(times.chunks(2).filter_map(|pair| Some([pair[0]?, pair[1]?])).collect())
}
// ANCHOR_END: measure

/// Nanoseconds an addition, if the two stretches overlap by nine tenths.
fn together(a: (Instant, Instant), b: (Instant, Instant)) -> Option<f64> {
    let overlap = a.1.min(b.1).saturating_duration_since(a.0.max(b.0));
    let longer = (a.1 - a.0).max(b.1 - b.0);
    (overlap * 10 >= longer * 9).then(|| longer.as_nanos() as f64 / f64::from(ADDITIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_of_the_samples_must_be_longer() {
        let said = |samples: [f64; 3]| how_sure(Summary::of(samples.to_vec()).unwrap());
        assert_eq!(said([1.1, 5.0, 9.0]), "");
        assert_eq!(said([0.9, 5.0, 9.0]), ", not surely longer");
    }
}
