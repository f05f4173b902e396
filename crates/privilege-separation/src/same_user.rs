//! A plug-in as a process of the same user: what the kernel lets it do to its host.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say, say_why};

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
    // Two of the ways lead through it.
    lab::proc::must_be_shown()?;
    // Each way has a plug-in of its own, for one that traces the host may read it too.
    let mut evidence = Evidence::new();
    let (mut open, mut left) = (0, 0);
    let (mut rows, mut is) = (Vec::new(), [true, false]);
    for (way, words) in WAYS {
        let mut cells = Vec::new();
        for (column, (host, dumpable)) in
            [("dumpable", true), ("not dumpable", false)].into_iter().enumerate()
        {
            let trial = Trial { dumpable, layers: &[], attacks: &[way] };
            let name = format!("{host}: {}", way.name());
            match outcome(&trial)? {
                Ok(found) => {
                    let [answer] = &found.answers[..] else { continue };
                    evidence = evidence.fact(&name, answer.as_str());
                    evidence = evidence.fact(&format!("{name}: PR_GET_DUMPABLE"), found.dumpable);
                    is[column] = found.dumpable;
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
        rows.push((words, cells));
    }
    let [first, second] = is.map(|dumpable| if dumpable { "dumpable" } else { "not dumpable" });
    say!("host", "{:<32}{first:<14}{second}", "a plug-in of its user may");
    for (words, cells) in rows {
        say!("host", "{words:<32}{:<14}{}", cells[0], cells[1]);
    }
    let ways = WAYS.len();
    match is {
        [true, false] => {
            say!("host", "{open} of {ways} ways are open, {left} if PR_SET_DUMPABLE is 0");
        }
        _ => say!("host", "{open} of {ways} ways are open, {left} in the second case"),
    }
    let scope = lab::proc::yama_scope();
    match &scope {
        Ok(None) => say!("host", "Yama, which could keep a child from tracing, is not here"),
        Ok(Some(0)) => say!("host", "Yama is here and restricts nothing: ptrace_scope is 0"),
        Ok(Some(scope)) => say!("host", "Yama restricts tracing: ptrace_scope is {scope}"),
        Err(why) => say_why!("host", "whether Yama restricts tracing is not known: {why}"),
    }
    Ok(match scope {
        Ok(scope) => evidence.fact("Yama: ptrace_scope", scope.unwrap_or(0)),
        Err(why) => evidence.missing("Yama: ptrace_scope", why.to_string()),
    })
}
