//! A semaphore with a name works across processes. A permit of a process that is killed is lost:
//! the semaphore does not know who has taken it.

use std::ffi::{CStr, CString};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, explain_io, in_words};
use lab::narrate::{receives, sends};
use lab::{AtDeath, Evidence, Experiment, Lab, Role, mark, say, stretch};
use nix::unistd::Pid;

use crate::semaphore::Named;

pub const EXPERIMENT: Experiment = Experiment {
    name: "named",
    question: "A process is killed while it has the only permit. Who gets it?",
    claims: &["semaphore-limits"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    let name = CString::new(format!("/semaphores-{}", std::process::id()))?;
    let unlink = name.clone();
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let _removed_at_the_end = unsafe {
        AtDeath::promise(|| {
            libc::sem_unlink(unlink.as_ptr());
        })
    }?;
    let semaphore = Named::create(&name, 1)?;
    let at_first = semaphore.permits();
    let permits = match at_first {
        1 => "one permit".to_owned(),
        other => format!("{other} permits"),
    };
    say!("parent", "makes the semaphore {} with {permits}", name.to_string_lossy());

    let holder = Holder::start(&name)?;
    let pid = holder.child.pid();
    let taken = at_first - semaphore.permits();
    let has = if taken == 1 { "has the permit" } else { "says that it has the permit" };
    let excluded = !semaphore.wait_for(SHORT)?;
    let free = if excluded { "there is none for the parent" } else { "the parent has one too" };
    say!("parent", "process {pid} {has}: {free}");
    let before = semaphore.permits();
    let returned = holder.ask_to_return()?;
    let back = semaphore.permits();
    let gives = if back > before { "gives it back" } else { "does not give it back" };
    say!("parent", "{pid} {gives} and {returned}; there are {back}");

    let holder = Holder::start(&name)?;
    let pid = holder.child.pid();
    let takes = if semaphore.permits() < back { "takes it again" } else { "takes none" };
    let killed = in_words(holder.child.kill()?);
    let lost = !semaphore.wait_for(SHORT)?;
    say!("parent", "{pid} {takes} and {killed}; there are {}", semaphore.permits());
    let words = if lost { "waits, and would for ever" } else { "gets it" };
    say!("parent", "who wants the permit now {words}");
    semaphore.post();
    let repaired = semaphore.wait_for(SHORT)?;
    let words = if repaired { "it can be taken" } else { "it cannot be taken" };
    let whose = if excluded && lost { "that it never took" } else { "that it has taken" };
    say!("parent", "posts one {whose}: {words}");
    Ok(Evidence::new()
        .fact("named: permits at first", at_first)
        .fact("named: how the one without a chance to return ended", killed)
        .fact("named: excludes another process", excluded)
        .fact("named: permits after it was given back", back)
        .fact("named: the permit of a killed process is lost", lost)
        .fact("named: anybody can post", repaired))
}

/// Long enough for whoever can have the permit: it is there, or taken for good.
const SHORT: Duration = Duration::from_millis(30);

/// A process that has taken the permit.
struct Holder {
    child: Child,
    input: std::process::ChildStdin,
}

impl Holder {
    fn start(name: &CStr) -> Result<Holder> {
        let mut command = lab::role("semaphores", HOLDER.name);
        command.arg(name.to_str()?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(explain_io("posix_spawn"))?;
        let child = Child::adopt(Pid::from_raw(process.id() as i32));
        let input = process.stdin.take().context("its input is piped")?;
        let mut output = process.stdout.take().context("its output is piped")?;
        output.read_exact(&mut [0; 6]).context("the holder did not get the permit")?;
        Ok(Holder { child, input })
    }

    fn ask_to_return(mut self) -> Result<String> {
        self.input.write_all(b"return\n").context("write")?;
        let ended = in_words(self.child.wait()?);
        receives("given back");
        Ok(ended)
    }
}

/// A program that takes the permit, says so, and gives it back when it is told to.
pub const HOLDER: Role = Role {
    name: "holder",
    run: |arguments| {
        let name = CString::new(*arguments.first().context("the name is missing")?)?;
        let semaphore = Named::open(&name)?;
        anyhow::ensure!(semaphore.wait_for(lab::child::LIMIT)?, "there was no permit");
        let has = stretch!("holder", "has the permit");
        println!("taken");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("read")?;
        sends("given back");
        semaphore.post();
        drop(has);
        mark!("holder", "has given it back");
        Ok(())
    },
};
