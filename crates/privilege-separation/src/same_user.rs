//! A plug-in as a process of the same user: what the kernel lets it do to its host.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::attack::Attack;
use crate::host::{Trial, outcome};

pub const EXPERIMENT: Experiment = Experiment {
    name: "same-user",
    question: "Is a process of its own a wall against the same user?",
    claims: &["isolation-gives-security"],
    run,
};

// ANCHOR: ways
const WAYS: [(Attack, &str); 5] = [
    (Attack::VmRead, "read memory: process_vm_readv"),
    (Attack::ProcMem, "read memory: /proc/PID/mem"),
    (Attack::Trace, "trace it: PTRACE_SEIZE"),
    (Attack::Descriptor, "open its file: /proc/PID/fd/N"),
    (Attack::Signal, "send a signal: kill"),
];
// ANCHOR_END: ways

fn run(_: &Lab) -> Result<Evidence> {
    // Each way has a plug-in of its own, for one that traces the host may read it too.
    let mut evidence = Evidence::new();
    say!("host", "{:<32}{:<12}not dumpable", "a plug-in of its user may", "dumpable");
    let (mut open, mut left) = (0, 0);
    for (way, words) in WAYS {
        let mut cells = Vec::new();
        for (host, dumpable) in [("dumpable", true), ("not dumpable", false)] {
            let trial = Trial { dumpable, layers: &[], attacks: &[way] };
            let name = format!("{host}: {}", way.name());
            match outcome(&trial)? {
                Ok(found) => {
                    let [answer] = &found.answers[..] else { continue };
                    evidence = evidence.fact(&name, answer.as_str());
                    evidence = evidence.fact(&format!("{name}: PR_GET_DUMPABLE"), found.dumpable);
                    cells.push(answer.clone());
                }
                Err(why) => {
                    evidence = evidence.missing(&name, why);
                    cells.push("not here".to_owned());
                }
            }
        }
        open += u32::from(cells[0] == "yes");
        left += u32::from(cells[1] == "yes");
        say!("host", "{words:<32}{:<12}{}", cells[0], cells[1]);
    }
    say!("host", "{open} of {} ways are open, {left} if PR_SET_DUMPABLE is 0", WAYS.len());
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    let scope = scope.and_then(|text| text.trim().parse::<u32>().ok());
    match scope {
        None => say!("host", "Yama, which could keep a child from tracing, is not here"),
        Some(0) => say!("host", "Yama is here and restricts nothing: ptrace_scope is 0"),
        Some(scope) => say!("host", "Yama restricts tracing: ptrace_scope is {scope}"),
    }
    Ok(evidence.fact("Yama: ptrace_scope", scope.unwrap_or(0)))
}
