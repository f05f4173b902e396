//! Programs that are run for a break, and the end of all of it by a signal: the running program
//! is ended, the scratch copy removed.

use std::fs;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise, sigaction};
use nix::unistd::Pid;

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Erases what a terminal shows from here to the end of the line.
const ERASES: &str = "\u{1b}[K";

/// What a signal has to clear away.
struct Running {
    /// The leader of the running program's process group.
    program: Option<Pid>,
    scratch: Option<std::path::PathBuf>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { program: None, scratch: None });

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal that ends this process removes `scratch` first.
pub fn clear_away_on_signals(scratch: &Path) -> Result<()> {
    let mut known = running();
    if known.scratch.replace(scratch.to_owned()).is_some() {
        return Ok(());
    }
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().context("block signals")?;
    let wait = move || {
        let Ok(signal) = signals.wait() else { return };
        // The lock is kept to the end, so that nothing is started any more.
        let mut known = running();
        if let Some(program) = known.program.take() {
            end(program);
        }
        if let Some(scratch) = known.scratch.take() {
            let _ = fs::remove_dir_all(scratch);
        }
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler is installed; the signal gets its default action back.
        let _ = unsafe { sigaction(signal, &default) };
        let _ = signals.thread_unblock();
        let _ = raise(signal);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).context("start a thread")?;
    Ok(())
}

/// Ends a process group, by force where a request is not enough.
fn end(group: Pid) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let until = Instant::now() + GRACE;
        while killpg(group, signal).is_ok() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Changes files of the scratch copy; a signal waits, so that it removes all of them.
pub fn undisturbed<T>(change: impl FnOnce() -> T) -> T {
    let _known = running();
    change()
}

/// Runs the command to its end, in a process group of its own, and keeps what it prints.
pub fn output(command: &mut Command) -> Result<Output> {
    run(command, false)
}

/// The same for cargo, whose progress is passed on if somebody sees it: the first build takes minutes.
pub fn build(command: &mut Command) -> Result<Output> {
    let seen = std::env::var_os("CARGO_TERM_PROGRESS_WHEN")
        .map_or_else(|| io::stderr().is_terminal(), |when| when == "always");
    if seen {
        command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
    }
    run(command, seen)
}

fn run(command: &mut Command, builds: bool) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = {
        let mut known = running();
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        known.program = Some(Pid::from_raw(child.id() as i32));
        child
    };
    let errors = if builds { child.stderr.take() } else { None };
    let output = std::thread::scope(|scope| {
        let rest = errors.map(|errors| scope.spawn(|| without_progress(errors, &mut io::stderr())));
        let mut output = child.wait_with_output()?;
        if let Some(rest) = rest {
            output.stderr = rest.join().unwrap_or_default();
        }
        Ok::<Output, io::Error>(output)
    });
    running().program = None;
    output.with_context(|| format!("wait for {name}"))
}

/// Passes on to `shown` how far cargo is, each time in place of the last, and returns all else.
fn without_progress(errors: impl Read, shown: &mut impl Write) -> Vec<u8> {
    let (mut rest, mut line) = (Vec::new(), Vec::new());
    for byte in BufReader::new(errors).bytes().map_while(Result::ok) {
        line.push(byte);
        if !matches!(byte, b'\r' | b'\n') {
            continue;
        }
        let text = String::from_utf8_lossy(&line).replace(ERASES, "");
        match text.split_whitespace().next() {
            Some("Building" | "Blocking") => {
                let _ = write!(shown, "{}{ERASES}\r", text.trim_end());
            }
            None | Some("Compiling" | "Finished") => {}
            Some(_) => rest.extend(text.as_bytes()),
        }
        line.clear();
    }
    let _ = write!(shown, "{ERASES}\r");
    rest.append(&mut line);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_kept_whether_or_not_it_builds() {
        for builds in [false, true] {
            let mut command = Command::new("sh");
            let output = run(command.args(["-c", "echo yes; echo no >&2"]), builds).unwrap();
            let kept = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            assert_eq!(kept, ["yes\n", "no\n"], "{builds}");
            assert!(output.status.success());
        }
    }

    #[test]
    fn progress_is_passed_on_and_errors_are_kept() {
        let said = "   Compiling a v0.1.0\n    Building [=>  ] 1/2: a\r\u{1b}[Kerror: no\n  \
                    --> a.rs\n    Building [==> ] 2/2: b\r    Finished it";
        let mut shown = Vec::new();
        let rest = without_progress(said.as_bytes(), &mut shown);
        assert_eq!(String::from_utf8(rest).unwrap(), "error: no\n  --> a.rs\n    Finished it");
        let shown = String::from_utf8(shown).unwrap();
        let pieces: Vec<&str> = shown.split_inclusive('\r').collect();
        assert_eq!(
            pieces,
            [
                "    Building [=>  ] 1/2: a\u{1b}[K\r",
                "    Building [==> ] 2/2: b\u{1b}[K\r",
                "\u{1b}[K\r"
            ]
        );
    }
}
