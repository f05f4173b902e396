//! Threads of the system take turns on any CPU. Threads of the hardware, where a core has them, are
//! CPUs for the system, and share what the core has.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{explain, give_up};
use lab::machine::allowed_cpus;
use lab::sample::{Comparison, Pinned};
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::time::{ClockId, clock_gettime};

use crate::crew::{Kind, together};

pub const EXPERIMENT: Experiment = Experiment {
    name: "smt",
    question: "Does it take a special CPU to run several threads?",
    claims: &["multithreading-is-a-cpu-ability"],
    run,
};

const THREADS: usize = 100;
const STEPS: usize = 10;
/// A thread that spins gives up after so much time of its CPU.
const PATIENCE: Duration = Duration::from_millis(400);
/// So many turns each of two spinning threads wants.
const TURNS: u64 = 3;
/// So many rounds of computing are the work of one thread.
const WORK: u32 = 300_000;

fn run(lab: &Lab) -> Result<Evidence> {
    let cpus = allowed_cpus();
    let cpu = *cpus.last().context("no CPU is allowed")?;
    let in_turn = steps_on_one_cpu(cpu)?;
    say!("main", "CPU {cpu}: {in_turn} threads went through {STEPS} steps, in turn");
    let turns = turns_of_spinners(cpu)?;
    say!("main", "CPU {cpu}: two threads that never wait had {turns} of {TURNS} turns each");
    let mut evidence = Evidence::new()
        .fact("smt: threads in turn on one CPU", in_turn)
        .fact("smt: turns of threads that never wait", turns)
        .fact("smt: all had their turns", in_turn == THREADS && turns == TURNS);

    let siblings = pair(&cpus, true);
    match &siblings {
        Ok(Some([first, second])) => say!("main", "CPUs {first} and {second} are one core"),
        Ok(None) => say!("main", "no two of the CPUs allowed here share a core: no SMT is seen"),
        Err(why) => say_why!("main", "{why}"),
    }
    let none = |what: &str| format!("no two CPUs that are allowed here {what}");
    let places = [
        ("one CPU", Ok([cpu, cpu])),
        ("siblings", siblings.and_then(|pair| pair.ok_or(none("share a core")))),
        ("two cores", pair(&cpus, false).and_then(|pair| pair.ok_or(none("are two cores")))),
    ];
    for (name, place) in places {
        let fact = format!("smt: work of two threads on {name} / of one");
        evidence = match place {
            Err(why) => evidence.missing(&fact, why),
            Ok(place) => {
                let ratio = throughput(lab.by_effort(5, 9, 31), place)?.ratio;
                let median = ratio.median;
                say!("main", "two on {name}: {median:.2} times the work of one ({ratio})");
                evidence.sampled(&fact, ratio, "")
            }
        };
    }
    Ok(evidence)
}

// ANCHOR: steps
/// How many threads go through a number of steps on one CPU, if none may begin a step before all
/// have done the one before.
fn steps_on_one_cpu(cpu: usize) -> Result<usize> {
    let (step, all) = (Barrier::new(THREADS), AtomicUsize::new(0));
    let begun = [const { AtomicUsize::new(0) }; STEPS];
    std::thread::scope(|scope| -> Result<()> {
        for _ in 0..THREADS {
            spawn(scope, "step", || {
                let _pinned = Pinned::to(cpu).unwrap_or_else(|error| give_up(&error));
                let mut together = true;
                for begun in &begun {
                    begun.fetch_add(1, AcqRel);
                    step.wait();
                    together &= begun.load(Acquire) == THREADS;
                }
                all.fetch_add(usize::from(together), Relaxed);
            })?;
        }
        Ok(())
    })?;
    Ok(all.into_inner())
}
// ANCHOR_END: steps

// ANCHOR: spin
/// Two threads on one CPU that never wait and never yield, and still take turns: each ends its turn
/// in its own mind only, and begins the next when it has seen the other's. How many turns both had.
fn turns_of_spinners(cpu: usize) -> Result<u64> {
    let turns = [AtomicU64::new(0), AtomicU64::new(0)];
    let spin = |own: usize| -> Result<()> {
        let _pinned = Pinned::to(cpu)?;
        let (start, other) = (own_time()?, 1 - own);
        let mut turn = 0;
        while turn < TURNS && own_time()? - start < PATIENCE {
            if turns[other].load(Relaxed) >= turn {
                turn += 1;
                turns[own].store(turn, Relaxed);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<()> {
        let first = spawn(scope, "first", || spin(0))?;
        let second = spawn(scope, "second", || spin(1))?;
        first.join().expect("no panic")?;
        second.join().expect("no panic")
    })?;
    Ok(turns.into_iter().map(AtomicU64::into_inner).min().unwrap_or(0))
}
// ANCHOR_END: spin

/// CPU time of this thread.
fn own_time() -> Result<Duration> {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(explain("clock_gettime"))?;
    Ok(now.into())
}

// ANCHOR: siblings
/// The CPUs that share a core with this one, itself included.
fn siblings_of(cpu: usize) -> Result<Vec<usize>, String> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    list(&text).ok_or(format!("{path}: {text:?}"))
}
// ANCHOR_END: siblings

/// What the kernel writes as `0-3,6`.
fn list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

/// The first two of `cpus` that share a core, or that do not.
fn pair(cpus: &[usize], same_core: bool) -> Result<Option<[usize; 2]>, String> {
    for (index, first) in cpus.iter().enumerate() {
        let core = siblings_of(*first)?;
        let mut others = cpus[index + 1..].iter();
        if let Some(second) = others.find(|other| core.contains(other) == same_core) {
            return Ok(Some([*first, *second]));
        }
    }
    Ok(None)
}

/// How many times the work of one thread two do in the same time, on these two CPUs.
fn throughput(rounds: usize, cpus: [usize; 2]) -> Result<Comparison> {
    let place = |number: usize| cpus[number];
    let work = |workers| -> Result<f64> {
        let (took, _) = together(Kind::Threads, workers, &place, &|worker| {
            worker.begin()?;
            compute();
            Ok(())
        })?;
        Ok(took.as_secs_f64() * 1e6 / workers as f64)
    };
    let mut pairs = Vec::new();
    for round in 0..rounds {
        let first = work(1 + round % 2)?;
        let second = work(2 - round % 2)?;
        pairs.push(if round % 2 == 0 { [first, second] } else { [second, first] });
    }
    Comparison::paired(["one thread, a part", "two threads, a part"], "µs", &pairs)
        .context("no rounds")
}

/// Work that keeps several units of a core busy, and needs no memory.
fn compute() {
    let mut values = black_box([1u64, 2, 3, 4]);
    for _ in 0..WORK {
        for value in &mut values {
            *value = value.wrapping_mul(6364136223846793005).rotate_left(7) ^ 1;
        }
    }
    black_box(values);
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_of_cpus_are_read_as_the_kernel_writes_them() {
        assert_eq!(super::list("0\n"), Some(vec![0]));
        assert_eq!(super::list("0,64\n"), Some(vec![0, 64]));
        assert_eq!(super::list("2-3,6"), Some(vec![2, 3, 6]));
        assert_eq!(super::list(""), None);
    }
}
