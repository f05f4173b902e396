//! Python's two ways to run a task look the same, `Process` and `Thread`. What they do is not.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::child::{Child, LIMIT, die_with, explain, explain_io, in_words};
use lab::{Absent, Effort, Evidence, Experiment, Lab, Summary, say};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "python",
    question: "Are Python's Process and Thread equivalent?",
    claims: &["python-process-listing", "python-thread-listing"],
    run,
};

const PROCESS_LISTING: &str = include_str!("python/process.py");
const THREAD_LISTING: &str = include_str!("python/thread.py");
const OBSERVE: &str = include_str!("python/observe.py");
const START_METHODS: &str = include_str!("python/start_methods.py");

/// What observe.py prints, and the facts that it makes.
const FACTS: &[(&str, &str)] = &[
    ("version", "python: version"),
    ("method", "python: default start method"),
    ("gil", "python: GIL"),
    ("one_line_compiles", "python: a listing on one line compiles"),
    ("process_pid_differs", "python process: process id differs"),
    ("process_exit_code", "python process: exit code"),
    ("process_changes_global", "python process: global changed"),
    ("thread_pid_differs", "python thread: process id differs"),
    ("thread_id_differs", "python thread: thread id differs"),
    ("thread_changes_global", "python thread: global changed"),
    ("join_returns_value", "python: join returns the task's value"),
    ("failing_process_exit_code", "python process: exit code of a task that raises"),
    ("failing_thread_join_raises", "python thread: join raises what the task raised"),
];

const PROCESS_PRINTS: &str = "python: process listing prints";
const THREAD_PRINTS: &str = "python: thread listing prints";

/// Python 3.14 and newer start processes by a server that keeps a directory in /tmp, which stays
/// there if this program is killed. The lesson is the same without.
const BY_FORK: &str = "import multiprocessing\nmultiprocessing.set_start_method('fork')\n";

fn run(lab: &Lab) -> Result<Evidence> {
    say!("main", "one listing says: Process(target=task), start, join");
    say!("main", "the other says: Thread(target=task), start, join");
    let on_one_line = |listing: &str| listing.split_whitespace().collect::<Vec<_>>().join(" ");
    let arguments = [on_one_line(PROCESS_LISTING), on_one_line(THREAD_LISTING)];
    let Some(observed) = python(OBSERVE, &arguments)? else {
        let why = "there is no python3 (3.8 or newer) here";
        say!("main", "{why}, so neither can be run");
        let facts = FACTS.iter().map(|(_, fact)| *fact).chain([PROCESS_PRINTS, THREAD_PRINTS]);
        return Ok(facts.fold(Evidence::new(), |evidence, fact| evidence.missing(fact, why)));
    };
    let mut evidence = Evidence::new();
    for (name, fact) in FACTS {
        let line = observed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.with_context(|| format!("python3 did not tell {name}"))?;
        evidence = match (value, value.parse::<f64>()) {
            ("True", _) => evidence.fact(fact, true),
            ("False", _) => evidence.fact(fact, false),
            (_, Ok(number)) if *name != "version" => evidence.fact(fact, number),
            (word, _) => evidence.fact(fact, word),
        };
    }
    let process_says = python(&format!("{BY_FORK}{PROCESS_LISTING}"), &[])?.unwrap_or_default();
    let thread_says = python(THREAD_LISTING, &[])?.unwrap_or_default();
    evidence =
        evidence.fact(PROCESS_PRINTS, process_says.trim()).fact(THREAD_PRINTS, thread_says.trim());
    tell(&evidence).map_err(|absent| anyhow::anyhow!("{absent:?}"))?;
    if lab.effort != Effort::Quick {
        evidence.merge(start_methods(lab.by_effort(0, 3, 30))?);
    }
    Ok(evidence)
}

fn tell(facts: &Evidence) -> Result<(), Absent> {
    let either = |fact, yes, no| facts.truth(fact).map(|truth| if truth { yes } else { no });
    say!(
        "main",
        "Python {} with the GIL {}; by default it starts processes by {}",
        facts.text("python: version")?,
        facts.text("python: GIL")?,
        facts.text("python: default start method")?,
    );
    if facts.text("python: default start method")? != "fork" {
        say!("main", "here it is told to fork, because a server could leave a directory behind");
    }
    say!(
        "main",
        "they print \"{}\" and \"{}\"",
        facts.text(PROCESS_PRINTS)?,
        facts.text(THREAD_PRINTS)?,
    );
    let one_line = either("python: a listing on one line compiles", "compiles", "SyntaxError")?;
    say!("main", "the same, printed on one line: {one_line}");
    say!(
        "main",
        "Process: {} process id, global {}, a task that raises exits with {}",
        either("python process: process id differs", "another", "the same")?,
        either("python process: global changed", "changed", "unchanged")?,
        facts.number("python process: exit code of a task that raises")?,
    );
    say!(
        "main",
        "Thread: {} process id, global {}, a task that raises {}",
        either("python thread: process id differs", "another", "the same")?,
        either("python thread: global changed", "changed", "unchanged")?,
        either("python thread: join raises what the task raised", "is raised by join", "is lost")?,
    );
    let value = either("python: join returns the task's value", "returned", "in neither case")?;
    say!("main", "what the task returns comes back from join: {value}");
    Ok(())
}

/// Times start and join of a task that does nothing, in turn for each way to start it.
fn start_methods(rounds: u32) -> Result<Evidence> {
    let printed = python(START_METHODS, &[rounds.to_string()])?.unwrap_or_default();
    let mut samples: Vec<(&str, Vec<f64>)> = Vec::new();
    for line in printed.lines() {
        let (name, milliseconds) = line.split_once(' ').context("a name and a time")?;
        let milliseconds: f64 = milliseconds.parse().context("a time")?;
        match samples.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(milliseconds),
            None => samples.push((name, vec![milliseconds])),
        }
    }
    let mut evidence = Evidence::new();
    let mut sentence = String::new();
    for (name, times) in samples {
        let summary = Summary::of(times).context("no round was timed")?;
        sentence += &format!(", {name} {:.1} ms", summary.median);
        evidence = evidence.sampled(&format!("python: start and join, {name}"), summary, "ms");
    }
    say!("main", "start and join{}", sentence.replacen(',', ":", 1));
    Ok(evidence)
}

/// Runs a script and returns what it printed; `None` if there is no python3 that could run it.
/// The script and its output are files without a name, so that nothing is left of them.
fn python(script: &str, arguments: &[String]) -> Result<Option<String>> {
    let mut source = nameless_file()?;
    source.write_all(script.as_bytes()).context("write")?;
    let (mut output, mut errors) = (nameless_file()?, nameless_file()?);
    let this = getpid();
    // Python's own helper processes outlive it for a moment: this process waits for them too.
    nix::sys::prctl::set_child_subreaper(true).context("prctl")?;
    let mut command = Command::new("python3");
    command
        .arg(format!("/proc/{this}/fd/{}", source.as_raw_fd()))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(output.try_clone().context("dup")?)
        .stderr(errors.try_clone().context("dup")?);
    // SAFETY: the closure makes two system calls, allocates nothing, and takes no lock.
    unsafe {
        command.pre_exec(move || {
            die_with(this);
            Ok(())
        })
    };
    let process = match command.spawn() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        spawned => spawned.map_err(explain_io("fork"))?,
    };
    let status = Child::adopt(Pid::from_raw(process.id() as i32)).wait()?;
    wait_for_orphans();
    match status {
        WaitStatus::Exited(_, 0) => Ok(Some(contents(&mut output)?)),
        // The shell's status for a command that does not exist, and observe.py's for an old Python.
        WaitStatus::Exited(_, 127) => Ok(None),
        other => {
            let errors = contents(&mut errors)?;
            let last = errors.lines().last().unwrap_or("it says nothing");
            bail!("python3 {}: {last}", in_words(other))
        }
    }
}

fn nameless_file() -> Result<File> {
    let file = memfd_create(c"python", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}

fn contents(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.rewind().context("lseek")?;
    file.read_to_string(&mut text).context("read")?;
    Ok(text)
}

/// Reaps the processes that Python left to this one, until all have ended.
fn wait_for_orphans() {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::ECHILD) => return,
            _ => {}
        }
    }
}
