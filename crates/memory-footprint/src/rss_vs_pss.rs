//! Two ways to count the memory of several processes. One of them counts shared pages again and
//! again.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use anyhow::{Context, Result};
use lab::child::{Child, explain, explain_io};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::unistd::{Pid, pause, pipe};

use crate::proc::{User, user};

pub const EXPERIMENT: Experiment = Experiment {
    name: "rss-vs-pss",
    question: "How much memory do several processes take together?",
    claims: &["threads-lightweight"],
    run,
};

const MIB: usize = 1 << 20;
/// What the parent has written to before it forks.
const HELD: usize = 32 * MIB;

// ANCHOR: run
fn run(lab: &Lab) -> Result<Evidence> {
    let count = lab.by_effort(8, 16, 100);
    let mut held = vec![1u8; HELD];
    let (asleep, tell) = pipe().map_err(explain("pipe"))?;
    let mut children = Vec::new();
    for index in 0..count {
        // SAFETY: this process has one thread, so the child inherits no lock that someone else
        // holds.
        children.push(unsafe {
            Child::fork(|| {
                if index == 0 {
                    held[..HELD / 2].fill(2);
                }
                let changed = held.iter().filter(|byte| **byte != 1).count();
                let _ = nix::unistd::write(&tell, &changed.to_ne_bytes());
                loop {
                    pause();
                }
            })
        }?);
    }
    let mut asleep = std::fs::File::from(asleep);
    let mut changed = vec![[0; size_of::<usize>()]; count];
    asleep.read_exact(changed.as_flattened_mut()).context("read")?;
    // ANCHOR_END: run
    let changed: Vec<usize> = changed.into_iter().map(usize::from_ne_bytes).collect();
    let (all, most) = (changed.iter().sum::<usize>(), changed.iter().max().copied().unwrap_or(0));
    let (by_one, by_others) = (written(most), written(all - most));
    say!("parent", "holds {} MiB and forks {count} children", HELD / MIB);
    say!("parent", "one of them writes to {by_one} of it, the others to {by_others}");
    let (writer, other) = (user(children[0].pid())?, user(children[1].pid())?);
    say!("parent", "{:<28} {:>11} {:>11}", "in MiB", "RSS", "PSS");
    row("a child that wrote", writer);
    row("a child that did not", other);
    let sum = total(children.iter().map(Child::pid).chain([Pid::this()]))?;
    row("all of them and the parent", sum);
    let should = (HELD + all) as f64 / 1024.0;
    let (by_rss, by_pss) = (sum.rss / should, sum.pss / should);
    let mib = should / 1024.0;
    say!("parent", "they hold {mib:.0} MiB: RSS says {by_rss:.1} x that, PSS {by_pss:.1} x");
    drop(children);

    let programs = (0..count).map(|_| executed(&tell)).collect::<Result<Vec<_>>>()?;
    asleep.read_exact(&mut vec![0; count]).context("read")?;
    let program = user(programs[0].pid())?;
    let shared = program.pss < program.rss / 2.0;
    let words = if shared { "most of its pages are" } else { "less than half of its pages is" };
    say!("parent", "starts this program {count} times; {words} shared");
    row("one of the programs", program);
    Ok(Evidence::new()
        .measured("forked: RSS of all", sum.rss, "KiB")
        .measured("forked: PSS of all", sum.pss, "KiB")
        .measured("forked: what all hold", should, "KiB")
        .measured("forked: RSS / PSS of all", sum.rss / sum.pss, "")
        .measured("a write raises PSS by", writer.pss - other.pss, "KiB")
        .measured("executed: RSS", program.rss, "KiB")
        .measured("executed: PSS", program.pss, "KiB")
        .measured("executed: RSS / PSS", program.rss / program.pss, ""))
}

/// An amount of memory in words.
fn written(bytes: usize) -> String {
    if bytes == 0 { "nothing".to_owned() } else { format!("{} MiB", bytes / MIB) }
}

fn row(what: &str, user: User) {
    say!("parent", "{what:<28} {:>11.1} {:>11.1}", user.rss / 1024.0, user.pss / 1024.0);
}

fn total(processes: impl Iterator<Item = Pid>) -> Result<User> {
    let mut sum = User { rss: 0.0, pss: 0.0 };
    for pid in processes {
        let one = user(pid)?;
        sum = User { rss: sum.rss + one.rss, pss: sum.pss + one.pss };
    }
    Ok(sum)
}

/// This program again, executed and idle. It writes a byte to `tell` when it is.
fn executed(tell: &OwnedFd) -> Result<Child> {
    let tell = tell.try_clone().context("dup")?;
    let mut command = lab::role("memory-footprint", IDLE.name);
    let program = command.stdin(Stdio::null()).stdout(tell).spawn();
    Ok(Child::adopt(Pid::from_raw(program.map_err(explain_io("fork"))?.id() as i32)))
}

/// A program that says it has started, and then does nothing until it is killed.
pub const IDLE: Role = Role {
    name: "idle",
    run: |_| {
        let _ = nix::unistd::write(std::io::stdout(), &[1]);
        loop {
            pause();
        }
    },
};
