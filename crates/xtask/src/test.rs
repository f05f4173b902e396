//! `cargo xtask test`: builds all tests at once and runs several test programs at a time.
//!
//! `cargo test` runs one program after the other, and much of a program's time its last test waits
//! alone. Here the tests of tools come first, side by side. Then each concept is seen on a quiet machine,
//! one after the other; what was seen is kept, and all their tests follow side by side. If each waited
//! for the quiet when its turn comes, all others would wait as often.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::TimeLimit;
use lab::child::die_with;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::getpid;

use crate::workspace::{cargo, concepts, top};

/// The longest take a few minutes, on a busy machine many; what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What a program prints is kept in memory until it has ended; one that prints more prints without end.
const MOST_BYTES: u64 = 64 << 20;

/// So much of it is shown, the end: there the test harness says what failed.
const SHOWN: u64 = 256 << 10;

/// The test of each concept that sees it on a quiet machine, and the folder in which it keeps that for
/// the others, as the crate `acceptance` says.
const SEES: &str = "prints_what_the_book_shows";
const KEPT: &str = "ACCEPTANCE_KEPT";

const MINUTE: Duration = Duration::from_secs(60);

/// One program of tests.
#[derive(Clone, Debug, PartialEq)]
struct Program {
    package: String,
    /// The target that cargo made it from, as `fork` of `tests/fork.rs`.
    target: String,
    path: PathBuf,
    /// The package's folder, in which cargo runs its tests.
    folder: PathBuf,
    /// Whether it is the one that runs a concept's program.
    sees: bool,
}

impl Program {
    fn name(&self) -> String {
        format!("{}, {}", self.package, self.target)
    }
}

/// How programs are run.
struct Runner<'a> {
    jobs: usize,
    limit: Duration,
    /// Where each report goes in one piece, since several programs run at a time.
    out: Mutex<&'a mut (dyn Write + Send)>,
    /// Where concepts' tests keep what they saw.
    kept: Option<PathBuf>,
    /// Whether only the test that sees runs.
    sees: bool,
}

/// Runs all tests of the workspace, `jobs` programs at a time; without a number one more than there
/// are CPUs, since each of them waits now and then. What a program says is printed if it fails.
///
/// # Errors
///
/// If something cannot be built, or nothing be printed.
pub fn all(jobs: Option<usize>) -> Result<ExitCode> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = std::io::stdout();
    let kept = tempfile::tempdir().context("a temporary directory")?;
    let mut runner = Runner {
        jobs: jobs.unwrap_or(cpus + 1),
        limit: LIMIT,
        out: Mutex::new(&mut out),
        kept: Some(kept.path().to_owned()),
        sees: false,
    };
    let begun = Instant::now();
    let programs = build()?;
    let built = begun.elapsed().as_secs_f64();
    runner.print(&format!("{} test programs, built in {built:.0} s", programs.len()))?;

    let begun = Instant::now();
    let concepts = concepts()?;
    let (measuring, mut others): (Vec<_>, Vec<_>) =
        programs.into_iter().partition(|program| concepts.contains(&program.package));
    // The grader's take longest; what is begun last is waited for alone.
    others.sort_by_key(|program| program.package != "grader");
    let mut failed = runner.run(others)?;
    let seeing = measuring.iter().filter(|program| program.sees).cloned().collect();
    let jobs = std::mem::replace(&mut runner.jobs, 1);
    runner.sees = true;
    failed.extend(runner.run(seeing)?);
    (runner.jobs, runner.sees) = (jobs, false);
    failed.extend(runner.run(measuring)?);
    if !examples()? {
        failed.push("examples in documentation".to_owned());
    }
    runner.print(&format!("run in {:.0} s", begun.elapsed().as_secs_f64()))?;
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("xtask: failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Builds what `cargo test --workspace` builds.
fn build() -> Result<Vec<Program>> {
    let mut command = cargo();
    command
        .current_dir(top())
        .args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = not_outliving(&mut command).output().context("cargo test")?;
    ensure!(output.status.success(), "the tests cannot be built");
    let text = String::from_utf8(output.stdout).context("read what cargo says")?;
    let programs: Vec<Program> =
        text.lines().filter_map(|line| program(&serde_json::from_str(line).ok()?)).collect();
    ensure!(!programs.is_empty(), "cargo names no program of tests");
    Ok(programs)
}

/// The program of tests that this message of cargo's tells of.
fn program(message: &serde_json::Value) -> Option<Program> {
    let of_tests = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let path = message["executable"].as_str().filter(|_| of_tests)?;
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_owned();
    let package = folder.file_name()?.to_str()?.to_owned();
    let target = message["target"]["name"].as_str()?.to_owned();
    let sees = package == target && message["target"]["kind"][0] == "test";
    Some(Program { package, target, path: path.into(), folder, sees })
}

impl Runner<'_> {
    /// Runs the programs, and names those that failed.
    fn run(&self, programs: Vec<Program>) -> Result<Vec<String>> {
        let jobs = self.jobs.min(programs.len());
        let left = Mutex::new(VecDeque::from(programs));
        let failed = Mutex::new(Vec::new());
        let work = || -> Result<()> {
            loop {
                let next = left.lock().expect("nobody panics with it").pop_front();
                let Some(program) = next else { return Ok(()) };
                if !self.one(&program)? {
                    let name = format!("{} ({})", program.package, program.target);
                    failed.lock().expect("nobody panics with it").push(name);
                }
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("it does not panic"))
        })?;
        Ok(failed.into_inner().expect("nobody panics with it"))
    }

    /// Runs one program, and prints how it ended, and what it said if it failed.
    fn one(&self, program: &Program) -> Result<bool> {
        let begun = Instant::now();
        let said = || memfd_create(c"said", MFdFlags::MFD_CLOEXEC).map(File::from);
        let outputs = [said().context("memfd_create")?, said().context("memfd_create")?];
        let ended = self.to_its_end(program, &outputs);
        let passed = ended.as_ref().is_ok_and(ExitStatus::success);
        let [said, errors] = [text(&outputs[0])?, text(&outputs[1])?];
        let result = said.lines().rev().find_map(|line| line.strip_prefix("test result: "));
        let result = match (&ended, result.and_then(|line| line.split(';').next())) {
            (Err(error), _) => format!("{error:#}"),
            (Ok(_), Some(result)) => result.to_owned(),
            (Ok(_), None) if passed => "ok".to_owned(),
            (Ok(status), None) => status.to_string(),
        };
        let name = program.name() + if self.sees { ", seen alone" } else { "" };
        let took = begun.elapsed().as_secs_f64();
        let mut report = format!("{name:<44} {result:<24} {took:>6.1} s");
        if passed {
            for line in said.lines().filter(|line| !is_of_the_harness(line)) {
                report.push_str(&format!("\n    {line}"));
            }
        } else {
            report.push_str(&format!("\n{said}{errors}"));
        }
        self.print(&report)?;
        Ok(passed)
    }

    /// Runs one program with what cargo tells it. Its output goes to files, not pipes: a process that it
    /// leaves, and that keeps them open, is not waited for.
    fn to_its_end(&self, program: &Program, [stdout, stderr]: &[File; 2]) -> Result<ExitStatus> {
        let mut command = Command::new(&program.path);
        if self.sees {
            command.args([SEES, "--exact"]);
        }
        command
            .envs(self.kept.as_ref().map(|folder| (KEPT, folder)))
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env("CARGO_PKG_NAME", &program.package)
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().context("dup")?)
            .stderr(stderr.try_clone().context("dup")?);
        let start = || format!("start {}", program.path.display());
        let mut child = not_outliving(&mut command).spawn().with_context(start)?;
        let (mut time, begun, mut minutes) = (TimeLimit::new(self.limit), Instant::now(), 1);
        loop {
            if let Some(status) = child.try_wait().context("wait")? {
                return Ok(status);
            }
            let printed = stdout.metadata()?.len() + stderr.metadata()?.len();
            let too_much = printed > MOST_BYTES;
            if too_much || time.is_over() {
                child.kill().context("kill")?;
                child.wait().context("wait")?;
                match too_much {
                    true => bail!("killed: it had printed {} MiB", printed >> 20),
                    false => bail!("killed: it had not ended after {} s", self.limit.as_secs()),
                }
            }
            if begun.elapsed() > minutes * MINUTE {
                self.print(&format!("{:<44} has run for {minutes} min", program.name()))?;
                minutes += 1;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn print(&self, report: &str) -> Result<()> {
        let mut out = self.out.lock().expect("nobody panics with it");
        out.write_all(format!("{report}\n").as_bytes()).context("write to the standard output")
    }
}

/// Lets what the command starts be killed when the thread that starts it ends, which waits for it.
fn not_outliving(command: &mut Command) -> &mut Command {
    let this = getpid();
    // SAFETY: the closure makes system calls only.
    unsafe {
        command.pre_exec(move || {
            die_with(this);
            Ok(())
        })
    }
}

/// The end of what was printed.
fn text(output: &File) -> Result<String> {
    let length = output.metadata().context("stat")?.len();
    let left_out = length.saturating_sub(SHOWN);
    let mut bytes = vec![0; (length - left_out) as usize];
    output.read_exact_at(&mut bytes, left_out).context("read what a program said")?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match left_out {
        0 => text.into_owned(),
        _ => format!("({} KiB before this are left out)\n{text}", left_out >> 10),
    })
}

/// Whether a line is what the test harness says of tests that pass. What they say besides is shown: of
/// what they have judged a share, for instance.
fn is_of_the_harness(line: &str) -> bool {
    let begins = ["running ", "test "];
    line.is_empty() || begins.iter().any(|beginning| line.starts_with(beginning))
}

/// Runs the examples in documentation.
fn examples() -> Result<bool> {
    let mut command = cargo();
    command.current_dir(top()).args(["test", "--workspace", "--doc", "--quiet"]);
    Ok(not_outliving(&mut command).status().context("cargo test --doc")?.success())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_cargos_messages_those_of_test_programs_are_taken() {
        let mut message = json!({
            "reason": "compiler-artifact",
            "manifest_path": "/w/crates/fork/Cargo.toml",
            "target": {"name": "copy-on-write", "kind": ["test"]},
            "profile": {"test": true},
            "executable": "/t/copy_on_write-1",
        });
        let found = program(&message).unwrap();
        assert_eq!((&*found.package, &*found.target), ("fork", "copy-on-write"));
        assert_eq!(found.folder, PathBuf::from("/w/crates/fork"));
        assert!(!found.sees);
        message["target"]["name"] = json!("fork");
        assert!(program(&message).unwrap().sees);
        message["target"]["kind"] = json!(["lib"]);
        assert!(!program(&message).unwrap().sees);
        message["profile"]["test"] = json!(false);
        assert_eq!(program(&message), None);
    }

    fn made_up(script: &str) -> Program {
        let folder = tempfile::tempdir().unwrap().keep();
        let path = folder.join("tests");
        // By another process: what this one has open for writing a child of another test's may keep
        // open, and then it cannot be executed.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 700 "$2""#;
        let written = Command::new("sh").args(["-c", write, "sh", script]).arg(&path).status();
        assert!(written.unwrap().success());
        Program { package: script.to_owned(), target: "t".to_owned(), path, folder, sees: false }
    }

    /// Runs the scripts; names those that failed, in order, and returns all that was printed.
    fn run(scripts: &[&str], limit: Duration, look: impl Fn(&[PathBuf])) -> (Vec<String>, String) {
        let programs: Vec<Program> = scripts.iter().copied().map(made_up).collect();
        let folders: Vec<PathBuf> = programs.iter().map(|it| it.folder.clone()).collect();
        let mut out = Vec::new();
        let runner = Runner { jobs: 2, limit, out: Mutex::new(&mut out), kept: None, sees: false };
        let mut failed = runner.run(programs).unwrap();
        failed.sort();
        look(&folders);
        for folder in folders {
            std::fs::remove_dir_all(folder).unwrap();
        }
        (failed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_fails_is_killed_or_cannot_be_started_is_named_and_the_rest_is_run() {
        let scripts = ["exit 101", "kill -9 $$", "touch run"];
        let ran = |folders: &[PathBuf]| assert!(folders[2].join("run").exists());
        let (failed, _) = run(&scripts, LIMIT, ran);
        assert_eq!(failed, ["exit 101 (t)", "kill -9 $$ (t)"]);
        let mut gone = made_up("exit 0");
        std::fs::remove_dir_all(&gone.folder).unwrap();
        gone.folder = std::env::temp_dir();
        let mut out = Vec::new();
        let runner = Runner {
            jobs: usize::MAX,
            limit: LIMIT,
            out: Mutex::new(&mut out),
            kept: None,
            sees: false,
        };
        assert_eq!(runner.run(vec![gone]).unwrap(), ["exit 0 (t)"]);
        assert!(String::from_utf8(out).unwrap().contains(": No such file"));
    }

    #[test]
    fn what_does_not_end_or_prints_without_end_is_killed() {
        let (failed, said) = run(&["exec sleep 1000"], Duration::from_millis(200), |_| ());
        assert_eq!(failed, ["exec sleep 1000 (t)"]);
        assert!(said.contains("killed: it had not ended after"), "{said}");
        let (failed, said) = run(&["exec yes"], LIMIT, |_| ());
        assert_eq!(failed, ["exec yes (t)"]);
        assert!(said.contains("killed: it had printed") && said.contains("are left out"));
        assert!(said.len() < 2 * SHOWN as usize, "{}", said.len());
    }

    #[test]
    fn what_sees_alone_runs_one_test_and_has_a_folder_in_common_with_the_rest() {
        let script = r#"echo "$1" >> "$ACCEPTANCE_KEPT/arguments""#;
        let program = made_up(script);
        let kept = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        let kept_there = Some(kept.path().to_owned());
        let out = Mutex::new(&mut out as &mut (dyn Write + Send));
        let mut runner = Runner { jobs: 1, limit: LIMIT, out, kept: kept_there, sees: true };
        assert!(runner.run(vec![program.clone()]).unwrap().is_empty());
        runner.sees = false;
        assert!(runner.run(vec![program.clone()]).unwrap().is_empty());
        let arguments = std::fs::read_to_string(kept.path().join("arguments")).unwrap();
        assert_eq!(arguments, format!("{SEES}\n\n"));
        std::fs::remove_dir_all(program.folder).unwrap();
    }

    #[test]
    fn what_it_leaves_is_not_waited_for() {
        let end = |folders: &[PathBuf]| {
            let pid = std::fs::read_to_string(folders[0].join("pid")).unwrap();
            let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it is there");
        };
        assert!(run(&["sleep 1000 & echo $! > pid"], LIMIT, end).0.is_empty());
    }

    #[test]
    fn an_output_that_takes_nothing_is_an_error() {
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let runner =
            Runner { jobs: 1, limit: LIMIT, out: Mutex::new(&mut full), kept: None, sees: false };
        let program = made_up("exit 0");
        let folder = program.folder.clone();
        assert!(runner.run(vec![program]).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
