//! Runs a program that is trusted, and lets nothing of it outlive its caller: not what it has started
//! in its turn either, which no parent-death signal reaches.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result};

use crate::kill::kill_all;

/// The hidden argument with which a program starts itself to hold another one.
pub(crate) const LEASH: &str = "--leash";

/// Runs a command, and gives what it printed to standard output; standard error stays as it is. If
/// the caller ends meanwhile, by whatever signal, the command ends with everything it has started.
/// The program must call `enter` first.
pub fn output(command: &Command) -> Result<Output> {
    let mut leash = Command::new("/proc/self/exe");
    leash.arg(LEASH).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leash.env(name, value),
            None => leash.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        leash.current_dir(directory);
    }
    leash.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = leash.spawn().context("this program cannot start itself again")?;
    // It is closed when this process ends, and not before.
    let lifeline = child.stdin.take();
    let output = child.wait_with_output()?;
    drop(lifeline);
    Ok(output)
}

/// Holds the program that the arguments name; never returns.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ! {
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let watcher = std::thread::Builder::new().spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        ends_here();
        kill_all(false);
        std::process::exit(1);
    });
    if let Err(error) = watcher {
        eprintln!("there is no thread to watch over what is run (ulimit -u): {error}");
        std::process::exit(1);
    }
    let mut command = Command::new(arguments.next().unwrap_or_default());
    let status = command.args(arguments).stdin(Stdio::null()).status();
    ends_here();
    std::process::exit(match status {
        Ok(status) => status.code().unwrap_or(128 + status.signal().unwrap_or_default()),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            127
        }
    })
}

/// Of the two threads the first one ends this process. The other one stays here: the command is killed
/// before what it has started, and who waits for it must not end the process in between.
fn ends_here() {
    static FIRST: Mutex<()> = Mutex::new(());
    std::mem::forget(FIRST.lock());
}
