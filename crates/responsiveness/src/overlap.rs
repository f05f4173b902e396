//! One thread waits for a device and another one computes, on one CPU, against the same in turn.
//! With computing only nothing is gained there.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::explain;
use lab::sample::{Comparison, Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Summary, say};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use crate::clock;

pub const EXPERIMENT: Experiment = Experiment {
    name: "overlap",
    question: "What do two threads gain on one CPU, if one waits? If both compute?",
    claims: &["threads-use-cpu-efficiently"],
    run,
};

/// The device answers after this long, and the computing takes about as much CPU time.
const WAIT: Duration = Duration::from_millis(1);
/// A pause before each arm: who has slept gets the CPU sooner than others who want it.
const PAUSE: Duration = Duration::from_millis(1);
/// So many threads wait at once in the last part.
const MANY: usize = 50;

/// What one arm took of one round.
struct Taken {
    wall: Duration,
    /// CPU time of all threads.
    used: Duration,
    /// How long the one that computes wanted the CPU and had none.
    lost: Duration,
}

impl Taken {
    /// Measures an arm that returns what its computing part has lost.
    fn by(arm: impl FnOnce() -> Result<Duration>) -> Result<Taken> {
        std::thread::sleep(PAUSE);
        let (start, before) = (Instant::now(), clock::of_process()?);
        let lost = arm()?;
        Ok(Taken { wall: start.elapsed(), used: clock::of_process()? - before, lost })
    }

    fn in_use(&self) -> f64 {
        self.used.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// Whether others left the CPU to the one that computes, but for a sixth of the time.
    fn undisturbed(&self) -> bool {
        self.lost < self.wall / 6
    }
}

fn run(lab: &Lab) -> Result<Evidence> {
    let cpu = allowed_cpus().last().copied().unwrap_or(0);
    // ANCHOR: pin
    let _pin = Pinned::to(cpu)?;
    // ANCHOR_END: pin
    let device = &Device::new()?;
    let steps = steps_in(WAIT)?;
    let rounds = lab.by_effort(4, 9, 60);
    let (mut waiting, mut computing, mut tried) = (Vec::new(), Vec::new(), 0);
    let good = |rounds: &[(bool, [Taken; 3])]| rounds.iter().filter(|(good, _)| *good).count();
    while good(&waiting) < rounds && tried < 5 * rounds {
        tried += 1;
        // ANCHOR: arms
        let turn = Taken::by(|| {
            device.wait()?;
            compute(steps)
        })?;
        let both = Taken::by(|| together(|| compute(steps), || device.wait()))?;
        let asks_first = Taken::by(|| {
            device.ask()?;
            let lost = compute(steps)?;
            device.answer()?;
            Ok(lost)
        })?;
        let twice = Taken::by(|| compute(steps).and(compute(steps)))?;
        let two = Taken::by(|| together(|| compute(steps), || compute(steps).map(drop)))?;
        // ANCHOR_END: arms
        let undisturbed = [&turn, &both, &asks_first].iter().all(|taken| taken.undisturbed());
        waiting.push((undisturbed, [turn, both, asks_first]));
        // Two that compute lose the CPU to each other too; so their CPU time is looked at.
        computing.push((twice.in_use().min(two.in_use()) > 0.85, [twice, two]));
    }
    let (waiting, waiting_doubt) = undisturbed(waiting);
    let (computing, computing_doubt) = undisturbed(computing);
    let in_use = |arm: usize| Summary::of(waiting.iter().map(|arms| arms[arm].in_use()).collect());
    let (turn, both) = in_use(0).zip(in_use(1)).context("no rounds")?;
    let compared = |names, pairs: Vec<[&Taken; 2]>, doubt: &Option<String>| {
        let ms = |taken: &Taken| taken.wall.as_secs_f64() * 1e3;
        let pairs: Vec<_> = pairs.iter().map(|pair| pair.map(ms)).collect();
        let mut compared = Comparison::paired(names, "ms", &pairs).context("no rounds")?;
        compared.place = format!("on CPU {cpu}");
        compared.doubt.clone_from(doubt);
        anyhow::Ok(compared)
    };
    let names = ["one thread waits, then computes", "one waits, one computes"];
    let waits = waiting.iter().map(|[turn, both, _]| [turn, both]).collect();
    let waits = compared(names, waits, &waiting_doubt)?;
    let names = ["one thread waits, then computes", "one thread asks, computes, then reads"];
    let asks = waiting.iter().map(|[turn, _, asks]| [turn, asks]).collect();
    let asks = compared(names, asks, &waiting_doubt)?;
    let names = ["one thread computes twice", "two threads compute"];
    let computes = computing.iter().map(|[twice, two]| [twice, two]).collect();
    let computes = compared(names, computes, &computing_doubt)?;

    let ms = WAIT.as_millis();
    say!("main", "on CPU {cpu}: {ms} ms of waiting, {ms} ms of computing");
    say!("one", "waits, then computes: {:.2} of the CPU is in use", turn.median);
    say!("two", "one waits, one computes: {:.2} of it is in use", both.median);
    say!("two", "  all is done: {}", times_as_fast(&waits));
    say!("one", "asks, computes, reads: {}", times_as_fast(&asks));
    say!("two", "both compute: {}", times_as_fast(&computes));
    // ANCHOR: many
    let mut many = Vec::new();
    for _ in 0..lab.by_effort(3, 5, 30) {
        let one = all(1, || std::thread::sleep(2 * WAIT))?;
        let fifty = all(MANY, || std::thread::sleep(2 * WAIT))?;
        many.push([fifty, one].map(|wall| wall.as_secs_f64() * 1e3));
    }
    // ANCHOR_END: many
    let names = ["fifty threads wait", "one thread waits"];
    let many = Comparison::paired(names, "ms", &many).context("no rounds")?;
    let (times, range) = (many.ratio.median, many.ratio);
    say!("many", "{MANY} threads wait: {times:.2} times as long as one ({range})");
    Ok(Evidence::new()
        .sampled("overlap: CPUs in use, waits then computes", turn, "")
        .sampled("overlap: CPUs in use, one waits and one computes", both, "")
        .compared("overlap: in turn / waiting beside computing", &waits)
        .compared("overlap: in turn / one thread that asks first", &asks)
        .compared("overlap: in turn / computing beside computing", &computes)
        .compared("overlap: fifty waits at once / one", &many))
}

/// The rounds in which others left the CPU alone; if those are too few, all, and why not to trust
/// them.
fn undisturbed<T>(rounds: Vec<(bool, T)>) -> (Vec<T>, Option<String>) {
    let (all, good) = (rounds.len(), rounds.iter().filter(|(good, _)| *good).count());
    let doubt = (good < 3)
        .then(|| format!("others had a part of the CPU in {} of {all} rounds", all - good));
    let keep = |(good, round)| (good || doubt.is_some()).then_some(round);
    (rounds.into_iter().filter_map(keep).collect(), doubt)
}

fn times_as_fast(compared: &Comparison) -> String {
    match &compared.doubt {
        Some(_) => "not decided, others had the CPU".to_owned(),
        None => format!("{:.2} times as fast ({})", compared.ratio.median, compared.ratio),
    }
}

// ANCHOR: together
/// The first by a new thread, the second by this one; what the first has lost since this began.
fn together(
    first: impl FnOnce() -> Result<Duration> + Send,
    second: impl FnOnce() -> Result<()>,
) -> Result<Duration> {
    std::thread::scope(|scope| {
        let start = Instant::now();
        let first = spawn(scope, "first", move || {
            let late = start.elapsed();
            anyhow::Ok(late + first()?)
        })?;
        second()?;
        first.join().ok().context("a thread has panicked")?
    })
}
// ANCHOR_END: together

/// The same by so many threads at once; how long that took.
fn all(count: usize, body: impl Fn() + Sync) -> Result<Duration> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..count {
            spawn(scope, "waits", &body)?;
        }
        anyhow::Ok(())
    })?;
    Ok(start.elapsed())
}

/// Takes so many steps that depend on each other; how long it wanted the CPU and had none.
fn compute(steps: u64) -> Result<Duration> {
    let (start, before) = (Instant::now(), clock::of_thread()?);
    black_box((0..steps).fold(1u64, |value, step| black_box(value.wrapping_mul(3) ^ step)));
    let used = clock::of_thread()? - before;
    Ok(start.elapsed().saturating_sub(used))
}

/// How many steps take so much CPU time: the best of three tries.
fn steps_in(time: Duration) -> Result<u64> {
    const TRIAL: u64 = 200_000;
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let before = clock::of_thread()?;
        compute(TRIAL)?;
        best = best.min(clock::of_thread()? - before);
    }
    Ok((TRIAL as f64 * time.as_secs_f64() / best.as_secs_f64().max(1e-6)) as u64)
}

/// A device that answers a question after a while, as a disk or another computer does. This one is
/// a timer of the kernel, timerfd_create(2): reading it blocks until it has expired.
struct Device(TimerFd);

// ANCHOR: device
impl Device {
    fn new() -> Result<Device> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC);
        Ok(Device(timer.map_err(explain("timerfd_create"))?))
    }

    fn ask(&self) -> Result<()> {
        let after = Expiration::OneShot(TimeSpec::from_duration(WAIT));
        self.0.set(after, TimerSetTimeFlags::empty()).map_err(explain("timerfd_settime"))
    }

    fn answer(&self) -> Result<()> {
        self.0.wait().map_err(explain("read"))
    }

    fn wait(&self) -> Result<()> {
        self.ask()?;
        self.answer()
    }
}
// ANCHOR_END: device
