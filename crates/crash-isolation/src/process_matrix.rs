//! One of eight processes commits a fault. How it ended is told to its parent by wait(2), and the
//! other seven finish their work.

use std::io::{Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result};
use lab::child::{Child, explain, explain_io};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::fault::{self, Fault};
use crate::watched::{child, exact, no_trace_of_a_panic};

pub const EXPERIMENT: Experiment = Experiment {
    name: "process-matrix",
    question: "One of eight processes crashes. Who survives?",
    claims: &["process-crash-contained", "faults-spread-indirectly"],
    run,
};

const FAULTS: [Fault; 9] = [
    fault::NULL_WRITE,
    fault::ABORT,
    fault::STACK_OVERFLOW,
    fault::EXIT,
    fault::SIGTERM,
    fault::SIGKILL,
    fault::OUT_OF_MEMORY,
    fault::DOUBLE_PANIC,
    fault::PANIC,
];

const SIBLINGS: usize = 7;

fn run(_: &Lab) -> Result<Evidence> {
    limit_the_stack()?;
    let mut evidence = Evidence::new();
    let (mut fewest, mut after_null_write, mut harmless) = (SIBLINGS, 0, Vec::new());
    for fault in FAULTS {
        let (status, survivors) = one_of_eight(&fault)?;
        let name = fault.name;
        let ended = format!("{status},");
        say!("parent", "{name:<14} victim {ended:<21} {survivors} of {SIBLINGS} finish");
        if status == "exited with 0" {
            harmless.push(name);
        }
        evidence = evidence.fact(&format!("process: {name}: status"), status);
        fewest = fewest.min(survivors);
        if name == fault::NULL_WRITE.name {
            after_null_write = survivors;
        }
    }
    Ok(evidence
        .fact("process: siblings", SIBLINGS)
        .fact("process: faults", FAULTS.len())
        .fact("process: faults that ended nothing", harmless.join(", "))
        .fact("process: fewest survivors", fewest)
        .fact("process: survivors", format!("{after_null_write} of {SIBLINGS}")))
}

// ANCHOR: one-of-eight
fn one_of_eight(fault: &Fault) -> Result<(String, usize)> {
    let (go, mut start) = std::io::pipe().context("pipe")?;
    let (mut finished, done) = std::io::pipe().context("pipe")?;
    let mut siblings = Vec::new();
    for _ in 0..SIBLINGS {
        siblings.push(child(|| fault::work(&go, &done))?);
    }
    drop(done);
    let victim = lab::role("crash-isolation", VICTIM.name)
        .arg(fault.name)
        .stderr(Stdio::null())
        .spawn()
        .map_err(explain_io("posix_spawn"))?;
    let status = Child::adopt(Pid::from_raw(victim.id() as i32)).wait()?;
    start.write_all(&[0; SIBLINGS]).context("write")?;
    for sibling in siblings {
        sibling.wait()?;
    }
    let mut results = String::new();
    finished.read_to_string(&mut results).context("read")?;
    Ok((exact(status)?, results.len()))
}
// ANCHOR_END: one-of-eight

/// The part of the process that crashes: a program of its own, as users start them.
pub const VICTIM: Role = Role {
    name: "victim",
    run: |arguments| {
        lab::child::no_core_dump();
        no_trace_of_a_panic();
        let named = FAULTS.iter().find(|fault| arguments == [fault.name]);
        let fault = named.context("there is no such fault")?;
        (fault.commit)();
        Ok(())
    },
};

/// Without a limit the overflow would eat all memory before it is noticed.
fn limit_the_stack() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_STACK).map_err(explain("getrlimit"))?;
    setrlimit(Resource::RLIMIT_STACK, hard.min(8 << 20), hard).map_err(explain("setrlimit"))
}
