//! What is left for the weak: beside a strong thread of the same class it gets little, beside a
//! real-time thread nothing but what the kernel keeps back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::machine::Busy;
use lab::sample::Pinned;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Unavailable, say, say_why};

use crate::contest::{
    Before, NICEST, PATIENCE, after, cpu, on_one_cpu, own_clock, own_rank, read, set_nice,
    set_policy, threads, too_little,
};

pub const EXPERIMENT: Experiment = Experiment {
    name: "starvation",
    question: "What is left for a thread that everybody outranks?",
    claims: &["os-avoids-starvation"],
    run,
};

/// A weak thread that had no turn while the strong one had so much CPU time has starved.
const STARVED: Duration = Duration::from_millis(4500);
/// Less is not a turn, but the moment in which a thread is moved to its CPU and sets itself up.
const TURN: Duration = Duration::from_micros(500);

fn run(lab: &Lab) -> Result<Evidence> {
    let length = Duration::from_millis(lab.by_effort(50, 250, 2000));
    // ANCHOR: pairs
    // This program may have been started with another nice value, and the way back takes a right.
    let usual: Before = || set_nice(0);
    let idle: Before = || set_policy(libc::SCHED_IDLE, 0);
    let nicest: Before = || set_nice(NICEST);
    // ANCHOR_END: pairs
    let mut evidence = Evidence::new();
    for (name, weak, strong) in
        [("SCHED_IDLE beside nice 0", idle, usual), ("nice 19 beside nice 0", nicest, usual)]
    {
        match contest(weak, strong, length, TURN) {
            Ok(left) => {
                let weak = after(weak, own_rank)?;
                say!("main", "a thread of {weak} beside one of {}:", left.rank);
                say!("main", "  {left}");
                evidence = evidence
                    .fact(&format!("starvation: {name} gets a turn"), left.weak >= TURN)
                    .measured(&format!("starvation: {name}"), left.share(), "%");
            }
            Err(error) => {
                let why = unless_failed(error)?;
                say_why!("main", "{name}: not shown here, {why}");
                evidence = evidence
                    .missing(&format!("starvation: {name} gets a turn"), &why)
                    .missing(&format!("starvation: {name}"), &why);
            }
        }
    }
    // The weights are 15 and 88761: a turn of 4 ms would come every 24 s. Nobody waits for it here.
    let name = "starvation: nice 19 beside nice -20";
    let greedy: Before = || set_nice(-20);
    evidence = match contest(nicest, greedy, length, Duration::ZERO) {
        Ok(left) => {
            let weak = after(nicest, own_rank)?;
            say!("main", "a thread of {weak} beside one of {}:", left.rank);
            say!("main", "  {left}");
            evidence.measured(name, left.share(), "%")
        }
        Err(error) => {
            let why = unless_failed(error)?;
            say_why!("main", "a thread of nice 19 beside one of nice -20: not shown here, {why}");
            evidence.missing(name, why)
        }
    };
    let name = "starvation: beside SCHED_FIFO";
    let window = Duration::from_millis(lab.by_effort(150, 1100, 2100));
    Ok(match least(|| real_time(window).and_then(Left::undisturbed)) {
        Ok(left) => {
            say!("main", "a usual thread beside one of {}:", left.rank);
            say!("main", "  {left}");
            evidence.measured(name, left.share(), "%").measured(
                &format!("{name}: time"),
                left.took.as_secs_f64() * 1e3,
                "ms",
            )
        }
        Err(error) => {
            let why = unless_failed(error)?;
            say_why!("main", "a usual thread beside one of SCHED_FIFO: not shown here, {why}");
            evidence.missing(name, &why).missing(&format!("{name}: time"), &why)
        }
    })
}

/// What the weak one had while the strong one had its part.
struct Left {
    weak: Duration,
    strong: Duration,
    took: Duration,
    /// What the kernel says the strong one is.
    rank: String,
}

impl Left {
    /// Real-time threads share what the kernel leaves to their class on a CPU: beside another one of
    /// them, which no watch for other work sees as such, this says nothing.
    fn undisturbed(self) -> Result<Left> {
        on_one_cpu(self.weak + self.strong, self.took)?;
        if self.weak + self.strong < self.took.mul_f64(0.8) {
            return Err(Unavailable::because("others had the CPU meanwhile").into());
        }
        Ok(self)
    }

    /// Per cent of what both had.
    fn share(&self) -> f64 {
        let weak = self.weak.as_secs_f64();
        100.0 * weak / (weak + self.strong.as_secs_f64()).max(1e-9)
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [weak, strong, took] =
            [self.weak, self.strong, self.took].map(|time| time.as_secs_f64() * 1e3);
        write!(f, "in {took:.0} ms it gets {weak:.1} ms, the strong one {strong:.0} ms")
    }
}

/// Looks again where much was left, and says where least was: what else wakes up on this CPU brings
/// usual threads time that a thread alone would not have.
fn least(look: impl Fn() -> Result<Left>) -> Result<Left> {
    const MUCH: f64 = 20.0;
    let mut least = look()?;
    for _ in 0..2 {
        if least.share() < MUCH {
            break;
        }
        let left = look()?;
        if left.share() < least.share() {
            least = left;
        }
    }
    Ok(least)
}

/// Why something is not to be seen here; what went wrong stays an error.
fn unless_failed(error: anyhow::Error) -> Result<String> {
    match lab::NoEvidence::of(&error) {
        lab::NoEvidence::Unavailable(why) => Ok(why),
        lab::NoEvidence::Failed(_) => Err(error),
    }
}

// ANCHOR: contest
/// Watches until both together have had so much of the CPU and the weak one has had its turn, or
/// until the strong one has had so much that the weak one counts as starved.
fn contest(weak: Before, strong: Before, length: Duration, turn: Duration) -> Result<Left> {
    let strong_one = strong;
    threads(&[weak, strong], |clocks, _| {
        let (from, start, watch) = (clocks()?, Instant::now(), Busy::begin());
        loop {
            std::thread::sleep(Duration::from_millis(2));
            let (now, took) = (clocks()?, start.elapsed());
            let [weak, strong] = [now[0] - from[0], now[1] - from[1]];
            if (weak + strong >= length && weak >= turn) || strong >= STARVED {
                on_one_cpu(weak + strong, took)?;
                return Ok(Left { weak, strong, took, rank: after(strong_one, own_rank)? });
            }
            if took >= PATIENCE {
                return Err(too_little(watch.so_far()));
            }
        }
    })
}
// ANCHOR_END: contest

// ANCHOR: fifo
/// The strong one of SCHED_FIFO keeps the time itself: where there is one CPU, nobody else could.
fn real_time(window: Duration) -> Result<Left> {
    let usual: Before = || set_nice(0);
    threads(&[usual], |clocks, _| {
        std::thread::scope(|scope| {
            let strong = spawn(scope, "fifo", || {
                let _pin = Pinned::to(cpu())?;
                set_policy(libc::SCHED_FIFO, 1)?;
                let (from, own, start) = (clocks()?[0], read(own_clock())?, Instant::now());
                while start.elapsed() < window {
                    std::hint::spin_loop();
                }
                let (took, strong) = (start.elapsed(), read(own_clock())? - own);
                Ok(Left { weak: clocks()?[0] - from, strong, took, rank: own_rank()? })
            })?;
            strong.join().ok().context("the thread has panicked")?
        })
    })
}
// ANCHOR_END: fifo
