//! One workload by four models, and five marks for each: speed, memory, what a crash costs, who sees
//! a secret, and how much program it takes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, failed, in_words, late};
use lab::machine::page_size;
use lab::sample::{Comparison, Contestant, Pinned, Sampling, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Shared, say, say_why};

use crate::arms::{self, Answers, JOBS, Job, NOTHING_LEFT, Work};
use crate::memory::{idle_process, idle_thread, own_of_process};

pub const EXPERIMENT: Experiment = Experiment {
    name: "scoreboard",
    question: "One workload by four models: which is best at what?",
    claims: &["choose-processes-when", "choose-threads-when"],
    run,
};

type Arm = fn(&Work) -> Result<Answers>;

// ANCHOR: arms
const ARMS: [(&str, Arm); 4] = [
    ("thread", arms::thread),
    ("thread pool", arms::thread_pool),
    ("process", arms::process),
    ("process pool", arms::process_pool),
];
// ANCHOR_END: arms

/// The job that crashes, and the one that leaves a secret.
const CRASHES: usize = 7;
const LEAVES: usize = 0;

fn run(lab: &Lab) -> Result<Evidence> {
    let mib = lab.by_effort(8, 32, 64);
    let cpu = *allowed_cpus().last().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let work = Work::new(mib << 20)?;
    say!("parent", "{JOBS} tiles of an image of {mib} MiB, all on CPU {cpu}; again with a");
    say!("parent", "job that crashes; with one that leaves a secret all look for");
    let heads: String = ARMS.map(|(name, _)| format!("{name:>13}")).concat();
    say!("parent", "{:<9}{heads}", "");
    let mut evidence = Evidence::new().fact("jobs", JOBS).measured("image", mib as f64, "MiB");

    evidence = speed(lab, &work, evidence)?;
    evidence = memory(lab, &work, evidence)?;

    let mut jobs = [Job::Sum; JOBS];
    jobs[CRASHES] = Job::Crash;
    let mut work = work.with(jobs);
    let mut line = String::new();
    for (name, arm) in ARMS {
        let Kept { answers, crashed } = kept(&work, arm)?;
        line += &match crashed {
            true => format!("{:>13}", format!("{answers} of {JOBS}")),
            false => format!("{:>13}", "no crash"),
        };
        evidence = evidence
            .fact(&format!("{name}: a job crashed"), crashed)
            .fact(&format!("{name}: jobs kept after a crash"), answers);
    }
    say!("parent", "{:<9}{line}", "kept");

    let mut jobs = [Job::Look; JOBS];
    jobs[LEAVES] = Job::Leave;
    let (mut others, mut later) = (String::new(), String::new());
    for (name, arm) in ARMS {
        // Each arm begins without the secret.
        work = Work::new(1 << 20)?.with(jobs);
        let seen = seen(&arm(&work)?)?;
        let words = |[saw, looked]: [usize; 2]| match (saw, looked) {
            (_, 0) => "none",
            (0, _) => "no",
            (saw, looked) if saw == looked => "yes",
            _ => "some",
        };
        others += &format!("{:>13}", words(seen.others));
        later += &format!("{:>13}", words(seen.same));
        evidence = evidence
            .fact(&format!("{name}: other workers that looked"), seen.others[1] > 0)
            .fact(&format!("{name}: another worker sees the secret"), seen.others[0] > 0)
            .fact(&format!("{name}: the worker's later job sees the secret"), seen.same[0] > 0);
    }
    say!("parent", "{:<9}{others}", "secret");
    say!("parent", "{:<9}{later}", "  later");

    let (mut lines, mut calls) = (String::new(), String::new());
    for (name, _) in ARMS {
        let size = Complexity::of(&name.replace(' ', "-")).context("an arm without a source")?;
        lines += &format!("{:>13}", size.lines);
        calls += &format!("{:>13}", size.calls);
        evidence = evidence
            .fact(&format!("{name}: lines"), size.lines)
            .fact(&format!("{name}: system calls in its source"), size.calls);
    }
    say!("parent", "{:<9}{lines}", "lines");
    say!("parent", "{:<9}{calls}", "calls");
    say!("parent", "secret: another worker sees it; later: the same worker does");
    Ok(evidence)
}

/// All four in turn, on one CPU: what the work costs altogether.
fn speed(lab: &Lab, work: &Work, evidence: Evidence) -> Result<Evidence> {
    let contestants = ARMS.map(|(name, arm)| {
        Contestant::timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                ensure!(arm(work)?.iter().all(Option::is_some), "{name}: a job was lost");
            }
            Ok(start.elapsed())
        })
    });
    let rounds = lab.by_effort(5, 9, 25);
    let sampling = Sampling { rounds, batch: Duration::from_nanos(1), tolerance: 0.2 };
    let mut contestants = contestants;
    let rounds = sampling.measure(&mut contestants)?;
    let line: String = (0..ARMS.len())
        .map(|arm| format!("{:>13.1}", rounds.microseconds(arm).median * 1e-3))
        .collect();
    match rounds.doubt() {
        None => say!("parent", "{:<9}{line}", "ms"),
        Some(why) => say_why!("parent", "{:<9}{why}", "ms"),
    }
    Ok(evidence
        .compared("a process each / a thread each", &rounds.compare(2, 0))
        .compared("a process pool / a thread pool", &rounds.compare(3, 1)))
}

/// What one more worker holds, thread and process in turn.
fn memory(lab: &Lab, work: &Work, evidence: Evidence) -> Result<Evidence> {
    let [_, in_kernel, _] = idle_process()?.in_kernel();
    let mut pairs = Vec::new();
    for _ in 0..lab.by_effort(3, 3, 9) {
        let own = own_of_process(|| {
            // It reads every page of the image.
            let pages = work.image.iter().step_by(page_size());
            black_box(pages.map(|byte| u64::from(*byte)).sum::<u64>());
        })?;
        pairs.push([own + in_kernel, idle_thread()?.all()[1]]);
    }
    let names = ["memory of a process", "memory of a thread"];
    let compared = Comparison::paired(names, "KiB", &pairs).context("nothing was made")?;
    let [(_, process), (_, thread)] = &compared.sides;
    let (process, thread) = (process.median, thread.median);
    let (as_thread, as_process) = ("as a thread", "as a process");
    say!("parent", "{:<9}{thread:>13.0}{as_thread:>13}{process:>13.0}{as_process:>13}", "KiB each");
    let copied = process * 1024.0 > work.image.len() as f64 / 2.0;
    Ok(evidence
        .compared("memory: process / thread", &compared)
        .fact("a process copies the image", copied))
}

/// What is left when one job has crashed.
struct Kept {
    answers: usize,
    /// Whether one has: it ended the whole program, or its answer is not there.
    crashed: bool,
}

/// Answers are counted where the model runs, and told at the end, so what ends with the process is
/// not told.
fn kept(work: &Work, arm: Arm) -> Result<Kept> {
    let told = Shared::new(AtomicU64::new(0))?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let program = unsafe {
        Child::fork(|| match arm(work) {
            Ok(answers) => {
                told.store(answers.iter().flatten().count() as u64, Relaxed);
                0
            }
            Err(error) => failed(&error),
        })
    }?;
    let status = in_words(program.wait()?);
    ensure!(matches!(&*status, "exited with 0" | "was ended by SIGSEGV"), "the program {status}");
    let answers = told.load(Relaxed) as usize;
    Ok(Kept { answers, crashed: status != "exited with 0" || answers < JOBS })
}

/// How many saw the secret, and how many looked.
struct Seen {
    others: [usize; 2],
    same: [usize; 2],
}

fn seen(answers: &Answers) -> Result<Seen> {
    let mut seen = Seen { others: [0; 2], same: [0; 2] };
    let owner = answers[LEAVES].context("the secret was not left")?;
    for (job, answer) in answers.iter().enumerate().filter(|(job, _)| *job != LEAVES) {
        let answer = answer.with_context(|| format!("job {job} was lost"))?;
        ensure!(answer != NOTHING_LEFT, late("the secret was not left"));
        let (saw, who) = (answer >> 32, answer & 0xffff_ffff);
        let whose = if who == owner { &mut seen.same } else { &mut seen.others };
        whose[0] += saw as usize;
        whose[1] += 1;
    }
    Ok(seen)
}

/// How much program an arm is: counted in its source, between its anchors.
struct Complexity {
    lines: usize,
    calls: usize,
}

/// What makes a system call in the arms: clone3, futex, fork, mmap, wait4.
const CALLS: [&str; 5] = ["spawn(", ".join()", "Child::fork(", "Shared::new(", ".wait()"];

impl Complexity {
    fn of(anchor: &str) -> Option<Complexity> {
        let source = include_str!("arms.rs");
        let from = source.split(&format!("// ANCHOR: {anchor}\n")).nth(1)?;
        let text = from.split(&format!("// ANCHOR_END: {anchor}\n")).next()?;
        let code = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//"));
        let calls = |line: &str| CALLS.iter().map(|call| line.matches(call).count()).sum::<usize>();
        let (mut lines, mut all) = (0, 0);
        for line in code {
            (lines, all) = (lines + 1, all + calls(line));
        }
        Some(Complexity { lines, calls: all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arm_has_a_source_and_a_size() {
        for (name, _) in ARMS {
            let size = Complexity::of(&name.replace(' ', "-")).unwrap();
            assert!(size.lines > 5 && size.calls >= 2, "{name}");
        }
    }

    #[test]
    fn who_looks_decides_whose_secret_it_is() {
        let mut answers: Answers = vec![Some(1 << 32 | 5); JOBS];
        answers[LEAVES] = Some(4);
        answers[1] = Some(1 << 32 | 4);
        answers[2] = Some(5);
        let seen = seen(&answers).unwrap();
        assert_eq!((seen.others, seen.same), ([JOBS - 3, JOBS - 2], [1, 1]));
    }
}
