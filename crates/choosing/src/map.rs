//! Which model is best, for each crash rate, message size and task length: computed from what was
//! measured, drawn as text.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::answers::{bytes, short};
use crate::decide::Model;
use crate::figures::Figures;
use crate::measure::{Sizes, measure, sampling};

pub const EXPERIMENT: Experiment = Experiment {
    name: "map",
    question: "Where does which model win?",
    claims: &["choice-depends"],
    run,
};

// ANCHOR: axes
/// One task in so many crashes.
const RATES: [f64; 5] = [0.0, 1e-4, 1e-3, 1e-2, 1e-1];
const SIZES: [f64; 3] = [64.0, 65536.0, 1048576.0];
/// µs that a task computes.
const LENGTHS: [f64; 5] = [10.0, 100.0, 1e3, 1e4, 1e5];
// ANCHOR_END: axes

/// So many tasks make a batch, which is done when all are: a crash of its process loses it whole.
const BATCH: f64 = 100.0;
/// MiB that the parent has touched.
const MEMORY: f64 = 64.0;
/// The simplest wins that costs at most so many times what the cheapest costs.
const NOTICED: f64 = 1.05;

const MODELS: [(Model, char); 4] =
    [(Model::Thread, 't'), (Model::Pool, 'T'), (Model::Process, 'p'), (Model::ProcessPool, 'P')];

fn run(lab: &Lab) -> Result<Evidence> {
    let (rounds, batch) = lab.by_effort((5, 300), (7, 1000), (25, 4000));
    let sampling = sampling(rounds, Duration::from_micros(batch));
    let sizes = Sizes { memory: MEMORY * 1048576.0, message: SIZES[2], shared: 0.0, python: false };
    let measured = measure(sampling, sizes)?;
    let figures = &measured.figures;
    say!(
        "parent",
        "µs here: thread {}, fork {} ({MEMORY} MiB touched),",
        short(figures.thread),
        short(figures.fork.at(MEMORY)),
    );
    say!(
        "parent",
        "  task for a pool {}, for a process {}, KiB by pipe {};",
        short(figures.thread_task),
        short(figures.process_task),
        short(figures.pipe.each)
    );
    say!("parent", "  a crash costs its process's batch of {BATCH}");
    if let Some(why) = &measured.doubt {
        say_why!("parent", "not to be trusted much: {why}");
    }
    say!("parent", "t thread each, T thread pool, p process each, P process pool");
    say!("parent", "in each block, tasks of {}", LENGTHS.map(time).join(", "));
    let heads: Vec<String> = SIZES.map(|size| format!("{:<13}", bytes(size))).to_vec();
    say!("parent", "{:<12}{}", "message", heads.join("   ").trim_end());
    let map = Map::draw(figures);
    let mut evidence =
        Evidence::new().measured("map: task lengths", LENGTHS.map(short).join(" "), "µs");
    for (rate, row) in RATES.iter().zip(&map.winners) {
        let crashes = match rate {
            0.0 => "no crash".to_owned(),
            rate => format!("1/{:.0}", 1.0 / rate),
        };
        let blocks: Vec<String> =
            row.iter().map(|cells| cells.map(|cell| cell.to_string()).join("  ")).collect();
        say!("parent", "{crashes:<12}{}", blocks.join("   "));
        for (size, cells) in SIZES.iter().zip(row) {
            let name = format!("map: {crashes}, messages of {}", bytes(*size));
            evidence = evidence.measured(&name, String::from_iter(cells), "by length");
        }
    }
    let [rate, size, length] = map.changes();
    say!(
        "parent",
        "{} winners; the winner changes {rate} times along the crash rate,",
        map.different()
    );
    say!("parent", "{size} times along the size, {length} times along the length;");
    say!(
        "parent",
        "in {} of {} places the simplest wins, not the cheapest",
        map.simpler,
        map.cells()
    );
    let found = [
        ("map: different winners", map.different(), "models"),
        ("map: changes along the crash rate", rate, "changes"),
        ("map: changes along the message size", size, "changes"),
        ("map: changes along the task length", length, "changes"),
        ("map: simplicity decides", map.simpler, "places"),
    ];
    let evidence = evidence.fact("map: places", map.cells());
    Ok(found.into_iter().fold(evidence, |evidence, (name, count, unit)| match &measured.doubt {
        Some(why) => evidence.doubtful(name, why.as_str()),
        None => evidence.measured(name, count, unit),
    }))
}

/// A time of so many µs in words.
fn time(length: f64) -> String {
    if length < 1e3 { format!("{length} µs") } else { format!("{} ms", length / 1e3) }
}

/// By rate, size and length.
struct Map {
    winners: Vec<Vec<[char; LENGTHS.len()]>>,
    simpler: usize,
}

impl Map {
    fn draw(figures: &Figures) -> Map {
        let mut simpler = 0;
        let mut cell = |rate, size, length| {
            let costs =
                MODELS.map(|(model, mark)| (price(model, figures, rate, size, length), mark));
            let least = costs.iter().map(|(cost, _)| *cost).fold(f64::INFINITY, f64::min);
            let chosen = costs.iter().find(|(cost, _)| *cost <= least * NOTICED);
            let (cost, mark) = chosen.copied().unwrap_or(costs[0]);
            simpler += usize::from(cost > least);
            mark
        };
        let mut row = |rate| {
            let sizes = SIZES.iter();
            sizes.map(|size| LENGTHS.map(|length| cell(rate, *size, length))).collect()
        };
        let winners = RATES.iter().map(|rate| row(*rate)).collect();
        Map { winners, simpler }
    }

    fn cells(&self) -> usize {
        RATES.len() * SIZES.len() * LENGTHS.len()
    }

    fn different(&self) -> usize {
        self.winners.iter().flatten().flatten().collect::<BTreeSet<_>>().len()
    }

    /// How many neighbours along each axis have another winner: rate, size, length.
    fn changes(&self) -> [usize; 3] {
        let mut changes = [0; 3];
        for rate in 0..RATES.len() {
            for size in 0..SIZES.len() {
                for length in 0..LENGTHS.len() {
                    let here = self.winners[rate][size][length];
                    let next = [
                        self.winners.get(rate + 1).map(|row| row[size][length]),
                        self.winners[rate].get(size + 1).map(|row| row[length]),
                        self.winners[rate][size].get(length + 1).copied(),
                    ];
                    for (count, next) in changes.iter_mut().zip(next) {
                        *count += usize::from(next.is_some_and(|next| next != here));
                    }
                }
            }
        }
        changes
    }
}

// ANCHOR: price
/// CPU time in µs for each task that is done, lost tries included.
fn price(model: Model, f: &Figures, rate: f64, size: f64, length: f64) -> f64 {
    let (well, message) = (1.0 - rate, f.pipe.at(size / 1024.0));
    // In one process a crash loses the batch, which begins again: so many tasks are begun for each
    // that is done (the mean time to a run of successes), and so often the process.
    let batches = well.powf(-BATCH);
    let tries = if rate > 0.0 { (batches - 1.0) / rate / BATCH } else { 1.0 };
    let again = (batches - 1.0) / BATCH * f.fork.at(MEMORY);
    match model {
        Model::Thread => tries * (f.thread + length) + again,
        Model::Pool | Model::Async | Model::Ring => tries * (f.thread_task + length) + again,
        // In a process of its own a crash loses one task.
        Model::Process => (f.fork.at(MEMORY) + message + length) / well,
        Model::ProcessPool | Model::ProcessRing => {
            (f.process_task + message + length + rate * f.fork.at(MEMORY)) / well
        }
    }
}
// ANCHOR_END: price

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_rate_makes_threads_dear_and_processes_hardly() {
        let f = Figures::made_up();
        let [thread, pool] = [0.0, 0.01].map(|rate| price(Model::Pool, &f, rate, 64.0, 1000.0));
        // 1 / 0.99^100 = 2.73; (2.73 - 1) / 0.01 / 100 = 1.73 tries.
        assert!((pool / thread - 1.76).abs() < 0.02, "{}", pool / thread);
        let [safe, crashing] =
            [0.0, 0.01].map(|rate| price(Model::ProcessPool, &f, rate, 64.0, 1000.0));
        assert!(crashing / safe < 1.03);
    }

    #[test]
    fn figures_draw_the_map() {
        let map = Map::draw(&Figures::made_up());
        assert!(map.different() >= 3 && map.changes().iter().all(|changes| *changes > 0));
        // Without crashes nobody needs a process; long tasks take a thread each.
        assert_eq!(map.winners[0][0], ['T', 'T', 't', 't', 't']);
        // Where one task in ten crashes, nothing else than processes comes to an end.
        assert!(map.winners[4].iter().flatten().all(|mark| "pP".contains(*mark)));
    }
}
