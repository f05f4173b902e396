//! Judges process exercises: the checks are a program of their own, the driver, which starts the
//! submission's program, asks it, and looks at it from outside.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;

use anyhow::{Result, bail};
use driver::{Order, Report};
use sandbox::{Account, Channel, End, How, Job, Limits, Question};

use crate::catalogue::{Check, Exercise};
use crate::compile::SUBMISSION;
use crate::judge::{CHECKS, Finding, Judged, Manner, exceeded, executable, packet, run_in_sandbox};
use crate::usage::usage;

/// Where random inputs begin, another one for each verdict.
pub fn seed() -> Result<u64> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The seed that a verdict named.
pub fn read_seed(text: &str) -> Result<u64> {
    let number = u64::from_str_radix(text, 16);
    number.map_err(|_| usage(format!("{text:?} is not a seed, as a verdict names one")))
}

/// How much longer than the driver's limit the sandbox waits: the driver says what hangs where.
const LONGER: f64 = 6.0;

/// The limits of a run, which has a hundred commands, and two threads for each.
fn limits(check: &Check) -> Limits {
    let usual = Limits::default();
    let descriptors = check.descriptors.unwrap_or(usual.descriptors);
    Limits { processes: 320, descriptors, ..usual }
}

/// What is run.
pub struct Programs<'a> {
    /// The checks.
    pub driver: &'a OwnedFd,
    /// The submission behind its shim.
    pub submission: &'a OwnedFd,
}

/// Runs a check on a submission.
pub fn run_check(
    exercise: &Exercise,
    check: &Check,
    order: Order,
    programs: Programs<'_>,
    manner: &Manner,
) -> Result<(Judged, Account)> {
    let mut judged = Judged::of(check);
    if order.seconds < 0.05 {
        let message = "The time for all checks together was up before this one began.";
        judged.findings.push(Finding::new("stuck", message));
        return Ok((judged, Account::default()));
    }
    let job = Job {
        sees_processes: true,
        allow: exercise.allowed(),
        limits: Limits { seconds: LONGER * (order.seconds + 1.0), ..limits(check) },
        channel: Some(Channel {
            descriptor: driver::DESCRIPTOR,
            secret: sandbox::secret()?,
            order: order.to_text(),
            longest: driver::LONGEST,
            last: ["end", "unknown", "broken"].map(str::to_owned).into(),
            question: Question::default(),
        }),
        ..Job::default()
    };
    // A program that its user may not read cannot be looked into by others of that user: execve(2).
    let files = vec![
        executable(CHECKS, 0o111, programs.driver),
        executable(driver::PUPPET, 0o755, programs.driver),
        executable(SUBMISSION, 0o755, programs.submission),
    ];
    let account = run_in_sandbox(check, job, files, manner)?;
    understand(&account.ends[0], &order, check, &mut judged)?;
    Ok((judged, account))
}

/// What the end of a check means.
fn understand(end: &End, order: &Order, check: &Check, judged: &mut Judged) -> Result<()> {
    judged.has_ended(end);
    let finding = match &end.how {
        How::Done if packet(end, "unknown").is_some() => {
            bail!("checks.rs has no check \"{}\"", judged.check)
        }
        How::Done if packet(end, "broken").is_some() => {
            bail!("check {}: {}", judged.check, packet(end, "broken").unwrap_or_default())
        }
        How::Done => {
            let report = packet(end, "end").and_then(Report::from_text);
            let Some(report) = report.filter(|_| packet(end, "begin") == Some(&order.check)) else {
                judged.findings.push(Finding::new("forged", "The report cannot be read."));
                return Ok(());
            };
            judged.left = report.left;
            judged.spins = report.spins;
            match report.finding {
                None => {
                    judged.passed = judged.findings.is_empty();
                    return Ok(());
                }
                Some(finding) => Finding {
                    replay: Some(format!("{}:{:x}", order.check, order.seed)),
                    ..Finding::new(&finding.word, finding.message)
                },
            }
        }
        How::Exited(_) | How::Killed(_) => Finding::new(
            "crash",
            "The process that judges was ended: by a signal to everybody, or to a group that is \
             not the submission's own.",
        ),
        How::TimeUp => Finding::new(
            "stuck",
            format!(
                "It was still running after {:.1} s, and has held up even the checks.",
                end.seconds
            ),
        ),
        how => exceeded(how, &limits(check))?,
    };
    judged.findings.push(finding);
    Ok(())
}

/// What was left behind, one finding for each kind of it, whichever checks it was after.
pub fn untidy(left: &[(String, Vec<(String, String)>)]) -> Vec<Finding> {
    let kinds = [
        ("zombie", "ended children that nobody collected"),
        ("running", "processes that still run"),
        ("thread", "threads that still run"),
        ("descriptor", "open descriptors"),
        ("shared-memory", "shared memory"),
        ("file", "temporary files"),
    ];
    let mut findings = Vec::new();
    for (word, what) in kinds {
        let after: Vec<String> = left
            .iter()
            .filter_map(|(check, left)| {
                let which: Vec<&str> =
                    left.iter().filter(|(it, _)| it == word).map(|(_, it)| it.as_str()).collect();
                let more = which.len().saturating_sub(4);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let named = which[..which.len().min(4)].join(", ");
                (!which.is_empty()).then(|| format!("  after {check}: {named}{more}"))
            })
            .collect();
        if !after.is_empty() {
            // Who forgets something forgets it everywhere.
            let more = after.len().saturating_sub(3);
            let more = if more > 0 { format!("\n  and after {more} more") } else { String::new() };
            let shown = after[..after.len().min(3)].join("\n");
            findings.push(Finding::new(word, format!("{what}\n{shown}{more}")));
        }
    }
    findings
}
