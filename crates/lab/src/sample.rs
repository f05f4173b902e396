//! Sampling: contestants measured in turn, compared round by round.
//!
//! An absolute figure of one run says little on a shared machine; the ratio of two batches that
//! ran one after the other says much. So a ratio is never made from two medians. It is made in one
//! of two ways, and [`Evidence::compared`](crate::Evidence::compared) takes either as facts:
//!
//! - Times: [`Rounds::measure`] runs the contestants there and back (A B C, C B A, ...), with a
//!   control and a check of context switches; [`Rounds::compare`] is the ratio of two of them.
//!   A ping-pong is one contestant for each party that answers:
//!   `Contestant::new("process", || ask(to_process)).switching(1.0..=1.1)`. Contestants that wait
//!   for a thread or child of their own pin both, with [`Pinned`].
//! - Anything else that was counted or timed side by side, such as the rates of two rings over the
//!   same distance or the memory of two parties: [`Comparison::paired`].

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;

use crate::Unavailable;
use crate::events::Stretch;
use crate::evidence::Summary;
pub use crate::machine::allowed_cpus;

/// One thing to measure: runs its operation that many times and takes the time.
pub struct Contestant<'a> {
    /// What is measured.
    pub name: &'static str,
    run: Box<dyn FnMut(u32) -> Result<Duration> + 'a>,
    /// What `run` does more often than it is told, before it looks at the clock.
    unmeasured: u32,
    switches: Option<RangeInclusive<f64>>,
}

/// What one operation took, as the mean of a batch.
#[derive(Clone, Copy)]
struct Taken {
    nanoseconds: f64,
    /// Context switches of this thread.
    switches: f64,
}

impl<'a> Contestant<'a> {
    /// A contestant whose operation is timed in batches, by the clock on the wall. One operation
    /// before each batch is not timed: it finds the caches as another contestant left them.
    pub fn new(name: &'static str, operation: impl FnMut() -> Result<()> + 'a) -> Self {
        let start = Instant::now();
        Contestant::by_clock(name, move || Ok(start.elapsed()), operation)
    }

    /// The same by another clock: `now` is a time since any fixed point.
    pub fn by_clock(
        name: &'static str,
        now: impl Fn() -> Result<Duration> + 'a,
        mut operation: impl FnMut() -> Result<()> + 'a,
    ) -> Self {
        let run = move |times| {
            operation()?;
            let start = now()?;
            for _ in 0..times {
                operation()?;
            }
            Ok(now()?.saturating_sub(start))
        };
        Contestant { name, run: Box::new(run), unmeasured: 1, switches: None }
    }

    /// A contestant that takes its own time of so many operations.
    pub fn timed(name: &'static str, batch: impl FnMut(u32) -> Result<Duration> + 'a) -> Self {
        Contestant { name, run: Box::new(batch), unmeasured: 0, switches: None }
    }

    /// How often this thread loses its CPU in one operation: once where it sleeps until an answer
    /// is there, never where it spins. A round with another count is thrown away, for then nobody
    /// waited for anybody, or somebody else used the CPU.
    pub fn switching(mut self, each: RangeInclusive<f64>) -> Self {
        self.switches = Some(each);
        self
    }

    fn batch(&mut self, times: u32) -> Result<Taken> {
        let (stretch, before) = (Stretch::begin(), switches());
        let took = (self.run)(times)?;
        let taken = Taken {
            nanoseconds: took.as_nanos() as f64 / f64::from(times),
            switches: (switches() - before) as f64 / f64::from(times + self.unmeasured),
        };
        stretch.end(trace::UNTOLD, format_args!("{}, {times} times", self.name));
        Ok(taken)
    }

    fn believes(&self, taken: &Taken) -> bool {
        self.switches.as_ref().is_none_or(|right| right.contains(&taken.switches))
    }
}

/// How often this thread gave up its CPU or lost it, getrusage(2).
fn switches() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0, |usage| {
        usage.voluntary_context_switches() + usage.involuntary_context_switches()
    })
}

/// How far the control may be from 1 where nothing else is said.
pub const TOLERANCE: f64 = 0.1;
/// How often the whole is measured at most, until the control agrees with itself.
const ATTEMPTS: u32 = 3;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// So many batches of each contestant.
    pub rounds: usize,
    /// How long a batch takes, about. So short a time as 1 ns makes it one operation.
    pub batch: Duration,
    /// How far the control may be from 1: less than what the question turns on.
    pub tolerance: f64,
}

/// What each contestant took: one column per contestant, one row per round.
pub struct Rounds {
    names: Vec<&'static str>,
    columns: Vec<Vec<Taken>>,
    /// The first contestant, measured a second time in each round.
    again: Vec<Taken>,
    /// Whether switches were checked.
    checked: bool,
    place: String,
    doubt: Option<String>,
    attempts: u32,
}

impl Rounds {
    /// Measures all contestants in turn for `rounds` rounds, with batches of about `batch` and a
    /// tolerance of [`TOLERANCE`]; see [`Sampling::measure`].
    pub fn measure(
        rounds: usize,
        batch: Duration,
        contestants: &mut [Contestant<'_>],
    ) -> Result<Rounds> {
        Sampling { rounds, batch, tolerance: TOLERANCE }.measure(contestants)
    }

    /// Nanoseconds per operation of one contestant.
    pub fn nanoseconds(&self, contestant: usize) -> Summary {
        summary(self.columns[contestant].iter().map(|taken| taken.nanoseconds))
    }

    /// Microseconds per operation of one contestant.
    pub fn microseconds(&self, contestant: usize) -> Summary {
        summary(self.columns[contestant].iter().map(|taken| taken.nanoseconds * 1e-3))
    }

    /// How many times longer `a` takes than `b`, paired by round.
    pub fn ratio(&self, a: usize, b: usize) -> Summary {
        paired(&self.columns[a], &self.columns[b])
    }

    /// By how many nanoseconds `a` takes longer than `b`, paired by round.
    pub fn difference(&self, a: usize, b: usize) -> Summary {
        let pairs = self.columns[a].iter().zip(&self.columns[b]);
        summary(pairs.map(|(a, b)| a.nanoseconds - b.nanoseconds))
    }

    /// The ratio with all that belongs to it; both sides in microseconds.
    pub fn compare(&self, a: usize, b: usize) -> Comparison {
        let side = |index: usize| (self.names[index].to_owned(), self.microseconds(index));
        let switches =
            |index: usize| summary(self.columns[index].iter().map(|taken| taken.switches));
        Comparison {
            sides: [side(a), side(b)],
            unit: "µs".to_owned(),
            ratio: self.ratio(a, b),
            control: Some((again(self.names[0]), self.control())),
            switches: self.checked.then(|| [switches(a), switches(b)]),
            place: self.place.clone(),
            doubt: self.doubt.clone(),
        }
    }

    /// How many times longer the first contestant takes than itself: what of a ratio is noise.
    pub fn control(&self) -> Summary {
        paired(&self.again, &self.columns[0])
    }

    /// Why none of the ratios is to be trusted.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// How often the whole was measured, because the control was off.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

fn summary(samples: impl Iterator<Item = f64>) -> Summary {
    Summary::of(samples.collect()).expect("there is at least one round")
}

fn paired(a: &[Taken], b: &[Taken]) -> Summary {
    summary(a.iter().zip(b).map(|(a, b)| a.nanoseconds / b.nanoseconds))
}

impl Sampling {
    /// Measures all contestants in turn, there and back, so that each follows each neighbour as
    /// often and a drift of the machine cancels out. The first is measured a second time in each
    /// round, as the control. Runs before the first round find the batches' sizes and are thrown
    /// away. Where the control is off, the whole is measured again.
    ///
    /// # Errors
    ///
    /// If an operation fails. That a figure is not to be trusted is no error, but a doubt.
    pub fn measure(self, contestants: &mut [Contestant<'_>]) -> Result<Rounds> {
        ensure!(self.rounds > 0 && !contestants.is_empty(), "nothing to measure");
        let stretch = Stretch::begin();
        let mut sizes = Vec::new();
        for contestant in contestants.iter_mut() {
            sizes.push(calibrate(self.batch, contestant)?);
        }
        let mut attempt = 1;
        loop {
            let mut rounds = self.once(contestants, &sizes)?;
            rounds.attempts = attempt;
            if rounds.doubt.is_none() || attempt == ATTEMPTS {
                let (of, names) = (self.rounds, rounds.names.join(", "));
                stretch.end(trace::WORK, format_args!("measures {names}: {of} rounds in turn"));
                return Ok(rounds);
            }
            attempt += 1;
        }
    }

    fn once(self, contestants: &mut [Contestant<'_>], sizes: &[u32]) -> Result<Rounds> {
        let (mut right, mut wrong, mut why) = (Vec::new(), Vec::new(), String::new());
        // ANCHOR: measure
        while right.len() < self.rounds && right.len() + wrong.len() < 3 * self.rounds {
            let there = 0..contestants.len();
            let mut round = Vec::new();
            if (right.len() + wrong.len()).is_multiple_of(2) {
                for index in there.chain([0]) {
                    round.push(contestants[index].batch(sizes[index])?);
                }
            } else {
                for index in [0].into_iter().chain(there.rev()) {
                    round.push(contestants[index].batch(sizes[index])?);
                }
                round.reverse();
            }
            // ANCHOR_END: measure
            match contestants.iter().zip(&round).find(|(party, taken)| !party.believes(taken)) {
                None => right.push(round),
                Some((party, taken)) => {
                    why = format!("{}: {:.2} switches each", party.name, taken.switches);
                    wrong.push(round);
                }
            }
        }
        let rejected = right.len() < self.rounds.div_ceil(3);
        let rounds = if rejected { wrong } else { right };
        let column = |index: usize| rounds.iter().map(|round| round[index]).collect();
        let mut rounds = Rounds {
            names: contestants.iter().map(|contestant| contestant.name).collect(),
            columns: (0..contestants.len()).map(column).collect(),
            again: column(contestants.len()),
            checked: contestants.iter().any(|contestant| contestant.switches.is_some()),
            place: place(),
            doubt: None,
            attempts: 1,
        };
        let control = rounds.control().median;
        let off = (control - 1.0).abs();
        if rejected {
            rounds.doubt = Some(format!("rejected, {why}"));
        } else if off.is_nan() || off >= self.tolerance {
            let name = rounds.names[0];
            rounds.doubt = Some(format!("too noisy: {name} took {control:.2} times itself"));
        }
        Ok(rounds)
    }
}

/// Two parties side by side: what each took, and the ratio of the first to the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Each party's name and samples.
    pub sides: [(String, Summary); 2],
    /// The unit of both sides.
    pub unit: String,
    /// First to second, paired.
    pub ratio: Summary,
    /// A party's ratio to itself and what it is called, where it was measured twice.
    pub control: Option<(String, Summary)>,
    /// Context switches of the measuring thread in one operation of each, where they were checked.
    pub switches: Option<[Summary; 2]>,
    /// Where the measuring thread ran.
    pub place: String,
    /// Why the ratio is not to be trusted.
    pub doubt: Option<String>,
}

impl Comparison {
    /// Calls the sides, and with them the control, otherwise.
    pub fn named(mut self, first: &str, second: &str) -> Comparison {
        for ((name, _), new) in self.sides.iter_mut().zip([first, second]) {
            if let Some((control, _)) = &mut self.control
                && *control == again(name)
            {
                *control = again(new);
            }
            *name = new.to_owned();
        }
        self
    }

    /// Compares what was measured in pairs, each of which was taken at about the same time. `None`
    /// without a pair.
    pub fn paired(sides: [&str; 2], unit: &str, pairs: &[[f64; 2]]) -> Option<Comparison> {
        let side = |which: usize| Summary::of(pairs.iter().map(|pair| pair[which]).collect());
        Some(Comparison {
            sides: [(sides[0].to_owned(), side(0)?), (sides[1].to_owned(), side(1)?)],
            unit: unit.to_owned(),
            ratio: Summary::of(pairs.iter().map(|[first, second]| first / second).collect())?,
            control: None,
            switches: None,
            place: place(),
            doubt: None,
        })
    }
}

/// The name of a control.
fn again(name: &str) -> String {
    format!("{name} again / {name}")
}

/// Where this thread may run.
fn place() -> String {
    match allowed_cpus()[..] {
        [cpu] => format!("on CPU {cpu}"),
        ref cpus => format!("on any of {} CPUs", cpus.len()),
    }
}

/// How many operations take about `target`.
fn calibrate(target: Duration, contestant: &mut Contestant<'_>) -> Result<u32> {
    let mut size = 1;
    loop {
        let each = contestant.batch(size)?.nanoseconds;
        if each * f64::from(size) * 2.0 >= target.as_nanos() as f64 || size >= 1 << 24 {
            return Ok((target.as_nanos() as f64 / each.max(1.0)).clamp(1.0, 1e8) as u32);
        }
        // A batch may take long to prepare, so few are better than many. But this one is believed only
        // so far: what comes once in a batch makes its operations look slower or, cached, faster.
        let enough = target.as_nanos() as f64 / each.max(1.0);
        size = (enough as u32).clamp(2 * size, 8 * size);
    }
}

/// Keeps this thread on one CPU until the value is dropped.
#[must_use = "the thread is released when this value is dropped"]
pub struct Pinned(Option<CpuSet>);

impl Pinned {
    /// Pins this thread to `cpu`, which must be among the [`allowed_cpus`].
    pub fn to(cpu: usize) -> Result<Pinned> {
        let before = sched_getaffinity(Pid::from_raw(0)).ok();
        let mut set = CpuSet::new();
        let within = set.set(cpu);
        within.map_err(|_| {
            let most = CpuSet::count();
            Unavailable::because(format!("CPU {cpu}: these programs pin to the first {most} only"))
        })?;
        sched_setaffinity(Pid::from_raw(0), &set)
            .map_err(crate::child::explain("sched_setaffinity"))?;
        Ok(Pinned(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(Pid::from_raw(0), before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Absent, Evidence};

    /// A contestant whose n-th batch takes what `nanoseconds` says of it.
    fn made_up<'a>(
        name: &'static str,
        mut nanoseconds: impl FnMut() -> u64 + 'a,
    ) -> Contestant<'a> {
        Contestant::timed(name, move |times| {
            Ok(Duration::from_nanos(nanoseconds() * u64::from(times)))
        })
    }

    fn measure(mut contestants: Vec<Contestant<'_>>) -> Rounds {
        Rounds::measure(6, Duration::from_nanos(1), &mut contestants).unwrap()
    }

    #[test]
    fn a_ratio_pairs_neighbours_however_the_machine_drifts() {
        let time = std::rc::Rc::new(std::cell::Cell::new(1000));
        let drifting = |factor: u64| {
            let time = time.clone();
            move || {
                time.set(time.get() + 10);
                time.get() * factor
            }
        };
        let rounds = measure(vec![made_up("a", drifting(1)), made_up("b", drifting(3))]);
        let compared = rounds.compare(1, 0);
        assert!((compared.ratio.median - 3.0).abs() < 0.05, "{compared:?}");
        assert!(compared.sides[1].1.p90 > compared.sides[1].1.p10);
        assert_eq!((compared.doubt, compared.ratio.n), (None, 6));
        assert_eq!(compared.control.unwrap().0, "a again / a");
    }

    #[test]
    fn a_ratio_is_the_median_of_ratios_and_not_that_of_medians() {
        let taken = |times: [f64; 2]| times.map(|nanoseconds| Taken { nanoseconds, switches: 0.0 });
        let ratio = paired(&taken([2.0, 8.0]), &taken([1.0, 2.0]));
        assert_eq!((ratio.p10, ratio.median, ratio.p90), (2.0, 3.0, 4.0));
    }

    #[test]
    fn who_differs_from_itself_is_measured_again_and_then_doubted() {
        // One batch to calibrate, then there and back: first, again, again, first.
        let mut calls = 0;
        let swinging = move || {
            calls += 1;
            if [1, 2].contains(&(calls % 4)) { 100 } else { 300 }
        };
        let rounds = measure(vec![made_up("a", swinging)]);
        assert_eq!((rounds.control().median, rounds.attempts()), (3.0, 3));
        assert!(rounds.doubt().unwrap().contains("a took 3.00 times itself"));
        let evidence = Evidence::new().compared("b / a", &rounds.compare(0, 0));
        assert!(matches!(evidence.number("b / a"), Err(Absent::Declared { noisy: true, .. })));
        assert!(evidence.number("a").is_ok(), "what was measured is there");
    }

    #[test]
    fn a_wrong_count_of_switches_rejects() {
        let spinning = made_up("asker", || 100).switching(0.95..=1.1);
        let compared = measure(vec![spinning, made_up("other", || 100)]).compare(0, 1);
        let doubt = compared.doubt.expect("it never switches");
        assert!(doubt.contains("asker: 0.00 switches"), "{doubt}");
        assert_eq!(compared.switches.unwrap()[0].median, 0.0);
    }

    #[test]
    fn what_was_not_measured_is_not_compared() {
        assert_eq!(Comparison::paired(["a", "b"], "KiB", &[]), None);
        let compared = Comparison::paired(["a", "b"], "KiB", &[[2.0, 1.0], [8.0, 2.0]]).unwrap();
        assert_eq!(compared.ratio.median, 3.0);
    }
}
