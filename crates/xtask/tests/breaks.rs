//! `cargo xtask break`, as a reader types it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use acceptance::watchdog::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("xtask starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn unknown_names_get_one_sentence_and_status_2() {
    for (arguments, said) in [
        (&["break", "forc"][..], "there is no package 'forc'; did you mean 'fork'?"),
        (
            &["break", "no-such-package"],
            "there is no package 'no-such-package'; README.md lists them",
        ),
        (
            &["break", "threads", "x\x1b[31m\ny"],
            "there is no break 'x\\u{1b}[31m\\ny'; cargo xtask break threads lists them",
        ),
        (&["record", "forc"], "there is no package 'forc'; did you mean 'fork'?"),
        (&["surroundings", "forc"], "there is no package 'forc'; did you mean 'fork'?"),
        (&["break", "threads", "a-cpoy"], "there is no break 'a-cpoy'; did you mean 'a-copy'?"),
    ] {
        let (status, stdout, stderr) = output(&mut xtask(arguments));
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert_eq!(stderr, format!("xtask: {said}\n"));
    }
    for (arguments, code) in [
        (&["break"][..], 2),
        (&["break", "--all", "fork"], 2),
        (&["brea\x07\n\nk"], 2),
        (&["record", "a\x07\nb"], 2),
        (&["surroundings", "a\x07\nb"], 2),
        (&["draw", "\x07\n", "b"], 1),
        (&["new", "a\x07\nb", "c"], 1),
    ] {
        let (status, _, stderr) = output(&mut xtask(arguments));
        assert_eq!((status, stderr.lines().count()), (Some(code), 1), "{arguments:?}: {stderr}");
        assert!(!stderr.contains('\x07'), "{stderr:?}");
    }
}

#[test]
fn where_an_output_failed_is_named() {
    for arguments in [&["--help"][..], &["break", "threads"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = xtask(arguments).stdout(full).output().expect("xtask starts");
        let stderr = String::from_utf8(output.stderr).expect("it is UTF-8");
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.starts_with("xtask: standard output: write: ENOSPC"), "{stderr}");
    }
}

#[test]
fn the_workspace_is_found_from_where_the_reader_is() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let (status, _, stderr) = output(xtask(&["break", "fork"]).current_dir(elsewhere.path()));
    assert_eq!((status, stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("is not in a checkout"), "{stderr}");
    let (status, stdout, _) = output(xtask(&["break", "threads"]).current_dir("src"));
    assert!(status == Some(0) && stdout.contains("a-copy"), "{stdout}");
}

#[test]
fn signals_leave_no_scratch_copy() {
    let target = Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).expect("target");
    let copy = target.join("breaks/workspace");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut command = xtask(&["break", "threads", "a-copy"]);
        command.env("CARGO_TARGET_DIR", target).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("xtask starts");
        wait_until("the scratch copy is made", || copy.join("crates").exists());
        kill(Pid::from_raw(child.id() as i32), signal).expect("kill");
        let status = child.wait().expect("wait");
        assert!(!status.success() && !copy.exists(), "{signal}: {status}");
    }
}
