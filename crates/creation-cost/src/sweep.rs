//! `fork` against the memory of the parent: what makes it slow is copying page-table entries.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::machine::page_size;
use lab::sample::{Contestant, Pinned, Sampling, allowed_cpus};
use lab::{Evidence, Experiment, Lab, Unavailable, say, say_why};

use crate::making::{self, Program, cpu_time};
use crate::memory::{Memory, available};

pub const EXPERIMENT: Experiment = Experiment {
    name: "sweep",
    question: "Does fork get slower as the parent grows, and what exactly makes it so?",
    claims: &["creation-slow-by-allocation"],
    run,
};

const MIB: usize = 1 << 20;
/// Where two kinds of memory stand in the table whose pages are looked at.
const MAPPED: usize = 4;
const HUGE: usize = 5;
/// What memory is called that is in huge pages.
const IN_HUGE: &str = "touched, in huge pages";
/// From this share on memory is in huge pages but for its ends, which need not lie at one.
const MOSTLY: f64 = 0.85;

fn run(lab: &Lab) -> Result<Evidence> {
    let program = Program::find();
    let most = affordable(lab.by_effort(128, 256, 1024) * MIB)?;
    let mib = most / MIB;
    let (untouched, touched) = (Memory::private(most)?, Memory::private(most)?);
    let (huge, shared) = (Memory::huge(most)?, Memory::shared(most)?);
    touched.touch(most);
    huge.touch(most);
    shared.touch(most);
    let given = huge.in_huge_pages()?;
    say!("parent", "holds {mib} MiB in four ways; madvise says what fork sees");

    let mut cases = vec![
        forking("nothing", &touched, 0),
        forking("a 16th, touched", &touched, most / 16),
        forking("a quarter, touched", &touched, most / 4),
        forking("all of it, touched", &touched, most),
        forking("mapped", &untouched, most),
        forking("touched, asking for huge pages", &huge, most),
        forking("touched, but shared", &shared, most),
    ];
    if let Some(program) = &program {
        let mut starting = |name, bytes, make: fn(&Program) -> Result<()>| {
            let touched = &touched;
            cases.push(Contestant::timed(name, move |_| {
                touched.in_fork(bytes, || cpu_time(|| make(program)))
            }));
        };
        starting("posix_spawn, small", 0, Program::spawned);
        starting("posix_spawn, large", most, Program::spawned);
        starting("Command, large", most, Program::commanded);
        starting("Command with pre_exec, large", most, Program::commanded_with_pre_exec);
    }
    let _pinned = Pinned::to(*allowed_cpus().first().context("no CPU is allowed")?)?;
    let measured = Sampling {
        rounds: lab.by_effort(5, 7, 15),
        // So short a batch makes each round one operation.
        batch: Duration::from_nanos(1),
        // What is asked turns on a factor of three and more.
        tolerance: 0.5,
    }
    .measure(&mut cases)?;
    // Huge pages can be split again, and what was only mapped can be touched.
    let given = given.min(huge.in_huge_pages()?);
    let strayed = untouched.in_memory()?;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);

    let mut found = Evidence::new()
        .measured("parent's memory", mib, "MiB")
        .measured("touched, of what was to be only mapped", strayed * 100.0, "%")
        .measured("in huge pages, of what asked", given * 100.0, "%")
        .fact("huge pages given", given >= MOSTLY);
    say!("parent", "{:<30} {:>8} {:>11}", "what a fork sees of it", "CPU time", "to nothing");
    for (index, case) in cases.iter().enumerate() {
        let (time, compared) = (measured.microseconds(index), measured.compare(index, 0));
        let ratio = compared.ratio.median;
        // Such memory is called so only if it was found to be so.
        let label = match index {
            MAPPED if strayed == 0.0 => "mapped, not touched".to_owned(),
            MAPPED => format!("mapped, {} touched", percent(strayed)),
            HUGE => format!("touched, {} in huge pages", percent(given)),
            _ => case.name.to_owned(),
        };
        let name = if index == HUGE && given >= MOSTLY { IN_HUGE } else { case.name };
        say!("parent", "{label:<30} {:>5.0} µs {ratio:>9.1} x", time.median);
        found = match index {
            0 => found.sampled(name, time, "µs"),
            _ => found.compared(&format!("{name} / nothing"), &compared.named(name, "nothing")),
        };
    }
    drop(cases);
    if given < MOSTLY {
        let why = format!("{} of it came in huge pages", percent(given));
        found = found.missing(&format!("{IN_HUGE} / nothing"), why);
    }
    if let Some(doubt) = measured.doubt() {
        say_why!("parent", "measured {} times, and {doubt}", measured.attempts());
    }

    let (page, pages) = (page_size(), (most / page_size()) as f64);
    let copied = measured.difference(3, 0).median / pages;
    const COPIED: &str = "fork, per touched page";
    found = match measured.doubt() {
        None => {
            say!(
                "parent",
                "each touched page of {} KiB adds {copied:.0} ns to a fork",
                page / 1024
            );
            found.measured(COPIED, copied, "ns")
        }
        Some(doubt) => found.doubtful(COPIED, doubt),
    };
    let rewritten = rewriting(&touched, most)?.as_nanos() as f64 / pages;
    say!("parent", "a page's next write by the parent, after a fork: {rewritten:.0} ns");
    found = found.measured("the parent's next write, per page", rewritten, "ns");
    Ok(match program {
        Some(_) => found.compared("posix_spawn, large / small", &measured.compare(8, 7)),
        None => {
            found.missing("posix_spawn, large / small", "there is no program `true` on the PATH")
        }
    })
}

/// A fork that sees the first `bytes` of `memory` and nothing else of what is mapped here.
fn forking<'a>(name: &'static str, memory: &'a Memory, bytes: usize) -> Contestant<'a> {
    Contestant::timed(name, move |_| {
        // A fork that sees nothing finds the caches as a large one before it left them.
        making::forked()?;
        memory.in_fork(bytes, || cpu_time(making::forked))
    })
}

/// CPU time of the parent's writes to all pages after a fork, which has made them read-only.
fn rewriting(memory: &Memory, bytes: usize) -> Result<Duration> {
    memory.in_fork(bytes, making::forked)?;
    cpu_time(|| {
        memory.touch(bytes);
        Ok(())
    })
}

/// Halves `wanted` until the machine can hold it three times and keep a reserve.
fn affordable(wanted: usize) -> Result<usize> {
    let (mut bytes, (free, whose)) = (wanted, available());
    while bytes > 16 * MIB && bytes * 4 > free {
        bytes /= 2;
    }
    if bytes * 4 > free {
        let why = match free {
            0 => {
                "neither /proc/meminfo nor a control group says how much memory is left".to_owned()
            }
            _ => format!("only {} MiB of memory are left ({whose})", free / MIB),
        };
        return Err(Unavailable::because(why).into());
    }
    Ok(bytes)
}
