//! A class: every submission is judged by a process of its own, which is the same command as for
//! one submission. What is in the directory of results is not judged again, whoever put it there:
//! a batch that was interrupted, or other machines.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{IsTerminal, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::submission::{can_be_written, exercises, fingerprint, open_submission, take, take_all};
use crate::catalogue::Exercise;
use crate::escape::{cell, plain};
use crate::submission::shown;
use crate::toolchain::Toolchain;
use crate::usage::usage;
use crate::workers;

/// One directory of the class.
struct Entry {
    name: OsString,
    directory: PathBuf,
}

/// What became of a submission: its report, or why there is none.
type Outcome = Result<Value, String>;

/// Judges the submissions in `class`; whether all of them could be judged.
pub fn command(class: &Path, names: &[String], jobs: Option<usize>, out: &Path) -> Result<bool> {
    let entries = entries(class, out)?;
    let asked = assignment(&entries, names)?;
    let names: Vec<String> = asked.iter().map(|exercise| exercise.name.clone()).collect();
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let summary = out.join("summary.csv");
    can_be_written(&summary)?;
    let jobs = jobs_here(jobs);

    let mut outcomes: Vec<Option<Outcome>> =
        entries.iter().map(|entry| kept(entry, &names, out).map(Ok)).collect();
    let pending: Vec<usize> = (0..entries.len()).filter(|at| outcomes[*at].is_none()).collect();
    let kept = entries.len() - pending.len();
    if !pending.is_empty() {
        // What submissions are compiled with is built once, and not by several at the same time.
        for exercise in &asked {
            Toolchain::get(exercise.kind)?;
        }
    }
    // On a machine that others keep busy, everything may take four times as long.
    let longest = |exercise: &Exercise| 4.0 * (exercise.seconds + 40.0);
    let patience = asked.iter().map(longest).sum::<f64>() + 60.0;
    let bar = progress_bar(entries.len(), kept);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    workers::share(jobs.min(pending.len()), || {
        while let Some(at) = pending.get(next.fetch_add(1, Ordering::Relaxed)) {
            let entry = &entries[*at];
            bar.set_message(plain(&entry.name.to_string_lossy()));
            let outcome = judge(entry, &names, out, patience);
            let outcome = outcome.map_err(|error| format!("{error:#}"));
            if let Ok(mut results) = results.lock() {
                results.push((*at, outcome));
            }
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    for (at, mut outcome) in results.into_inner().unwrap_or_default() {
        // What failed by the clock beside others counts only if it does so alone.
        if jobs > 1 && outcome.as_ref().is_ok_and(failed_by_the_clock) {
            let again = judge(&entries[at], &names, out, patience);
            outcome = again.map_err(|error| format!("{error:#}"));
        }
        outcomes[at] = Some(outcome);
    }

    let mut failed = 0;
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        if let Some(Err(why)) = outcome {
            failed += 1;
            eprintln!("{}: not judged: {}", plain(&entry.name.to_string_lossy()), plain(why));
        }
    }
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        let Some(Ok(report)) = outcome else { continue };
        // Who unpacks what was handed in has one directory too many, or another name.
        for name in asked.iter().map(|it| &it.name) {
            if let Some(there) = of_exercise(report, name).and_then(|it| instead(it, name)) {
                let learner = plain(&entry.name.to_string_lossy());
                eprintln!("{learner}: there is no {name}.rs, but {}", plain(there));
            }
        }
    }
    let csv = summarize(&entries, &outcomes, &asked)?;
    fs::write(&summary, csv).with_context(|| summary.display().to_string())?;
    println!(
        "{} judged, {kept} kept from before, {failed} not judged; {}",
        pending.len() - failed,
        shown(&summary)
    );
    Ok(failed == 0)
}

/// Whether a report has a finding that time decided.
fn failed_by_the_clock(report: &Value) -> bool {
    match report {
        Value::Object(fields) => {
            let word = fields.get("word").and_then(Value::as_str);
            let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
            word == Some("stuck")
                || (word == Some("compile") && message.starts_with("compiling took"))
                || fields.values().any(failed_by_the_clock)
        }
        Value::Array(values) => values.iter().any(failed_by_the_clock),
        _ => false,
    }
}

/// The directories of a class, in order.
fn entries(class: &Path, out: &Path) -> Result<Vec<Entry>> {
    open_submission(class)?;
    let results = out.canonicalize().ok();
    if results.is_some() && results == class.canonicalize().ok() {
        return Err(usage("results go to a directory of their own, not among the submissions"));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(class).with_context(|| class.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let directory = entry.path();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if hidden || (results.is_some() && directory.canonicalize().ok() == results) {
            continue;
        }
        // A link may lead to somebody else's work.
        if entry.file_type()?.is_dir() {
            entries.push(Entry { name, directory });
        } else {
            eprintln!("{} is left out: it is no directory", plain(&name.to_string_lossy()));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    if entries.is_empty() {
        return Err(usage(format!("in {} is no directory to judge", class.display())));
    }
    Ok(entries)
}

/// The exercises that count: those asked for, or every one that anybody handed in.
fn assignment(entries: &[Entry], names: &[String]) -> Result<Vec<Exercise>> {
    let asked = exercises(names)?;
    if !names.is_empty() {
        return Ok(asked);
    }
    let roots: Vec<_> =
        entries.iter().filter_map(|entry| open_submission(&entry.directory).ok()).collect();
    let handed_in = |exercise: &Exercise| roots.iter().any(|root| take(root, exercise).is_there());
    let asked: Vec<Exercise> = asked.into_iter().filter(handed_in).collect();
    if asked.is_empty() {
        return Err(usage("nobody handed in a file of an exercise, NAME.rs or exercises/NAME.rs"));
    }
    Ok(asked)
}

/// How many are judged at a time. One judgement uses several processors, and has limits by the
/// clock, so more than there are processors would cost points.
fn jobs_here(asked: Option<usize>) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match asked {
        None => (processors / 2).max(1),
        Some(jobs) if jobs > processors => {
            eprintln!("{processors} at a time, not {jobs}: there are no more processors.");
            processors
        }
        Some(jobs) => jobs,
    }
}

/// The longest name of a file, in bytes (NAME_MAX), less the longest extension here.
const LONGEST: usize = 255 - ".json".len();

fn file_of(entry: &Entry, out: &Path, extension: &str) -> PathBuf {
    let mut name = entry.name.clone();
    let bytes = name.as_encoded_bytes();
    if bytes.len() > LONGEST {
        // Its end is what tells it from others of this length.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let mut short = OsStr::from_bytes(&bytes[..LONGEST - 20]).to_owned();
        short.push(format!("...{:016x}", hasher.finish()));
        name = short;
    }
    name.push(extension);
    out.join(name)
}

/// The report that is there already, if it is whole and about the same files and exercises.
fn kept(entry: &Entry, names: &[String], out: &Path) -> Option<Value> {
    let report = fs::read(file_of(entry, out, ".json")).ok()?;
    let report: Value = serde_json::from_slice(&report).ok()?;
    let root = open_submission(&entry.directory).ok()?;
    let taken = take_all(&root, exercises(names).ok()?);
    let same = report["fingerprint"] == *fingerprint(&taken).ok()?;
    let judged = report["exercises"].as_array()?.iter().all(|it| it["state"] != "error");
    let whole = same && judged;
    if whole && !file_of(entry, out, ".txt").exists() {
        fs::write(file_of(entry, out, ".txt"), text(&report)).ok()?;
    }
    whole.then_some(report)
}

/// Judges one submission in a process of its own.
fn judge(entry: &Entry, names: &[String], out: &Path, patience: f64) -> Result<Value> {
    let path = file_of(entry, out, ".json");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    let mut said = tempfile::tempfile()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg("submission").arg("--format=json");
    for name in names {
        command.arg("--exercise").arg(name);
    }
    command.arg("--").arg(&entry.directory);
    command.stdin(Stdio::null()).stdout(file).stderr(said.try_clone()?);
    // SAFETY: prctl(2) may be called between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
    let mut child = command.spawn().context("the grader cannot start itself again")?;
    let end = Instant::now() + Duration::from_secs_f64(patience);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut errors = String::new();
    said.rewind()?;
    said.take(1 << 16).read_to_string(&mut errors)?;
    let Some(status) = status else { bail!("there was no verdict after {patience} s") };
    let why = || {
        let last = errors.lines().rfind(|line| !line.trim().is_empty());
        last.unwrap_or("the grader ended without a word").to_owned()
    };
    let report: Value = serde_json::from_slice(&fs::read(&path)?)
        .map_err(|_| anyhow::anyhow!("{} ({status})", why()))?;
    fs::write(file_of(entry, out, ".txt"), text(&report))?;
    let states = report["exercises"].as_array().into_iter().flatten();
    ensure!(states.into_iter().all(|it| it["state"] != "error"), "{}", why());
    Ok(report)
}

/// A report for the learner.
fn text(report: &Value) -> String {
    let mut text = String::new();
    for exercise in report["exercises"].as_array().into_iter().flatten() {
        let word = |name: &str| exercise[name].as_str().unwrap_or_default();
        let (name, title) = (word("exercise"), word("title"));
        text.push_str(&format!("== {name}: {title}\n{}\n", word("text")));
    }
    let name = report["submission"].as_str().unwrap_or_default();
    text.push_str(&match &report["points"] {
        Value::Null => format!("{name}: no points, since not everything could be judged.\n"),
        points => format!("{name}: {points} of {} points.\n", report["possible"]),
    });
    text
}

/// The summary: one line for each submission, one column for each exercise.
fn summarize(
    entries: &[Entry],
    outcomes: &[Option<Outcome>],
    asked: &[Exercise],
) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let fixed = ["submission", "state", "points", "possible"].map(str::to_owned);
    let each = asked.iter().map(|exercise| exercise.name.clone());
    csv.write_record(fixed.into_iter().chain(each).chain(["findings".to_owned()]))?;
    let possible = asked.iter().map(Exercise::points).sum::<u32>().to_string();
    for (entry, outcome) in entries.iter().zip(outcomes) {
        let mut record = vec![cell(&lossy(&entry.name))];
        match outcome {
            Some(Ok(report)) => {
                let of = |name: &str| of_exercise(report, name);
                let missing =
                    |it: &Exercise| of(&it.name).is_none_or(|it| it["state"] == "missing");
                let state = if asked.iter().all(missing) { "missing" } else { "judged" };
                record.extend([state.into(), report["points"].to_string(), possible.clone()]);
                for exercise in asked {
                    // An empty cell: nothing was handed in.
                    let points = of(&exercise.name).filter(|it| it["state"] != "missing");
                    record.push(points.map_or(String::new(), |it| it["points"].to_string()));
                }
                let findings = asked.iter().filter_map(|it| finding(of(&it.name)?, &it.name));
                record.push(cell(&findings.collect::<Vec<_>>().join("; ")));
            }
            other => {
                let why = match other {
                    Some(Err(why)) => why,
                    _ => "it was not judged",
                };
                record.extend(["error".into(), String::new(), possible.clone()]);
                record.extend(asked.iter().map(|_| String::new()));
                record.push(cell(why));
            }
        }
        csv.write_record(record)?;
    }
    Ok(csv.into_inner()?)
}

fn of_exercise<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    report["exercises"].as_array()?.iter().find(|it| it["exercise"] == name)
}

/// What is there in place of a file that is missing, and may be meant.
fn instead<'a>(report: &'a Value, name: &str) -> Option<&'a str> {
    let words = name.replace('-', "");
    let is_meant = |it: &&str| it.to_lowercase().replace(['-', '_', ' '], "").contains(&words);
    report["there"].as_array()?.iter().filter_map(Value::as_str).find(is_meant)
}

/// The longest reason in the table, in characters: the whole of it is in the learner's text.
const REASON: usize = 80;

/// What is wrong first, in a few words.
fn finding(report: &Value, name: &str) -> Option<String> {
    let because = |why: &str| {
        let first = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let more = if first.chars().count() > REASON { "..." } else { "" };
        format!("{}{more}", first.trim().chars().take(REASON).collect::<String>())
    };
    if report["state"] == "missing" {
        let instead = instead(report, name).map(|it| format!(" (there is {})", because(it)));
        return Some(format!("{name}: missing{}", instead.unwrap_or_default()));
    }
    let verdict = &report["verdict"];
    let (check, finding) = match &verdict["obstacle"] {
        Value::Null => {
            let mut checks = verdict["checks"].as_array()?.iter();
            let failed = checks.find(|check| check["passed"] == false)?;
            (failed["check"].as_str()?, &failed["findings"][0])
        }
        obstacle => ("", obstacle),
    };
    let word = finding["word"].as_str().unwrap_or("not shown");
    let place = match check {
        "" => because(finding["message"].as_str().unwrap_or_default()),
        check => check.to_owned(),
    };
    Some(format!("{name}: {word} ({place})"))
}

fn lossy(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn progress_bar(length: usize, done: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() && !messages::is_dumb() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let template = "{bar:30} {pos}/{len}, {eta} left  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(length as u64), target).with_style(style);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}
