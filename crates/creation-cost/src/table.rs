//! Nine ways to make something that does nothing and to wait for its end, measured in turn on
//! one CPU.

use std::time::Duration;

use anyhow::Result;
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say};

use crate::making::{self, Borrowed, Program, cpu_time};
use crate::tracing::{Event, traced};

pub const EXPERIMENT: Experiment = Experiment {
    name: "table",
    question: "What does it cost to make one, and to wait for its end?",
    claims: &["thread-creation-faster"],
    run,
};

/// A way to make something.
struct Way<'a> {
    name: &'static str,
    make: Box<dyn FnMut() -> Result<()> + 'a>,
}

fn run(lab: &Lab) -> Result<Evidence> {
    let mut borrowed = Borrowed::new();
    let program = Program::find();
    let mut ways = vec![
        way("thread", making::thread),
        way("thread again", making::thread),
        way("pthread_create", making::pthread),
        way("vfork-style clone", || borrowed.process()),
        way("fork", making::forked),
    ];
    if let Some(program) = &program {
        ways.push(way("posix_spawn", || program.spawned()));
        ways.push(way("fork and exec", || program.forked_and_executed()));
        ways.push(way("Command", || program.commanded()));
        ways.push(way("Command with pre_exec", || program.commanded_with_pre_exec()));
    }
    let made_by = ways.iter_mut().map(mechanism).collect::<Result<Vec<_>>>()?;

    let cpu = allowed_cpus()[0];
    let _pinned = Pinned::to(cpu)?;
    let rounds = lab.by_effort(11, 21, 101);
    let batch = Duration::from_millis(lab.by_effort(1, 2, 5));
    say!("parent", "makes each of them on CPU {cpu}, in turn, in {rounds} rounds");
    let (measured, attempts) = measure(rounds, batch, &mut ways)?;
    say!("parent", "{:<22} {:>9} {:>10}  made by", "", "CPU time", "to thread");
    let mut found = Evidence::new().fact("attempts", attempts);
    for (index, (way, made_by)) in ways.iter().zip(made_by).enumerate() {
        let (time, ratio) = (measured.microseconds(index), measured.ratio(index, THREAD));
        let by = made_by.unwrap_or("unknown: this machine forbids ptrace");
        let name = way.name;
        say!("parent", "{name:<22} {:>6.1} µs {:>8.2} x  {by}", time.median, ratio.median);
        found = found.sampled(name, time, "µs");
        found = found.sampled(&format!("{name} / thread"), ratio, "");
        found = match made_by {
            Some(by) => found.fact(&format!("{name} is made by"), by),
            None => found.missing(&format!("{name} is made by"), by),
        };
    }
    found = found.sampled("thread / pthread_create", measured.ratio(THREAD, PTHREAD), "");
    Ok(match program {
        Some(_) => found,
        None => found.missing("posix_spawn / thread", "there is no program `true` on the PATH"),
    })
}

const THREAD: usize = 0;
const CONTROL: usize = 1;
const PTHREAD: usize = 2;

/// How often at most the whole is measured, until a thread costs as much as a thread.
const ATTEMPTS: u32 = 3;

fn way<'a>(name: &'static str, make: impl FnMut() -> Result<()> + 'a) -> Way<'a> {
    Way { name, make: Box::new(make) }
}

/// Measures all ways in turn, and again when the control shows that the machine was too noisy;
/// returns how often.
fn measure(rounds: usize, batch: Duration, ways: &mut [Way<'_>]) -> Result<(Rounds, u32)> {
    let mut attempt = 1;
    loop {
        let mut contestants: Vec<_> = ways
            .iter_mut()
            .map(|Way { name, make }| {
                Contestant::timed(name, move |times| {
                    // The first one finds the caches as another contestant left them.
                    make()?;
                    cpu_time(|| (0..times).try_for_each(|_| make()))
                })
            })
            .collect();
        let measured = Rounds::measure(rounds, batch, &mut contestants)?;
        let control = measured.ratio(CONTROL, THREAD).median;
        if (control - 1.0).abs() < crate::claims::NOISE || attempt == ATTEMPTS {
            return Ok((measured, attempt));
        }
        say!("parent", "a thread costs {control:.2} x a thread: too noisy, measures again");
        attempt += 1;
    }
}

/// What the kernel says about how a way's first task was made, and whether a program was loaded.
fn mechanism(way: &mut Way<'_>) -> Result<Option<&'static str>> {
    let Some(events) = traced(&mut way.make)? else { return Ok(None) };
    let loaded = events.contains(&Event::CallOfNew(libc::SYS_execve as u64));
    let made = events.iter().find(|event| !matches!(event, Event::Call(_) | Event::CallOfNew(_)));
    Ok(match (made, loaded) {
        (Some(Event::Clone), false) => Some("clone"),
        (Some(Event::Vfork), false) => Some("vfork"),
        (Some(Event::Fork), false) => Some("fork"),
        (Some(Event::Vfork), true) => Some("vfork, exec"),
        (Some(Event::Fork), true) => Some("fork, exec"),
        _ => anyhow::bail!("{} made nothing that the kernel reported", way.name),
    })
}
