//! The same job, done by more and more threads, and by more and more processes.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use anyhow::{Result, ensure};
use lab::machine::{Busy, allowed_cpus};
use lab::sample::{Contestant, Sampling};
use lab::{Evidence, Experiment, Lab, Summary, say, say_why};

use crate::crew::{AtOnce, Kind, MOST, Worker, cpus_at_once, together};

pub const EXPERIMENT: Experiment = Experiment {
    name: "scaling",
    question: "Are two CPUs twice as fast, and for whom?",
    claims: &["threads-run-in-parallel", "multiprocessing-uses-cores-better"],
    run,
};

/// The numbers in which primes are looked for come in pieces of so many, from here on: each piece
/// is about as much work as the next.
const PIECE: u64 = 500;
const FIRST: u64 = 1_000_000;
/// This share of the second job has to be done before the rest can begin, in hundredths.
const SERIAL: u64 = 20;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let all = cpus.len().min(lab.by_effort(8, 16, MOST));
    if all < 2 {
        say!("main", "one CPU is allowed: workers can only take turns");
        let why = "one CPU is allowed, so nothing runs in parallel";
        return Ok(["CPUs at once, threads", "all threads: speed-up", "processes / threads"]
            .iter()
            .fold(Evidence::new(), |facts, name| facts.missing(&format!("scaling: {name}"), why)));
    }
    let watch = Busy::begin();
    let own = |number: usize| cpus[number % cpus.len()];
    let one = |_: usize| cpus[0];
    let mut evidence = Evidence::new().fact("scaling: workers", all);
    for (kind, name) in [(Kind::Threads, "threads"), (Kind::Processes, "processes")] {
        let AtOnce { cpus: at_once, places } = cpus_at_once(kind, all, &own)?;
        match at_once {
            0 | 1 => say!("main", "{all} {name}: no two were seen to run at the same instant"),
            _ => say!("main", "{all} {name}: seen to run at the same instant on {at_once} CPUs"),
        }
        let fact = format!("scaling: CPUs at once, {name}");
        // Who has a CPU of its own and is still not seen there may have lost it to others.
        evidence = match (at_once < places).then(|| watch.so_far()).flatten() {
            Some(busy) => evidence.doubtful(&fact, busy),
            None => evidence.fact(&fact, at_once),
        };
    }
    let pieces = lab.by_effort(20, 20, 100);
    let right: u64 = (0..pieces).map(primes_in).sum();
    // ANCHOR: arms
    let job = |kind, workers, place: &(dyn Fn(usize) -> usize + Sync), serial| {
        let (took, seen) = together(kind, workers, place, &|worker| count(worker, pieces, serial))?;
        ensure!(seen.found == right, "{} primes, not {right}", seen.found);
        Ok(took)
    };
    // ANCHOR_END: arms
    let steps = steps(all);
    let mut contestants = vec![Contestant::timed("one thread", |_| job(Kind::Threads, 1, &own, 0))];
    for workers in &steps {
        contestants.push(Contestant::timed("threads", |_| job(Kind::Threads, *workers, &own, 0)));
    }
    for workers in &steps {
        let processes = |_| job(Kind::Processes, *workers, &own, 0);
        contestants.push(Contestant::timed("processes", processes));
    }
    for workers in &steps {
        let serial = |_| job(Kind::Threads, *workers, &own, pieces * SERIAL / 100);
        contestants.push(Contestant::timed("threads, part serial", serial));
    }
    contestants.push(Contestant::timed("threads on one CPU", |_| job(Kind::Threads, all, &one, 0)));
    let sampling = Sampling {
        rounds: lab.by_effort(11, 31, 61),
        batch: std::time::Duration::from_nanos(1),
        tolerance: 0.2,
    };
    let rounds = sampling.measure(&mut contestants)?;

    say!("main", "speed-up over one: p10/median/p90; and by Amdahl's law");
    // Whole pieces are serial, which may be less than was meant.
    let percent = (pieces * SERIAL / 100) * 100 / pieces;
    let serial = format!("{percent} % serial");
    say!("main", "{:>25}{:>15}{serial:>15}{:>6}", "threads", "processes", "law");
    let count = steps.len();
    for (index, workers) in steps.iter().enumerate() {
        let speeds = [0, 1, 2].map(|arm| rounds.ratio(0, 1 + arm * count + index));
        let [threads, processes, serial] = speeds.map(|speed| speed.three());
        let amdahl = speed_up(percent as f64 / 100.0, *workers);
        say!("main", "{workers:>2} at work{threads:>15}{processes:>15}{serial:>15}{amdahl:>6.2}");
        for (arm, speed) in ["threads", "processes", "threads, part serial"].iter().zip(speeds) {
            let name = format!("scaling: {workers} {arm}: speed-up");
            evidence = match rounds.doubt() {
                None => evidence.sampled(&name, speed, ""),
                Some(why) => evidence.doubtful(&name, why),
            };
        }
    }
    let pinned = 1 + 3 * count;
    let crowded = rounds.compare(0, pinned).named("one thread", "all threads on one CPU");
    say!("main", "{all} threads on one CPU {:>10.2} ({})", crowded.ratio.median, crowded.ratio);
    let kinds = rounds.compare(2 * count, count).named("all processes", "all threads");
    let speed = rounds.compare(0, count).named("one thread", "all threads");
    say!(
        "main",
        "{all} processes: {:.2} times as long as threads ({})",
        kinds.ratio.median,
        kinds.ratio
    );
    let fits = steps
        .iter()
        .enumerate()
        .map(|(index, workers)| (*workers, rounds.ratio(1 + 2 * count + index, 0)));
    let fits: Vec<(usize, Summary)> = fits.collect();
    let fitted = fitted_serial_part(&fits);
    say!("main", "Amdahl's curve that fits best has {:.0} % of serial work", fitted * 100.0);
    if let Some(why) = rounds.doubt() {
        say_why!("main", "not to be trusted: {why}");
    }
    Ok(evidence
        .compared("scaling: all threads: speed-up", &speed)
        .compared("scaling: all threads on one CPU: speed-up", &crowded)
        .compared("scaling: processes / threads", &kinds)
        .measured("scaling: serial part", percent, "%")
        .measured("scaling: serial part that fits", fitted * 100.0, "%"))
}

/// Two, four, eight and so on, and all.
fn steps(all: usize) -> Vec<usize> {
    let mut steps: Vec<usize> = (1..).map(|power| 1 << power).take_while(|n| *n < all).collect();
    steps.push(all);
    steps
}

// ANCHOR: job
/// Takes pieces until none is left. The first so many are for the first worker alone, and nobody
/// begins before they are done.
fn count(worker: &mut Worker<'_>, pieces: u64, serial: u64) -> Result<()> {
    worker.begin()?;
    let mut primes = 0;
    if serial > 0 {
        if worker.number == 0 {
            primes += (0..serial).map(primes_in).sum::<u64>();
            worker.board.next.store(serial, Relaxed);
        }
        worker.meet()?;
    }
    loop {
        let piece = worker.board.next.fetch_add(1, AcqRel);
        if piece >= pieces {
            break;
        }
        primes += primes_in(piece);
    }
    worker.board.found.fetch_add(primes, AcqRel);
    Ok(())
}
// ANCHOR_END: job

fn primes_in(piece: u64) -> u64 {
    let first = FIRST + piece * PIECE;
    (first..first + PIECE).filter(|number| is_prime(*number)).count() as u64
}

fn is_prime(number: u64) -> bool {
    number >= 2 && (2..).take_while(|d| d * d <= number).all(|d| !number.is_multiple_of(d))
}

/// Amdahl's law: how many times faster with so many workers, if a part of the work is serial.
fn speed_up(serial: f64, workers: usize) -> f64 {
    1.0 / (serial + (1.0 - serial) / workers as f64)
}

/// The serial part, 0 to 1, whose curve comes closest by least squares to what was measured: for
/// so many workers, the time they took over the time that one takes.
fn fitted_serial_part(times: &[(usize, Summary)]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for (workers, time) in times {
        // time = serial + (1 - serial) * ideal, so time - ideal = serial * (1 - ideal).
        let ideal = 1.0 / *workers as f64;
        above += (time.median - ideal) * (1.0 - ideal);
        below += (1.0 - ideal) * (1.0 - ideal);
    }
    (above / below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_the_part_that_made_the_curve() {
        let times = [2, 4, 8]
            .map(|workers| (workers, Summary::of(vec![1.0 / speed_up(0.3, workers)]).unwrap()));
        assert!((fitted_serial_part(&times) - 0.3).abs() < 1e-9);
    }

    #[test]
    fn steps_end_with_all() {
        assert_eq!((steps(2), steps(6), steps(8)), (vec![2], vec![2, 4, 6], vec![2, 4, 8]));
    }

    #[test]
    fn there_are_25_primes_below_100() {
        assert_eq!((0..100).filter(|number| is_prime(*number)).count(), 25);
    }
}
