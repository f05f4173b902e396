//! The kernel chooses on which CPU a thread runs, among those that the thread allows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use lab::child::explain;
use lab::machine::{Busy, allowed_cpus};
use lab::sample::Pinned;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, Unavailable, say};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;

pub const EXPERIMENT: Experiment = Experiment {
    name: "affinity",
    question: "Who chooses the CPU, and are all of them used?",
    claims: &["os-schedules"],
    run,
};

/// So many CPUs are looked at, at most.
const CPUS: usize = 4;
/// After this long the threads stop, however little of a CPU they had.
const PATIENCE: Duration = Duration::from_secs(3);

fn run(lab: &Lab) -> Result<Evidence> {
    let mut cpus = allowed_cpus();
    say!("main", "this thread may run on CPU {}", list(&cpus));
    cpus.truncate(CPUS);
    let moved = moved_by_call(&cpus)?;
    let refused = refused(&[])?;
    let word = if refused { "refused with EINVAL" } else { "not refused" };
    say!("main", "a set without any CPU is {word}");

    let work = Duration::from_millis(lab.by_effort(80, 150, 1000)) * cpus.len() as u32;
    let free = crowd(&cpus, work, |_| Ok(None))?;
    // ANCHOR: pinned
    let pinned = crowd(&cpus, work, |cpus| Pinned::to(cpus[0]).map(Some))?;
    // ANCHOR_END: pinned
    let all = cpus.len();
    for (name, crowd) in [("free", &free), ("pinned", &pinned)] {
        let Crowd { threads, used, .. } = crowd;
        say!(name, "{threads} threads that spin ran on {} of {all} CPUs", used.len());
        say!(name, "  and had {:.0} % of the time of {all}", crowd.share(all) * 100.0);
    }
    say!("free", "they lost a CPU to another thread {} times", free.preempted);
    let mut evidence = Evidence::new()
        .fact("affinity: CPUs looked at", all)
        .fact("affinity: threads", free.threads)
        .fact("affinity: free threads slept", free.slept)
        .fact("affinity: CPUs used by free threads", free.used.len())
        .fact("affinity: CPUs used by pinned threads", pinned.used.len())
        .fact("affinity: free threads are preempted", free.preempted > 0)
        .measured("affinity: share of the CPUs, free", free.share(all) * 100.0, "%")
        .measured("affinity: share of the CPUs, pinned", pinned.share(all) * 100.0, "%")
        .fact("affinity: an empty set is refused", refused);
    let name = "affinity: the call moves the thread";
    evidence = match moved {
        Some(moved) => evidence.fact(name, moved),
        None => evidence.missing(name, "only one CPU is allowed here"),
    };
    let name = "affinity: idle while threads want a CPU";
    Ok(match free.idle {
        Some(idle) => evidence.measured(name, idle * 100.0, "%"),
        None => evidence.missing(name, "/proc/stat does not show it here"),
    })
}

// ANCHOR: moves
/// Whether a thread that takes its CPU out of its own set is elsewhere when the call returns.
fn moved_by_call(cpus: &[usize]) -> Result<Option<bool>> {
    let &[first, .., last] = cpus else { return Ok(None) };
    let _before = Pinned::to(first)?;
    let before = on_cpu()?;
    let _after = Pinned::to(last)?;
    let after = on_cpu()?;
    say!("main", "allows CPU {first} only: it is on {before}");
    say!("main", "allows CPU {last} only: it is on {after}");
    Ok(Some(before == first && after == last))
}
// ANCHOR_END: moves

/// Whether the kernel refuses a set of which this thread may use no CPU.
fn refused(cpus: &[usize]) -> Result<bool> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu)?;
    }
    match sched_setaffinity(Pid::from_raw(0), &set) {
        Err(Errno::EINVAL) => Ok(true),
        set => set.map(|()| false).map_err(explain("sched_setaffinity")),
    }
}

fn on_cpu() -> Result<usize> {
    // SAFETY: the call takes nothing.
    let cpu = unsafe { libc::sched_getcpu() };
    Ok(Errno::result(cpu).map_err(explain("getcpu"))? as usize)
}

/// What became of twice as many threads as there are CPUs.
struct Crowd {
    threads: usize,
    /// Whether they gave up the CPU by themselves, again and again: then they did not want it.
    slept: bool,
    used: Vec<usize>,
    preempted: i64,
    had: Duration,
    took: Duration,
    idle: Option<f64>,
}

impl Crowd {
    /// What the threads had of so many CPUs, 0 to 1.
    fn share(&self, cpus: usize) -> f64 {
        self.had.as_secs_f64() / (self.took.as_secs_f64() * cpus as f64)
    }
}

// ANCHOR: crowd
/// Lets the threads spin, each after `place`, until together they have had so much CPU time.
fn crowd(
    cpus: &[usize],
    work: Duration,
    place: impl Fn(&[usize]) -> Result<Option<Pinned>> + Sync,
) -> Result<Crowd> {
    let (over, had) = (AtomicBool::new(false), AtomicU64::new(0));
    let (start, watch, idle) = (Instant::now(), Busy::begin(), idle(cpus));
    let spin = || -> Result<(Vec<usize>, [i64; 2])> {
        let _place = place(cpus)?;
        let (mut used, mut counted) = (vec![false; cpus.len()], 0);
        while !over.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
            let cpu = on_cpu()?;
            if let Some(index) = cpus.iter().position(|known| *known == cpu) {
                used[index] = true;
            }
            let now = own_cpu_time()?;
            had.fetch_add(now - counted, Ordering::Relaxed);
            counted = now;
        }
        let switches = getrusage(UsageWho::RUSAGE_THREAD).map_err(explain("getrusage"))?;
        let used = cpus.iter().zip(used).filter(|(_, used)| *used).map(|(cpu, _)| *cpu);
        let switches =
            [switches.voluntary_context_switches(), switches.involuntary_context_switches()];
        Ok((used.collect(), switches))
    };
    // ANCHOR_END: crowd
    let ended = std::thread::scope(|scope| -> Result<Vec<_>> {
        let mut threads = Vec::new();
        for _ in 0..2 * cpus.len() {
            threads.push(spawn(scope, "spinner", spin)?);
        }
        while had.load(Ordering::Relaxed) < work.as_nanos() as u64 && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a panic"))?).collect()
    })?;
    let (took, had) = (start.elapsed(), Duration::from_nanos(had.into_inner()));
    if let (true, Some(busy)) = (had < work / 2, watch.so_far()) {
        return Err(Unavailable::because(busy).into());
    }
    let mut used: Vec<usize> = ended.iter().flat_map(|(used, _)| used.clone()).collect();
    used.sort_unstable();
    used.dedup();
    let [voluntary, preempted] =
        [0, 1].map(|kind| ended.iter().map(|(_, switches)| switches[kind]).sum::<i64>());
    let (threads, slept) = (ended.len(), voluntary > 10 * ended.len() as i64);
    let idle = idle.zip(self::idle(cpus)).map(|(then, now)| {
        now.saturating_sub(then).as_secs_f64() / (took.as_secs_f64() * cpus.len() as f64)
    });
    Ok(Crowd { threads, slept, used, preempted, had, took, idle })
}

fn own_cpu_time() -> Result<u64> {
    let now = crate::contest::read(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(now.as_nanos() as u64)
}

/// How long these CPUs together have had nothing to do since the machine began, proc_stat(5):
/// `cpuN user nice system idle ...`, in ticks of 10 ms.
fn idle(cpus: &[usize]) -> Option<Duration> {
    let text = lab::proc::read("/proc/stat").ok()?;
    let mut ticks = 0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let cpu = words.next().and_then(|word| word.strip_prefix("cpu")?.parse().ok());
        if cpu.is_some_and(|cpu: usize| cpus.contains(&cpu)) {
            ticks += words.nth(3)?.parse::<u64>().ok()?;
        }
    }
    Some(Duration::from_millis(10 * ticks))
}

/// Numbers as the kernel writes them: `0-3,6`.
fn list(cpus: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = cpus;
    while let [first, ..] = rest {
        let run = rest.iter().enumerate().take_while(|(i, cpu)| **cpu == first + i).count();
        parts.push(match run {
            1 => first.to_string(),
            _ => format!("{first}-{}", rest[run - 1]),
        });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn holes_are_shown() {
        assert_eq!(super::list(&[0, 1, 2, 3, 6]), "0-3,6");
        assert_eq!(super::list(&[5]), "5");
        assert_eq!(super::list(&[1, 3, 4]), "1,3-4");
    }
}
