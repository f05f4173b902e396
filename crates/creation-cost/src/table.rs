//! Eight ways to make something that does nothing and to wait for its end, measured in turn on
//! one CPU.

use std::time::Duration;

use anyhow::{Context, Result};
use lab::sample::{Contestant, Pinned, Rounds, allowed_cpus};
use lab::{Evidence, Experiment, Lab, say, say_why};

use crate::making::{self, Borrowed, Program};
use crate::tracing::{Event, kind, traced};

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

    let cpu = *allowed_cpus().first().context("no CPU is allowed")?;
    let _pinned = Pinned::to(cpu)?;
    let rounds = lab.by_effort(11, 21, 101);
    let batch = Duration::from_millis(lab.by_effort(1, 2, 5));
    say!("parent", "makes each of them on CPU {cpu}, in turn, in {rounds} rounds");
    let mut contestants: Vec<_> = ways
        .iter_mut()
        .map(|Way { name, make }| Contestant::by_clock(name, making::used, make))
        .collect();
    let measured = Rounds::measure(rounds, batch, &mut contestants)?;
    drop(contestants);

    say!("parent", "{:<22} {:>9} {:>10}  made by", "", "CPU time", "to thread");
    let mut found = Evidence::new().fact("attempts", measured.attempts());
    for (index, (way, made_by)) in ways.iter().zip(made_by).enumerate() {
        let (time, compared) = (measured.microseconds(index), measured.compare(index, THREAD));
        let by = made_by.unwrap_or("unknown: this machine forbids ptrace");
        let name = way.name;
        say!("parent", "{name:<22} {:>6.1} µs {:>8.2} x  {by}", time.median, compared.ratio.median);
        found = match index {
            THREAD => found.sampled(name, time, "µs"),
            _ => found.compared(&format!("{name} / thread"), &compared),
        };
        found = match made_by {
            Some(by) => found.fact(&format!("{name} is made by"), by),
            None => found.missing(&format!("{name} is made by"), by),
        };
    }
    let control = measured.control();
    say!("parent", "a thread took {:.2} times itself ({control}): that is noise", control.median);
    if let Some(doubt) = measured.doubt() {
        say_why!("parent", "measured {} times, and {doubt}", measured.attempts());
    }
    found = found.compared("thread / pthread_create", &measured.compare(THREAD, PTHREAD));
    Ok(match program {
        Some(_) => found,
        None => found.missing("posix_spawn / thread", "there is no program `true` on the PATH"),
    })
}

const THREAD: usize = 0;
const PTHREAD: usize = 1;

fn way<'a>(name: &'static str, make: impl FnMut() -> Result<()> + 'a) -> Way<'a> {
    Way { name, make: Box::new(make) }
}

/// What the kernel says about how a way's first task was made, and whether a program was loaded.
fn mechanism(way: &mut Way<'_>) -> Result<Option<&'static str>> {
    let Some(events) = traced(&mut way.make)? else { return Ok(None) };
    let loaded = events.contains(&Event::CallOfNew(libc::SYS_execve as u64));
    let made = events.iter().find_map(|event| match event {
        Event::Made(flags) => Some(kind(*flags)),
        _ => None,
    });
    Ok(Some(match (made, loaded) {
        (Some(kind), false) => kind,
        (Some("vfork"), true) => "vfork, exec",
        (Some("fork"), true) => "fork, exec",
        // Its flags lie in memory that may not be looked at.
        (None, _) if events.contains(&Event::Call(libc::SYS_clone3 as u64)) => return Ok(None),
        (made, _) => anyhow::bail!("{} made {made:?}, and a program", way.name),
    }))
}
