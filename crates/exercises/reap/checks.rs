//! What collecting children must come to.

use std::process::Command;
use std::time::Duration;

use harness::{Check, serve};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use reap::run_all;

/// The types that a submission must have: with others, `==` would be its own.
const _: fn(&mut [Command]) -> std::io::Result<Vec<i32>> = run_all;

fn main() {
    serve(&[
        Check::plain("codes", codes),
        Check::plain("none", none),
        Check::plain("signals", signals),
        Check::plain("together", together),
        Check::plain("cannot-start", cannot_start),
        Check::plain("only-its-own", only_its_own),
        Check::plain("many", many),
    ]);
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

/// A child that was left behind may still run. Waits until it has ended, without collecting it: then
/// it is a zombie for sure. Returns at once if there is no child.
fn until_ended() {
    let _ = waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
}

fn codes() {
    let mut commands = [shell("exit 0"), shell("sleep 0.05; exit 7"), shell("exit 3")];
    assert_eq!(run_all(&mut commands).unwrap(), [0, 7, 3], "the codes, in the order of commands");
}

fn none() {
    assert_eq!(run_all(&mut []).unwrap(), [], "no commands, no codes");
}

fn signals() {
    let mut commands = [shell("kill -TERM $$"), shell("exit 1"), shell("kill -KILL $$")];
    let said = "128 plus the signal for a child that was killed";
    assert_eq!(run_all(&mut commands).unwrap(), [128 + 15, 1, 128 + 9], "{said}");
}

/// Each of two children waits for the other to open its end of a named pipe, so neither can end
/// unless both run.
fn together() {
    let pipe = std::env::temp_dir().join("meeting");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut commands = [shell("echo here > $TMPDIR/meeting"), shell("read it < $TMPDIR/meeting")];
    let ends = run_all(&mut commands).unwrap();
    std::fs::remove_file(pipe).unwrap();
    assert_eq!(ends, [0, 0], "two children that meet");
}

fn cannot_start() {
    let mut commands = [shell("exit 4"), Command::new("/no/such/program"), shell("exit 5")];
    let ends = run_all(&mut commands);
    until_ended();
    let ends = ends.expect("one that cannot be started is not an error");
    assert_eq!(ends, [4, 127, 5], "the second cannot be started");
}

/// A child that was there before has ended already, and must still be there to be collected.
fn only_its_own() {
    let mut mine = shell("exit 9").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let ends = run_all(&mut [shell("exit 1"), shell("exit 2")]).unwrap();
    assert_eq!(ends, [1, 2], "the codes of the commands");
    let status = mine.wait().expect("a child that run_all did not start was collected by it");
    assert_eq!(status.code(), Some(9), "the code of the caller's own child");
}

fn many() {
    let mut commands: Vec<Command> = (0..20).map(|n| shell(&format!("exit {n}"))).collect();
    assert_eq!(run_all(&mut commands).unwrap(), (0..20).collect::<Vec<i32>>(), "twenty codes");
    let left = waitpid(None, Some(WaitPidFlag::WNOHANG));
    if let Ok(WaitStatus::Exited(pid, _)) = left {
        panic!("child {pid} has ended and was not collected");
    }
}
