//! A judgement that runs. It is a process of its own, so a new save can end it at any moment.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use explorer::report::Report;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::catalogue::Exercise;
use crate::escape::clean;
use crate::judge::{Finding, Verdict};
use crate::progress::is_of_progress;
use crate::show::{self, Sources, Style};

/// A verdict, with all that is needed to show it in any width.
#[derive(Serialize, Deserialize)]
pub struct Told {
    /// The submission that was judged.
    source: String,
    /// The verdict, without the failures in it.
    pub verdict: Verdict,
    /// The failures, one for each finding of each check, as reports.
    failures: Vec<Option<String>>,
}

fn findings(verdict: &mut Verdict) -> impl Iterator<Item = &mut Finding> {
    verdict.checks.iter_mut().flat_map(|judged| &mut judged.findings)
}

impl Told {
    /// A verdict on this source.
    pub fn of(source: &str, mut verdict: Verdict) -> Told {
        let report = |finding: &mut Finding| {
            let failure = finding.failure.take().map(|failure| *failure)?;
            Some(Report { failure: Some(failure), ..Report::default() }.to_text())
        };
        let failures = findings(&mut verdict).map(report).collect();
        Told { source: source.to_owned(), verdict, failures }
    }

    /// Writes it for whoever watches.
    pub fn write(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    fn read(text: &str) -> Result<Told> {
        let mut told: Told = serde_json::from_str(text)?;
        for (finding, report) in findings(&mut told.verdict).zip(&told.failures) {
            let report = report.as_deref().and_then(Report::from_text);
            finding.failure = report.and_then(|report| report.failure).map(Box::new);
        }
        Ok(told)
    }

    /// As `cargo grade` shows it.
    pub fn text(&self, exercise: &Exercise, style: Style) -> String {
        let file = exercise.file_name();
        let checks = exercise.file(harness::CHECKS).unwrap_or_default();
        let sources: Sources = &[(&file, &self.source), (harness::CHECKS, &checks)];
        show::verdict(&self.verdict, sources, style)
    }

    /// The check and the replay of its counter-example, if it can be walked.
    pub fn counter_example(&self) -> Option<(&str, Option<&str>)> {
        let mut failed = self.verdict.checks.iter().filter(|judged| !judged.passed);
        failed.find_map(|judged| {
            let finding = judged.findings.iter().find(|finding| finding.failure.is_some())?;
            Some((judged.check.as_str(), finding.replay.as_deref()))
        })
    }
}

/// How a judgement ended.
pub struct Ended {
    /// The verdict, or why there is none.
    pub told: std::result::Result<Told, String>,
    /// What else was said, such as that isolation is incomplete.
    pub beside: String,
}

/// A judgement that runs. It ends when this is dropped, and everything that it started with it.
pub struct Judgement {
    child: Child,
    output: File,
    errors: ChildStderr,
    /// What it has said so far, while it builds what verdicts need.
    pub said: String,
    /// Whether it may say more.
    pub speaks: bool,
    /// When it began.
    pub began: Instant,
    /// The exercise, by its place.
    pub of: usize,
}

impl Judgement {
    pub fn begin(of: usize, name: &str, without: &[String]) -> Result<Judgement> {
        let output = File::from(sandbox::nameless_file()?);
        let mut command = Command::new("/proc/self/exe");
        command.args([name, "--told"]);
        command.args(without.iter().flat_map(|name| ["--without", name]));
        if Style::of_terminal().colour {
            command.env("CLICOLOR_FORCE", "1");
        }
        command.env(PROGRESS, "1").process_group(0);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(Stdio::piped());
        with_parent(&mut command, Signal::SIGKILL);
        let mut child = command.spawn().context("the grader cannot start itself again")?;
        let errors = child.stderr.take().context("a pipe")?;
        fcntl(&errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("fcntl")?;
        let (said, speaks, began) = (String::new(), true, Instant::now());
        Ok(Judgement { child, output, errors, said, speaks, began, of })
    }

    /// Where something can be read when it says something.
    pub fn voice(&self) -> BorrowedFd<'_> {
        self.errors.as_fd()
    }

    /// Reads what it has said. False if it will say nothing more.
    pub fn listen(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.errors.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => self.said.push_str(&String::from_utf8_lossy(&bytes[..length])),
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// What it came to, if it has ended.
    pub fn ended(&mut self) -> Result<Option<Ended>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        self.listen();
        let mut text = String::new();
        self.output.rewind()?;
        self.output.read_to_string(&mut text)?;
        let beside = clean(&self.said, false);
        Ok(Some(match Told::read(&text) {
            Ok(told) => Ended { told: Ok(told), beside: remarks(&beside) },
            Err(_) => Ended { told: Err(why(status, &beside)), beside: String::new() },
        }))
    }
}

/// Set for a judgement whose standard error is read as it comes: then Cargo says what it builds, and the
/// judgement which checks have finished.
pub const PROGRESS: &str = "GRADE_TELLS_WHAT_IT_BUILDS";

/// What was said that is still of interest when there is a verdict.
fn remarks(said: &str) -> String {
    let of_cargo = |line: &&str| {
        let building = ["Building what", "Compiling ", "Finished ", "Blocking waiting"];
        !building.iter().any(|beginning| line.trim_start().starts_with(beginning))
            && !is_of_progress(line)
    };
    said.lines().filter(of_cargo).collect::<Vec<_>>().join("\n")
}

/// Why there is no verdict.
fn why(status: ExitStatus, said: &str) -> String {
    match remarks(said) {
        said if !said.is_empty() => said,
        _ => format!("The judgement has ended without a verdict ({status})."),
    }
}

/// The child ends with this process, by that signal, and may be ended by all others.
pub fn with_parent(command: &mut Command, signal: Signal) {
    let watch = nix::unistd::getpid();
    // SAFETY: the child makes a few system calls and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            SigSet::all().thread_unblock()?;
            if nix::unistd::getppid() == watch { Ok(()) } else { Err(Errno::ESRCH.into()) }
        });
    }
}

impl Drop for Judgement {
    fn drop(&mut self) {
        // What runs the submission is killed by the kernel as soon as its parent is gone.
        match killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => drop(self.child.wait()),
            // It has limits of its own, which may be far, so nobody waits for it here.
            Err(errno) => {
                let _ = writeln!(std::io::stderr(), "grade: a judgement is not ended: {errno}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_builds_is_of_no_interest_afterwards() {
        let said = "Building what the exercises of this kind stand on; this is done once.\n   \
                    Compiling nix v0.31.1\n    Finished `grade` profile\nIsolation is incomplete: x.\npass  codes\n";
        assert_eq!(remarks(said), "Isolation is incomplete: x.");
    }
}
