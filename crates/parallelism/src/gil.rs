//! The same Python function twice: one call after the other, in two threads, in two processes.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, LIMIT, die_with, explain_io};
use lab::machine::allowed_cpus;
use lab::sample::{Contestant, Sampling};
use lab::{Evidence, Experiment, Lab, Unavailable, say, say_why};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, getpid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "gil",
    question: "And if the language lets only one thread run at a time?",
    claims: &["multiprocessing-uses-cores-better"],
    run,
};

const THREADS: &str = "gil: two threads / one after the other";
const PROCESSES: &str = "gil: two processes / one after the other";

fn run(lab: &Lab) -> Result<Evidence> {
    let none = |why: String| {
        say_why!("main", "{why}");
        let evidence = Evidence::new().missing("gil: lock", why.as_str());
        evidence.missing(THREADS, why.as_str()).missing(PROCESSES, why.as_str())
    };
    if allowed_cpus().len() < 2 {
        return Ok(none("one CPU is allowed, so nothing runs in parallel".to_owned()));
    }
    let steps = lab.by_effort(60_000, 80_000, 400_000);
    let (first, second) = (Python::start(steps)?, Python::start(steps)?);
    let (Some(mut first), Some(mut second)) = (first, second) else {
        return Ok(none("there is no python3 here".to_owned()));
    };
    // They start at the same time, and say so when they have.
    if !first.has_started()? {
        return Ok(none("there is no python3 here that runs".to_owned()));
    }
    if !second.has_started()? {
        return Ok(none("python3 ran once and then not again".to_owned()));
    }
    let (version, lock) = (first.version.clone(), first.lock.clone());
    say!("main", "Python {version}; its global interpreter lock is {lock}");
    let python = std::cell::RefCell::new((&mut first, &mut second));
    // ANCHOR: arms
    let timed = |arm: &dyn Fn(&mut Python, &mut Python) -> Result<()>| -> Result<Duration> {
        let (first, second) = &mut *python.borrow_mut();
        let start = Instant::now();
        arm(first, second)?;
        Ok(start.elapsed())
    };
    let in_turn = |_| {
        timed(&|first, _| {
            first.tell("1")?;
            first.is_done()?;
            first.tell("1")?;
            first.is_done()
        })
    };
    let threads = |_| {
        timed(&|first, _| {
            first.tell("2")?;
            first.is_done()
        })
    };
    let processes = |_| {
        timed(&|first, second| {
            first.tell("1")?;
            second.tell("1")?;
            first.is_done()?;
            second.is_done()
        })
    };
    // ANCHOR_END: arms
    let sampling = Sampling {
        rounds: lab.by_effort(5, 7, 21),
        batch: Duration::from_nanos(1),
        tolerance: 0.2,
    };
    let rounds = sampling.measure(&mut [
        Contestant::timed("in turn", in_turn),
        Contestant::timed("in two threads", threads),
        Contestant::timed("in two processes", processes),
    ])?;
    first.ends()?;
    second.ends()?;
    let mut evidence = Evidence::new().fact("gil: Python", version).fact("gil: lock", lock);
    for (arm, fact, name) in [(1, THREADS, "threads"), (2, PROCESSES, "processes")] {
        let compared = rounds.compare(arm, 0);
        let ratio = compared.ratio;
        match &compared.doubt {
            Some(why) => say_why!("main", "{name}: {why}"),
            None => {
                say!("main", "two {name}: {:.2} times as long as in turn ({ratio})", ratio.median)
            }
        }
        evidence = evidence.compared(fact, &compared);
    }
    Ok(evidence)
}

/// An interpreter that waits for what it is told.
struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    version: String,
    lock: String,
}

impl Python {
    /// Starts it; `None` where there is none.
    fn start(steps: u32) -> Result<Option<Python>> {
        let parent = getpid();
        let mut command = Command::new("python3");
        command.args(["-I", "-S", "-c", include_str!("worker.py"), &steps.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // SAFETY: between fork and exec it makes two system calls.
        unsafe {
            command.pre_exec(move || {
                die_with(parent);
                Ok(())
            })
        };
        let mut started = match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            started => started.map_err(explain_io("python3: execve"))?,
        };
        let to = started.stdin.take().context("a pipe to python3")?;
        let from = BufReader::new(started.stdout.take().context("a pipe from python3")?);
        let child = Child::adopt(Pid::from_raw(started.id() as i32));
        Ok(Some(Python { child, to, from, version: String::new(), lock: String::new() }))
    }

    /// Whether it works: it says which one it is.
    fn has_started(&mut self) -> Result<bool> {
        let line = self.line()?;
        let Some((version, lock)) = line.trim().split_once(' ') else { return Ok(false) };
        (self.version, self.lock) = (version.to_owned(), lock.to_owned());
        Ok(true)
    }

    fn tell(&mut self, what: &str) -> Result<()> {
        self.to.write_all(format!("{what}\n").as_bytes()).map_err(explain_io("write"))
    }

    fn line(&mut self) -> Result<String> {
        // An interpreter that cannot start its thread may wait for it for ever.
        let mut ready = [PollFd::new(self.from.get_ref().as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(LIMIT).unwrap_or(PollTimeout::MAX);
        let why = "python3 does not go on: no thread or no memory is left for it";
        let says_something = !self.from.buffer().is_empty() || poll(&mut ready, limit) != Ok(0);
        ensure!(says_something, Unavailable::because(why));
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(explain_io("read"))?;
        Ok(line)
    }

    fn is_done(&mut self) -> Result<()> {
        let line = self.line()?;
        let why = "python3 ended in the middle of its work: no thread or no memory is left for it";
        ensure!(line.trim() == "done", Unavailable::because(why));
        Ok(())
    }

    /// Lets it come to its end: there is nothing more to read.
    fn ends(self) -> Result<()> {
        drop(self.to);
        self.child.wait().map(drop)
    }
}
