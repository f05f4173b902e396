//! What a time limit must come to.
//!
//! No check measures time. Where a command must not be waited for, the limit is so long that
//! waiting shows as a check that hangs; where the limit must pass, a command that was not ready
//! before it is given more, up to two seconds.

use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use harness::{Check, serve};
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use time_limit::{Outcome, run_at_most};

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&mut Command, Duration, Duration) -> io::Result<Outcome> = run_at_most;
const _: [fn(ExitStatus) -> Outcome; 2] = [Outcome::InTime, Outcome::TimeUp];

fn main() {
    serve(&[
        Check::plain("in-time", in_time),
        Check::plain("cannot-start", cannot_start),
        Check::plain("asks-first", asks_first),
        Check::plain("insists", insists),
        Check::plain("whole-group", whole_group),
        Check::plain("stubborn-child", stubborn_child),
        Check::plain("background", background),
        Check::plain("nobody-else", nobody_else),
    ]);
}

/// So long that nobody waits for it.
const LONG: Duration = Duration::from_secs(3600);

/// So short that it passes without much waiting.
const SHORT: Duration = Duration::from_millis(30);

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

/// A command that was killed but not collected takes a moment to end. Waits for that, without
/// collecting it: then it is a zombie for sure. Returns at once if there is no child.
fn until_ended() {
    let _ = waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
}

/// A child that is not ended by anything but SIGKILL, from its first instruction on.
fn deaf(command: &mut Command) -> &mut Command {
    let ignore = || {
        // SAFETY: no handler is installed.
        unsafe { signal(Signal::SIGTERM, SigHandler::SigIgn) }?;
        Ok(())
    };
    // SAFETY: the closure makes one system call.
    unsafe { command.pre_exec(ignore) }
}

fn in_time() {
    match run_at_most(&mut shell("exit 3"), LONG, LONG).unwrap() {
        Outcome::InTime(status) => assert_eq!(status.code(), Some(3), "exit 3, in time"),
        Outcome::TimeUp(status) => panic!("exit 3, in time, but the time was up: {status}"),
    }
    match run_at_most(&mut shell("kill -KILL $$"), LONG, LONG).unwrap() {
        Outcome::InTime(status) => assert_eq!(status.signal(), Some(9), "killed in time"),
        Outcome::TimeUp(status) => panic!("killed in time, but the time was up: {status}"),
    }
}

fn cannot_start() {
    let outcome = run_at_most(&mut Command::new("/no/such/program"), LONG, LONG);
    assert!(outcome.is_err(), "starting /no/such/program gives {outcome:?}, not an error");
}

/// Runs `script` with a limit that passes. Its output is a pipe; so is its input, which ends only
/// after the function has returned, so that what reads it and is left then ends by itself.
/// Returns the status and what it printed, once it has printed something before the limit.
fn exceed(script: &str, deaf_child: bool, grace: Duration) -> (ExitStatus, String) {
    let mut limit = SHORT;
    loop {
        let (input, holds) = pipe().unwrap();
        let (prints, output) = pipe().unwrap();
        let mut command = shell(script);
        command.stdin(input).stdout(output);
        if deaf_child {
            deaf(&mut command);
        }
        let outcome = run_at_most(&mut command, limit, grace).unwrap();
        drop(command);
        let printed = release(holds, prints);
        let status = match outcome {
            Outcome::TimeUp(status) => status,
            Outcome::InTime(status) => panic!("a command that waits ended in time: {status}"),
        };
        if !printed.is_empty() {
            return (status, printed);
        }
        assert!(limit < Duration::from_secs(2), "the command was ended before it had begun");
        limit *= 2;
    }
}

/// Ends the input of what is left, and reads all that was printed.
fn release(holds: PipeWriter, mut prints: PipeReader) -> String {
    drop(holds);
    let mut printed = String::new();
    prints.read_to_string(&mut printed).unwrap();
    printed
}

/// The command has a handler for SIGTERM, which ends it with a code of its own.
fn asks_first() {
    let script = "trap 'echo asked; exit 7' TERM; echo ready; while :; do read line; done";
    let (status, printed) = exceed(script, false, LONG);
    // Without "ready" if the limit came just after the handler was there.
    assert!(printed.ends_with("asked\n"), "a handler for SIGTERM was not run: {printed:?}");
    assert_eq!(status.code(), Some(7), "a command that ends by itself when asked: {status}");
}

fn insists() {
    let mut command = Command::new("/bin/sleep");
    command.arg("3600");
    let outcome = run_at_most(deaf(&mut command), SHORT, SHORT).unwrap();
    until_ended();
    match outcome {
        Outcome::TimeUp(status) => {
            assert_eq!(status.signal(), Some(9), "a command that ignores SIGTERM: {status}");
        }
        Outcome::InTime(status) => panic!("sleep 3600 ended in time: {status}"),
    }
}

/// How a grandchild ended that prints its number and reads until its input ends, and then exits
/// with 42. It becomes this process's child when its parent is gone.
fn end_of_grandchild(printed: &str) -> Option<WaitStatus> {
    let grandchild = Pid::from_raw(printed.trim().parse().expect("the number of the grandchild"));
    match waitpid(grandchild, None) {
        Ok(status) => Some(status),
        // Somebody else has collected it, so it had ended.
        Err(Errno::ECHILD) => None,
        Err(errno) => panic!("waiting for the grandchild: {errno}"),
    }
}

fn assert_ended(printed: &str, signals: &[Signal], what: &str) {
    match end_of_grandchild(printed) {
        None => {}
        Some(WaitStatus::Signaled(_, signal, _)) => {
            assert!(signals.contains(&signal), "{what} was ended by {signal}, not {signals:?}");
        }
        Some(_) => panic!("{what} was still there after the function had returned"),
    }
}

/// A child in the background that reads the input of the command.
const GRANDCHILD: &str = "exec 9<&0; (while read line <&9; do :; done; exit 42) & echo $!";

fn whole_group() {
    set_child_subreaper(true).unwrap();
    let (_, printed) = exceed(&format!("{GRANDCHILD}; wait"), false, LONG);
    assert_ended(&printed, &[Signal::SIGTERM, Signal::SIGKILL], "a child of the command");
}

/// The command heeds SIGTERM, the child ignores it.
fn stubborn_child() {
    set_child_subreaper(true).unwrap();
    let script = format!("trap '' TERM; {GRANDCHILD}; trap 'exit 0' TERM; wait");
    // Where the limit comes before the second trap, SIGKILL ends both, which is right as well.
    let (_, printed) = exceed(&script, false, SHORT);
    assert_ended(&printed, &[Signal::SIGKILL], "a child of the command that ignores SIGTERM");
}

fn background() {
    set_child_subreaper(true).unwrap();
    let (input, holds) = pipe().unwrap();
    let (prints, output) = pipe().unwrap();
    let mut command = shell(&format!("{GRANDCHILD}; exit 3"));
    command.stdin(input).stdout(output);
    let outcome = run_at_most(&mut command, LONG, LONG).unwrap();
    drop(command);
    let printed = release(holds, prints);
    let what = "a process that the command had left in the background";
    assert_ended(&printed, &[Signal::SIGKILL, Signal::SIGTERM], what);
    let Outcome::InTime(status) = outcome else { panic!("exit 3, in time: {outcome:?}") };
    assert_eq!(status.code(), Some(3), "exit 3, in time");
}

/// One child of the caller has ended and waits to be collected, another one is at work.
fn nobody_else() {
    let mut ended = shell("exit 9").spawn().unwrap();
    // Looks without collecting it.
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    let id = Id::Pid(Pid::from_raw(ended.id() as i32));
    waitid(id, look).unwrap();
    let mut works = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().unwrap();
    let input = works.stdin.take();
    let mut command = Command::new("/bin/sleep");
    run_at_most(command.arg("3600"), SHORT, LONG).unwrap();
    kill(Pid::from_raw(works.id() as i32), None).expect("a child of the caller is gone");
    drop(input);
    let status = works.wait().expect("a child of the caller was collected");
    assert_eq!(
        status.code(),
        Some(0),
        "a child of the caller, which reads until the end: {status}"
    );
    let status = ended.wait().expect("a child of the caller that had ended was collected");
    assert_eq!(status.code(), Some(9), "a child of the caller that had ended");
}
