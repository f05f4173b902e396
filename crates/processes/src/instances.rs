//! One program, started three times: three processes, each with a state of its own, and one copy of
//! the code.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use lab::child::in_words;
use lab::{Evidence, Experiment, Lab, say};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::spreadsheet::Instance;

pub const EXPERIMENT: Experiment = Experiment {
    name: "instances",
    question: "One program is started three times. What is shared, what is not?",
    claims: &["running-instance", "spreadsheet-instances"],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let mut sheets = [Instance::start(&[])?, Instance::start(&[])?, Instance::start(&[])?];

    // ANCHOR: use
    let mut used = BTreeSet::new();
    for (index, value) in ["7", "42", "1000"].into_iter().enumerate() {
        let sheet = &mut sheets[index];
        used.insert(sheet.pid());
        let shown = sheet.enter(&format!("A1={value}"))?;
        say!("user", "enters {value} in cell A1 of process {}, which shows {shown}", sheet.pid());
    }
    // ANCHOR_END: use
    let mut programs = BTreeSet::new();
    for pid in &used {
        programs.insert(file_of(*pid)?);
    }
    let mut values = BTreeSet::new();
    for sheet in &mut sheets {
        values.insert(sheet.enter("show")?);
    }
    let (processes, files, states) = (used.len(), programs.len(), values.len());
    say!("user", "has used {}", counts(processes, files, states));

    let (mut rss, mut pss) = (0, 0);
    for sheet in &sheets {
        let memory = rollup(sheet.pid())?;
        (rss, pss) = (rss + memory.0, pss + memory.1);
    }
    say!("user", "the sum of RSS is {rss} KiB, of PSS {pss} KiB");

    let [first, mut second, mut third] = sheets;
    let before = [second.enter("show")?, third.enter("show")?];
    let pid = first.pid();
    let status = first.kill()?;
    let killed = matches!(status, WaitStatus::Signaled(..));
    say!("user", "the first, {pid}, {}", in_words(status));
    let after = [second.enter("show")?, third.enter("show")?];
    let unharmed = before == after;
    let same = if unharmed { "as before" } else { "not as before" };
    say!("user", "the other two show {} and {}, {same}", after[0], after[1]);
    second.end()?;
    third.end()?;

    let alone = single_instance()?;
    Ok(Evidence::new()
        .fact("instances: processes", processes)
        .fact("instances: program files", files)
        .fact("instances: states", states)
        .measured("instances: sum of RSS", rss, "KiB")
        .measured("instances: sum of PSS", pss, "KiB")
        .fact("instances: the first was killed", killed)
        .fact("instances: the others are unharmed", unharmed)
        .fact("single instance: processes after two starts", alone))
}

/// "three processes of one program with three states", in the numbers that were seen.
fn counts(processes: usize, programs: usize, states: usize) -> String {
    format!(
        "{} of {}, with {} in A1",
        many(processes, "process", "processes"),
        many(programs, "program", "programs"),
        many(states, "value", "values")
    )
}

/// A number and its word: `1 process`, `3 processes`.
pub fn many(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// A program that wants to run once only: in how many processes it runs after two starts.
fn single_instance() -> Result<usize> {
    let name = format!("processes-{}", std::process::id());
    let mut first = Instance::start(&[&name])?;
    let second = Instance::start(&[&name])?;
    let running = [&first, &second].iter().filter(|start| start.greeting == "ready").count();
    say!(
        "user",
        "starts a single-instance program twice: it is {}",
        many(running, "process", "processes")
    );
    say!("user", "the second start says \"{}\"", second.greeting);
    say!("user", "and {}", in_words(second.end()?));
    say!("user", "the first shows: {}", first.enter("show")?);
    first.end()?;
    Ok(running)
}

/// The file that a process runs, as device and inode.
fn file_of(process: Pid) -> Result<(u64, u64)> {
    let path = format!("/proc/{process}/exe");
    let file = fs::metadata(&path).context(path)?;
    Ok((file.dev(), file.ino()))
}

/// Resident and proportional set size of a process in KiB, from proc_pid_smaps(5).
fn rollup(process: Pid) -> Result<(u64, u64)> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).context(path)?;
    let value = |key: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Ok((value("Rss:").context("Rss")?, value("Pss:").context("Pss")?))
}
