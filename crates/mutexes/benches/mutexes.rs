//! The three-state futex mutex beside std's, parking_lot's and pthread's:
//! `cargo bench -p mutexes`.
//!
//! All are measured in turn, and a ratio is the median of the ratios of neighbours. The three-state
//! mutex takes part twice: where it differs from itself by more than 2 % the machine is too noisy.
//!
//! No figure of one machine is a figure of another. Handing over, the three-state mutex took 1.28
//! times as long as std's on one virtual machine with two CPUs and 0.8 to 0.9 of it on others. Both
//! look for a while before they sleep; whether the other lets go just before or just after that
//! depends on how far apart the CPUs are. The columns "distance" and "sleeps" show both.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Summary, machine};
use mutexes::{Mutex, ThreeState};
use nix::sys::resource::{UsageWho, getrusage};
use shared_memory::distance::{Distance, Probe};

fn main() -> Result<()> {
    // `cargo test --all-targets` runs this too, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    println!("{}\n", machine::one_line());
    uncontended()?;
    let cpus = allowed_cpus();
    let [here, .., there] = cpus[..] else {
        println!("contended: not to be measured with one CPU");
        return Ok(());
    };
    contended("two threads lock, add one, and unlock", [here, there], free)?;
    contended("two threads hand over: each adds one when the other has", [here, there], hand_over)
}

/// A mutex around what the threads count.
trait Candidate: Sync {
    fn new() -> Self;
    fn with<R>(&self, section: impl FnOnce(&mut Count) -> R) -> R;
}

#[derive(Default)]
struct Count {
    turns: u64,
    last: usize,
}

impl Candidate for Mutex<ThreeState, Count> {
    fn new() -> Self {
        Mutex::new(Count::default())
    }
    #[inline]
    fn with<R>(&self, section: impl FnOnce(&mut Count) -> R) -> R {
        section(&mut self.lock())
    }
}

impl Candidate for std::sync::Mutex<Count> {
    fn new() -> Self {
        std::sync::Mutex::new(Count::default())
    }
    #[inline]
    fn with<R>(&self, section: impl FnOnce(&mut Count) -> R) -> R {
        section(&mut self.lock().expect("nobody panics while holding the lock"))
    }
}

impl Candidate for parking_lot::Mutex<Count> {
    fn new() -> Self {
        parking_lot::Mutex::new(Count::default())
    }
    #[inline]
    fn with<R>(&self, section: impl FnOnce(&mut Count) -> R) -> R {
        section(&mut self.lock())
    }
}

struct Pthread {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    count: UnsafeCell<Count>,
}

// SAFETY: the count is reached only while the mutex is held.
unsafe impl Sync for Pthread {}

impl Candidate for Pthread {
    fn new() -> Self {
        let mutex = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
        Pthread { mutex, count: UnsafeCell::default() }
    }
    #[inline]
    fn with<R>(&self, section: impl FnOnce(&mut Count) -> R) -> R {
        // SAFETY: the mutex was initialised, and it is moved only while nobody uses it.
        unsafe { libc::pthread_mutex_lock(self.mutex.get()) };
        // SAFETY: the mutex is held.
        let result = section(unsafe { &mut *self.count.get() });
        // SAFETY: as above; this thread holds the mutex.
        unsafe { libc::pthread_mutex_unlock(self.mutex.get()) };
        result
    }
}

/// Cache lines of its own: where a mutex lies must not decide.
#[repr(align(128))]
struct Lines<M>(M);

const NAMES: [&str; 5] = ["three-state", "three-state again", "std", "parking_lot", "pthread"];
const OWN: usize = 0;
const AGAIN: usize = 1;
const STD: usize = 2;

// --- Nobody else wants it. -----------------------------------------------------------------

fn uncontended() -> Result<()> {
    let (done, second_thread_waits) = mpsc::channel::<()>();
    // As long as a process has one thread only, glibc locks without an atomic instruction.
    let second_thread = std::thread::spawn(move || second_thread_waits.recv());
    let own = Lines(Mutex::<ThreeState, Count>::new(Count::default()));
    let standard = Lines(std::sync::Mutex::new(Count::default()));
    let parking = Lines(parking_lot::Mutex::new(Count::default()));
    let pthread = Lines(Pthread::new());
    fn contestant<'a, M: Candidate>(index: usize, mutex: &'a Lines<M>) -> Contestant<'a> {
        Contestant::new(NAMES[index], || {
            mutex.0.with(|count| count.turns += 1);
            Ok(())
        })
    }
    let rounds = Rounds::measure(
        101,
        Duration::from_millis(3),
        &mut [
            contestant(0, &own),
            contestant(1, &own),
            contestant(2, &standard),
            contestant(3, &parking),
            contestant(4, &pthread),
        ],
    )?;
    println!("uncontended: lock, add one, unlock\n");
    println!("{:<20}{:>8}{:>8}{:>8}{:>24}", "", "best ns", "median", "p90", "three-state / it");
    let mut worst = 0.0_f64;
    for (index, name) in NAMES.iter().enumerate() {
        let time = rounds.nanoseconds(index);
        let ratio = rounds.ratio(OWN, index);
        println!(
            "{name:<20}{:>8.2}{:>8.2}{:>8.2}{:>24}",
            time.min,
            time.median,
            time.p90,
            shown(ratio)
        );
        worst = worst.max(if index == AGAIN { 0.0 } else { ratio.median });
    }
    let control = rounds.ratio(OWN, AGAIN).median;
    println!("\n{}", verdict(control, format!("{worst:.3} × the fastest")));
    drop(done);
    let _ = second_thread.join();
    Ok(())
}

/// A ratio with its 10th and 90th percentile.
fn shown(ratio: Summary) -> String {
    format!("{:.3} ({ratio})", ratio.median)
}

fn verdict(control: f64, sentence: String) -> String {
    if (control - 1.0).abs() > 0.02 {
        format!("too noisy: three-state / three-state is {control:.3}\n")
    } else {
        format!("three-state: {sentence} (control {control:.3})\n")
    }
}

// --- Two threads want it all the time. -----------------------------------------------------

/// Length of a batch.
const BATCH: Duration = Duration::from_millis(1);
/// Rounds before it is looked whether they suffice.
const ROUNDS: usize = 50;
/// Pairs of undisturbed batches that a good ratio has, and those that it needs.
const PLENTY: usize = 300;
const ENOUGH: usize = 60;
/// When it has to do with what there is.
const LIMIT: Duration = Duration::from_secs(20);

/// What one thread did in one batch.
#[derive(Clone, Copy, Debug)]
struct Side {
    turns: u64,
    begin: Instant,
    end: Instant,
    /// Times it went to sleep, getrusage(2).
    slept: i64,
    /// Time in which it could have run and had no CPU.
    delayed: Duration,
    /// A cache line there and back, before and after.
    distance: [Duration; 2],
}

/// What one of the two threads does in one batch of a round; returns its turns.
type Job = Box<dyn Fn(Batch) -> u64 + Sync>;

#[derive(Clone, Copy, Debug)]
struct Batch {
    round: usize,
    me: usize,
    time: Duration,
}

fn contended(title: &str, cpus: [usize; 2], job: fn(usize) -> Job) -> Result<()> {
    let jobs: Vec<Job> = (0..NAMES.len()).map(job).collect();
    let (start, mut samples) = (Instant::now(), Vec::new());
    while start.elapsed() < LIMIT && fewest_pairs(&samples) < PLENTY {
        let meeting = Meeting::default();
        let [ours, theirs] = std::thread::scope(|threads| -> Result<[Vec<Side>; 2]> {
            let other = threads.spawn(|| all_batches(1, cpus[1], &jobs, &meeting));
            let ours = all_batches(0, cpus[0], &jobs, &meeting)?;
            Ok([ours, other.join().ok().context("a thread panicked")??])
        })?;
        let rounds = ours.chunks(NAMES.len()).zip(theirs.chunks(NAMES.len()));
        samples.extend(rounds.map(|(ours, theirs)| -> Vec<Option<Sample>> {
            ours.iter().zip(theirs).map(|(a, b)| Sample::of(a, b)).collect()
        }));
    }
    if fewest_pairs(&samples) < ENOUGH {
        println!("contended: {title}: the machine is too busy to tell\n");
        return Ok(());
    }
    println!("contended: {title}\n");
    println!(
        "{:<20}{:>8}{:>8}{:>8}{:>10}{:>10}{:>11}{:>10}{:>24}",
        "",
        "batches",
        "best ns",
        "median",
        "distance",
        "lesser %",
        "overlap %",
        "sleeps ‰",
        "it / std"
    );
    for (index, name) in NAMES.iter().enumerate() {
        let all: Vec<Sample> = samples.iter().filter_map(|round| round[index]).collect();
        let of = |part: fn(&Sample) -> f64| {
            Summary::of(all.iter().map(part).collect()).context("every batch was disturbed")
        };
        let time = of(|sample| sample.nanoseconds)?;
        println!(
            "{name:<20}{:>8}{:>8.1}{:>8.1}{:>10.0}{:>10.1}{:>11.1}{:>10.1}{:>24}",
            time.n,
            time.min,
            time.median,
            of(|sample| sample.distance.as_nanos() as f64)?.median,
            of(|sample| sample.lesser)?.median,
            of(|sample| sample.overlap)?.median,
            of(|sample| sample.sleeps)?.median,
            shown(ratio(&samples, index, STD)?),
        );
    }
    let sentence = format!("{} × std", shown(ratio(&samples, OWN, STD)?));
    println!("\n{}", verdict(ratio(&samples, AGAIN, OWN)?.median, sentence));
    Ok(())
}

/// Of the contestants, the fewest batches that can be compared with both std's and one's own.
fn fewest_pairs(samples: &[Vec<Option<Sample>>]) -> usize {
    let pairs = |index| ratios(samples, index, STD).len().min(ratios(samples, index, OWN).len());
    (0..NAMES.len()).map(pairs).min().unwrap_or(0)
}

/// The ratios of the batches of `a` and `b` in the same round, at the same distance.
fn ratios(samples: &[Vec<Option<Sample>>], a: usize, b: usize) -> Vec<f64> {
    let pair = |round: &Vec<Option<Sample>>| {
        let (a, b) = (round[a]?, round[b]?);
        let alike = Distance::of(a.distance) == Distance::of(b.distance);
        alike.then_some(a.nanoseconds / b.nanoseconds)
    };
    samples.iter().filter_map(pair).collect()
}

fn ratio(samples: &[Vec<Option<Sample>>], a: usize, b: usize) -> Result<Summary> {
    Summary::of(ratios(samples, a, b)).context("no pairs")
}

/// Both threads' batch, if neither was disturbed.
#[derive(Clone, Copy, Debug)]
struct Sample {
    nanoseconds: f64,
    /// Turns of the thread that had fewer, in percent.
    lesser: f64,
    /// How much of the time both were at it, in percent.
    overlap: f64,
    /// Times a thread went to sleep, in a thousand turns.
    sleeps: f64,
    distance: Duration,
}

impl Sample {
    fn of(a: &Side, b: &Side) -> Option<Sample> {
        let (first, last) = (a.begin.min(b.begin), a.end.max(b.end));
        let both = a.end.min(b.end).saturating_duration_since(a.begin.max(b.begin));
        let (whole, turns) = ((last - first).as_nanos() as f64, (a.turns + b.turns) as f64);
        let overlap = 100.0 * both.as_nanos() as f64 / whole;
        let undisturbed = a.delayed.max(b.delayed) < BATCH / 20
            && Distance::of(a.distance[0]) == Distance::of(a.distance[1])
            && overlap > 90.0;
        undisturbed.then_some(Sample {
            nanoseconds: whole / turns,
            lesser: 100.0 * a.turns.min(b.turns) as f64 / turns,
            overlap,
            sleeps: 1000.0 * (a.slept + b.slept) as f64 / turns,
            distance: a.distance[0],
        })
    }
}

/// One thread's batches, round by round: all contestants in turn, each round beginning with another.
fn all_batches(me: usize, cpu: usize, jobs: &[Job], meeting: &Meeting) -> Result<Vec<Side>> {
    let _pinned = Pinned::to(cpu)?;
    let mut sides = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = Vec::new();
        for turn in 0..jobs.len() {
            let index = (round + turn) % jobs.len();
            let before = meeting.distance(me)?;
            let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
            let delay = run_delay()?;
            meeting.meet();
            let begin = Instant::now();
            let turns = jobs[index](Batch { round, me, time: BATCH });
            let end = Instant::now();
            let delayed = run_delay()? - delay;
            let used = getrusage(UsageWho::RUSAGE_THREAD)?;
            let distance = [before, meeting.distance(me)?];
            let slept = used.voluntary_context_switches() - usage.voluntary_context_switches();
            row.push((index, Side { turns, begin, end, slept, delayed, distance }));
        }
        // The first round warms up.
        if round > 0 {
            row.sort_by_key(|(index, _)| *index);
            sides.extend(row.into_iter().map(|(_, side)| side));
        }
    }
    Ok(sides)
}

/// The time that this thread has waited for a CPU, `/proc/thread-self/schedstat`.
fn run_delay() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("schedstat")?;
    let delay = text.split_whitespace().nth(1).context("schedstat has no second field")?;
    Ok(Duration::from_nanos(delay.parse()?))
}

fn free(index: usize) -> Job {
    fn job<M: Candidate + Send + 'static>() -> Job {
        let mutexes = one_for_each_round::<M>();
        Box::new(move |batch| {
            until(batch.time, || {
                mutexes[batch.round].0.with(|count| count.turns += 1);
                1
            })
        })
    }
    [
        job::<Mutex<ThreeState, Count>>,
        job::<Mutex<ThreeState, Count>>,
        job::<std::sync::Mutex<Count>>,
        job::<parking_lot::Mutex<Count>>,
        job::<Pthread>,
    ][index]()
}

fn hand_over(index: usize) -> Job {
    fn job<M: Candidate + Send + 'static>() -> Job {
        let mutexes = one_for_each_round::<M>();
        Box::new(move |batch| {
            until(batch.time, || {
                mutexes[batch.round].0.with(|count| {
                    let mine = count.last != batch.me;
                    count.last = batch.me;
                    u64::from(mine)
                })
            })
        })
    }
    [
        job::<Mutex<ThreeState, Count>>,
        job::<Mutex<ThreeState, Count>>,
        job::<std::sync::Mutex<Count>>,
        job::<parking_lot::Mutex<Count>>,
        job::<Pthread>,
    ][index]()
}

/// Each round takes another one: two cache lines of the same chip can be 10 % apart in what their
/// way from core to core takes, because their addresses decide which part of the cache they go
/// through.
fn one_for_each_round<M: Candidate>() -> Vec<Lines<M>> {
    (0..=ROUNDS).map(|_| Lines(M::new())).collect()
}

/// Repeats `turn` for so long, and adds up what it returns. The clock is read seldom.
fn until(time: Duration, mut turn: impl FnMut() -> u64) -> u64 {
    let end = Instant::now() + time;
    let mut turns = 0;
    while Instant::now() < end {
        for _ in 0..32 {
            turns += turn();
        }
    }
    turns
}

/// Where the two threads meet, awake.
#[derive(Default)]
struct Meeting {
    arrived: AtomicU64,
    probe: Probe,
}

impl Meeting {
    /// Spins until both are here.
    fn meet(&self) {
        let arrived = self.arrived.fetch_add(1, SeqCst);
        let both = (arrived / 2 + 1) * 2;
        while self.arrived.load(SeqCst) < both {
            std::hint::spin_loop();
        }
    }

    /// The time of a cache line there and back: the least of several, for the thread that asks.
    fn distance(&self, me: usize) -> Result<Duration> {
        self.meet();
        let mut least = Duration::MAX;
        for _ in 0..5 {
            match me {
                0 => least = least.min(self.probe.ask().context("the other thread is stuck")?),
                _ => self.probe.answer(),
            }
        }
        self.meet();
        Ok(least)
    }
}
