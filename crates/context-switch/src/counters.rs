//! The kernel counts for each thread how often it gave its CPU up and how often it lost it.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::explain;
use lab::sample::{Pinned, allowed_cpus};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Unavailable, proc, say, say_why};
use nix::sched::sched_yield;
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{getppid, gettid};

use crate::perf::Counter;
use crate::round_trip::{GO, Link, STOP};

pub const EXPERIMENT: Experiment = Experiment {
    name: "counters",
    question: "Who gives its CPU up, and who loses it?",
    claims: &[],
    run,
};

const TIMES: u32 = 1_000;
const SLEEPS: u32 = 20;
const COMPUTING: Duration = Duration::from_millis(60);

fn run(_: &Lab) -> Result<Evidence> {
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let perf = Counter::of_switches();
    let perf = perf.as_ref();

    let calls = counted(perf.ok(), || {
        for _ in 0..TIMES {
            black_box(getppid());
        }
        Ok(())
    })?;
    let sleeping = counted(perf.ok(), || {
        for _ in 0..SLEEPS {
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    })?;
    let asking = asks(cpu, perf.ok())?;
    let yielding = beside_another(perf.ok(), &|| {
        for _ in 0..TIMES {
            sched_yield()?;
        }
        Ok(())
    })?;
    // ANCHOR: compute
    let computing = beside_another(perf.ok(), &|| {
        let start = Instant::now();
        while start.elapsed() < COMPUTING {
            black_box(0);
        }
        Ok(())
    })?;
    // ANCHOR_END: compute

    say!("first", "{:<30} voluntary  involuntary  perf", format!("on CPU {cpu}, and its switches"));
    let rows = [
        ("calls", format!("calls the kernel {TIMES} times"), &calls),
        ("sleeping", format!("sleeps {SLEEPS} times"), &sleeping),
        ("asking", format!("asks a second {TIMES} times"), &asking),
        ("yielding", format!("yields {TIMES} times to a second"), &yielding),
        ("computing", format!("computes {} ms, as a second", COMPUTING.as_millis()), &computing),
    ];
    let mut evidence = Evidence::new();
    for (name, sentence, switches) in rows {
        let Switches { voluntary, involuntary } = switches.by_rusage;
        let by_perf = switches.by_perf.map_or("-".to_owned(), |count| count.to_string());
        say!("first", "{sentence:<30}{voluntary:>10}{involuntary:>13}{by_perf:>6}");
        evidence = evidence
            .measured(&format!("{name}: voluntary"), voluntary, "switches")
            .measured(&format!("{name}: involuntary"), involuntary, "switches");
    }
    let status = Switches::in_proc()?;
    let now = Switches::so_far()?;
    let agree = status.voluntary == now.voluntary;
    say!("first", "/proc: {} voluntary in all; getrusage: {}", status.voluntary, now.voluntary);
    evidence = evidence
        .fact("a call alone gives the CPU up", calls.by_rusage.voluntary > 0)
        .fact("who sleeps gives its CPU up", sleeping.by_rusage.voluntary >= i64::from(SLEEPS))
        .fact("who asks loses or gives up its CPU each time", asking.switches() >= i64::from(TIMES))
        .fact("who yields gives its CPU up", yielding.by_rusage.voluntary > 0)
        .fact("who computes loses it", computing.by_rusage.involuntary > 0)
        .fact("/proc and getrusage agree", agree);
    const PERF: &str = "perf counts both kinds together";
    Ok(match perf {
        Ok(_) => {
            let all = [&calls, &sleeping, &asking, &yielding, &computing];
            evidence.fact(PERF, all.iter().all(|switches| switches.agrees()))
        }
        Err(why) => {
            say_why!("first", "perf counts nothing here: {why:#}");
            evidence.missing(PERF, format!("{why:#}"))
        }
    })
}

/// Switches of one thread.
#[derive(Clone, Copy)]
struct Switches {
    voluntary: i64,
    involuntary: i64,
}

impl Switches {
    // ANCHOR: switches
    /// Those of this thread until now, getrusage(2).
    fn so_far() -> Result<Switches> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).map_err(explain("getrusage"))?;
        Ok(Switches {
            voluntary: usage.voluntary_context_switches(),
            involuntary: usage.involuntary_context_switches(),
        })
    }
    // ANCHOR_END: switches

    /// The same as the kernel shows it to everybody, proc_pid_status(5).
    fn in_proc() -> Result<Switches> {
        let count = |key: &str| -> Result<i64> {
            proc::status(gettid(), key)
                .ok_or_else(|| Unavailable::because(format!("/proc does not show {key}")))?
                .parse()
                .context("a count")
        };
        Ok(Switches {
            voluntary: count("voluntary_ctxt_switches")?,
            involuntary: count("nonvoluntary_ctxt_switches")?,
        })
    }
}

/// What both counters saw of the same stretch.
struct Counted {
    by_rusage: Switches,
    by_perf: Option<u64>,
}

impl Counted {
    /// Whether perf's count is the sum of getrusage's two, but for a switch between the readings.
    fn agrees(&self) -> bool {
        self.by_perf.is_some_and(|count| (count as i64 - self.switches()).abs() <= 2)
    }

    /// Of both kinds.
    fn switches(&self) -> i64 {
        self.by_rusage.voluntary + self.by_rusage.involuntary
    }
}

/// Counts the switches of this thread during `body`.
fn counted(perf: Option<&Counter>, body: impl FnOnce() -> Result<()>) -> Result<Counted> {
    let read = || perf.map(Counter::read).transpose();
    let (before, before_perf) = (Switches::so_far()?, read()?);
    body()?;
    let (after, after_perf) = (Switches::so_far()?, read()?);
    Ok(Counted {
        by_rusage: Switches {
            voluntary: after.voluntary - before.voluntary,
            involuntary: after.involuntary - before.involuntary,
        },
        by_perf: after_perf.zip(before_perf).map(|(after, before)| after - before),
    })
}

fn asks(cpu: usize, perf: Option<&Counter>) -> Result<Counted> {
    let link = Link::new()?;
    std::thread::scope(|threads| {
        spawn(threads, "second", || link.answer_or_give_up(cpu, &|| ()))?;
        let asked = counted(perf, || (0..TIMES).try_for_each(|_| link.ask(GO)));
        link.ask(STOP).unwrap_or_else(|error| lab::child::give_up(&error));
        asked
    })
}

/// Counts while a second thread on the same CPU does the same, from the same moment on.
fn beside_another(
    perf: Option<&Counter>,
    body: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Counted> {
    let start = Barrier::new(2);
    std::thread::scope(|threads| {
        let second = spawn(threads, "second", || {
            start.wait();
            body()
        })?;
        start.wait();
        let first = counted(perf, body);
        second.join().expect("the body does not panic")?;
        first
    })
}
