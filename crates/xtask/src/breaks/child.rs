//! Programs that are run for a break, and the end of all of it by a signal: the running program
//! is ended, the scratch copy removed.

use std::fs;
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
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = {
        let mut known = running();
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        known.program = Some(Pid::from_raw(child.id() as i32));
        child
    };
    let output = child.wait_with_output().with_context(|| format!("wait for {name}"));
    running().program = None;
    output
}
