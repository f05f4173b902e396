//! Programs that have the terminal for a while: an editor, or the walk through a counter-example.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::judgement::with_parent;
use crate::submission::shown;

/// A program that has the terminal. It ends when this is dropped.
pub struct Guest {
    child: Child,
    who: &'static str,
}

/// How long a program has to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

impl Guest {
    /// Begins the program, in the group of processes that has the terminal.
    pub fn begin(mut command: Command, who: &'static str) -> Result<Guest> {
        // An editor keeps what is not saved when it is told that its terminal has gone.
        with_parent(&mut command, Signal::SIGHUP);
        let child = command.spawn().with_context(|| format!("{who} cannot be started"))?;
        Ok(Guest { child, who })
    }

    /// What there is to say of it, if it has ended.
    pub fn left(&mut self) -> Result<Option<String>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        let interrupted = Some(128 + Signal::SIGINT as i32);
        Ok(Some(match status.code() {
            Some(0) => String::new(),
            code if code == interrupted => String::new(),
            Some(127) => format!("{} was not found by the shell.", self.who),
            _ => format!("{} has ended: {status}.", self.who),
        }))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Err(errno) = self.end() {
            // It is another user's by now, as sudoedit is. To wait for it would last as long as it likes.
            let _ = writeln!(std::io::stderr(), "grade: {} is not ended: {errno}", self.who);
        }
    }
}

impl Guest {
    /// Asks the program to end, then forces it, and waits for its end. A shell stands before an editor,
    /// and perhaps a script, so it is about all that comes from it.
    fn end(&mut self) -> nix::Result<()> {
        if self.child.try_wait().is_ok_and(|status| status.is_some()) {
            return Ok(());
        }
        let first = self.child.id() as i32;
        let rest = proc::descendants(first).into_iter().map(|(pid, _)| pid);
        let all: Vec<i32> = std::iter::once(first).chain(rest).collect();
        for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGCONT] {
            send_to_all(&all, signal)?;
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && !all.iter().all(|pid| proc::has_ended(*pid)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        send_to_all(&all, Signal::SIGKILL)?;
        waitpid(Pid::from_raw(first), None).map(drop)
    }
}

/// To those that have not ended; they are looked at just before.
fn send_to_all(all: &[i32], signal: Signal) -> nix::Result<()> {
    for pid in all.iter().filter(|pid| !proc::has_ended(**pid)) {
        match kill(Pid::from_raw(*pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The learner's editor on this file.
///
/// # Errors
///
/// If there is none.
pub fn editor(file: &Path) -> Result<Command> {
    let set = |name| std::env::var_os(name).filter(|editor| !editor.is_empty());
    let Some(editor) = set("VISUAL").or_else(|| set("EDITOR")) else {
        let file = shown(file);
        bail!("Neither VISUAL nor EDITOR names an editor; open {file} in one beside this window")
    };
    // It may have options, so a shell reads it, as it does for git and others.
    let mut command = Command::new("sh");
    command.arg("-c").arg({
        let mut script = editor.clone();
        script.push(" \"$@\"");
        script
    });
    command.arg(&editor).arg(file);
    Ok(command)
}

/// This program again, to walk a schedule of a check.
pub fn walk(name: &str, check: &str, replay: Option<&str>, without: &[String]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([name, "--play", check]);
    command.args(replay.iter().flat_map(|replay| ["--replay", replay]));
    command.args(without.iter().flat_map(|name| ["--without", name]));
    command
}
