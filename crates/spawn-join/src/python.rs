//! Python's two ways to run a task look the same, `Process` and `Thread`. What they do is not,
//! and what a `Process` starts with depends on the start method.

use anyhow::{Context, Result, anyhow};
use lab::{Absent, Effort, Evidence, Experiment, Lab, Summary, say, say_why};

use crate::interpreter::{Python, Ran};

pub const EXPERIMENT: Experiment = Experiment {
    name: "python",
    question: "Are Python's Process and Thread equivalent?",
    claims: &["python-process-listing", "python-thread-listing"],
    run,
};

const PROCESS_LISTING: &str = include_str!("python/process.py");
const THREAD_LISTING: &str = include_str!("python/thread.py");
const OBSERVE: &str = include_str!("python/observe.py");
const TIMING: &str = include_str!("python/timing.py");

/// What observe.py tells of each way, beside the thread's id.
const QUESTIONS: [&str; 5] =
    ["process id", "variable it finds", "variable after it", "join returns", "a task that raises"];

/// Python's ways to start a process on Linux.
pub const METHODS: [&str; 3] = ["fork", "spawn", "forkserver"];

fn run(lab: &Lab) -> Result<Evidence> {
    let python = Python::find()?;
    let methods: Vec<&str> = METHODS
        .into_iter()
        .filter(|method| *method != "forkserver" || python.leaves_nothing.is_ok())
        .collect();
    // A process that imports the script sets the method again, which has to be forced.
    let by_method = methods.iter().map(|method| {
        let set = format!("multiprocessing.set_start_method('{method}', force=True)");
        format!("import multiprocessing\n{set}\n{PROCESS_LISTING}")
    });
    let by_method: Vec<String> = by_method.collect();
    let mut scripts: Vec<(&str, &[&str])> = vec![(OBSERVE, &methods), (THREAD_LISTING, &[])];
    scripts.extend(by_method.iter().map(|script| (script.as_str(), [].as_slice())));
    let Some(mut ran) = python.run_all(&scripts)? else {
        let why = "there is no python3 (3.8 or newer) here";
        say_why!("main", "{why}, so neither can be run");
        return Ok(Evidence::new().missing("python: version", why));
    };
    let (listings, observed) = (ran.split_off(1), ran.pop().context("python3 is gone")?.well()?);
    let mut evidence = Evidence::new();
    for line in observed.printed.lines() {
        let (fact, value) = line.split_once('\t').with_context(|| format!("no fact: {line}"))?;
        evidence = evidence.fact(fact, value);
    }
    for (way, listing) in ["thread"].iter().chain(&methods).zip(listings) {
        evidence = evidence.fact(&prints(way), printed(listing)?);
    }
    if let Err(why) = &python.leaves_nothing {
        evidence = evidence.missing(&prints("forkserver"), why.clone());
    }
    if let Err(why) = &python.leaves_nothing {
        say_why!("main", "forkserver is not tried: {why}");
    }
    tell(&evidence, &methods).map_err(|absent| anyhow!("{absent:?}"))?;
    if lab.effort != Effort::Quick {
        evidence.merge(timing(&python, lab.by_effort(0, 3, 30), &methods)?);
    }
    Ok(evidence)
}

/// The name of the fact: what the listing prints by this method.
pub fn prints(method: &str) -> String {
    format!("python {method}: the listing prints")
}

/// What a listing printed. A process that fails says so on standard error and in its exit code,
/// of which the listing takes no notice.
fn printed(ran: Ran) -> Result<String> {
    let ran = ran.well()?;
    let printed = ran.printed.trim();
    Ok(if printed.is_empty() { "nothing".to_owned() } else { printed.to_owned() })
}

/// Prints one column for each way to run the task.
fn tell(facts: &Evidence, methods: &[&str]) -> Result<(), Absent> {
    say!(
        "main",
        "Python {} with the GIL {}; default start method: {}",
        facts.text("python: version")?,
        facts.text("python: GIL")?,
        facts.text("python: default start method")?,
    );
    let ways: Vec<&str> = methods.iter().copied().chain(["thread"]).collect();
    for way in &ways {
        say!("main", "by {way} it prints: {}", facts.text(&prints(way))?);
    }
    row("", &ways);
    for question in QUESTIONS {
        let cells = ways.iter().map(|way| facts.text(&format!("python {way}: {question}")));
        row(question, &cells.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(())
}

fn row(question: &str, cells: &[impl AsRef<str>]) {
    let cells: String = cells.iter().map(|cell| format!("{:<11}", cell.as_ref())).collect();
    say!("main", "{question:<19}{}", cells.trim_end());
}

/// Times start and join of a task that does nothing, in turn for each way to start it.
fn timing(python: &Python, rounds: u32, methods: &[&str]) -> Result<Evidence> {
    let rounds = rounds.to_string();
    let arguments = [&[rounds.as_str()], methods].concat();
    let ran = python.run(TIMING, &arguments)?.context("python3 is gone")?.well()?;
    let (mut evidence, mut cells) = (Evidence::new(), Vec::new());
    for way in methods.iter().chain(&["thread"]) {
        let times =
            ran.printed.lines().filter_map(|line| line.strip_prefix(way)?.strip_prefix(' '));
        let times = times.map(str::parse).collect::<Result<Vec<f64>, _>>().context("a time")?;
        let summary = Summary::of(times).context("no round was timed")?;
        cells.push(format!("{:.1} ms", summary.median));
        evidence = evidence.sampled(&format!("python {way}: start and join"), summary, "ms");
    }
    row("start and join", &cells);
    Ok(evidence)
}
