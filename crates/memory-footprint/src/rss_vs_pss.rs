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
                let _ = nix::unistd::write(&tell, &[1]);
                loop {
                    pause();
                }
            })
        }?);
    }
    let mut asleep = std::fs::File::from(asleep);
    asleep.read_exact(&mut vec![0; count]).context("read")?;
    // ANCHOR_END: run
    say!("parent", "holds {} MiB and forks {count} children", HELD / MIB);
    say!("parent", "the first of them writes to half of it, the others to nothing");
    let (writer, other) = (user(children[0].pid())?, user(children[1].pid())?);
    say!("parent", "{:<28} {:>11} {:>11}", "in MiB", "RSS", "PSS");
    row("a child that wrote", writer);
    row("a child that did not", other);
    let all = children.iter().map(Child::pid).chain([Pid::this()]);
    let sum = total(all)?;
    row("all of them and the parent", sum);
    let should = (HELD + HELD / 2) as f64 / 1024.0;
    let (by_rss, by_pss) = (sum.rss / should, sum.pss / should);
    let mib = should / 1024.0;
    say!("parent", "they hold {mib:.0} MiB: RSS says {by_rss:.1} x that, PSS {by_pss:.1} x");
    drop(children);

    let programs = (0..count).map(|_| executed(&tell)).collect::<Result<Vec<_>>>()?;
    asleep.read_exact(&mut vec![0; count]).context("read")?;
    let program = user(programs[0].pid())?;
    say!("parent", "starts this program {count} times; all map the same pages");
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
