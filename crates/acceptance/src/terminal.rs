//! What a program shows on a terminal.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;

/// Runs a command to its end on a terminal that calls itself `term`, and returns all that it writes
/// there.
///
/// # Panics
///
/// If there is no terminal to be had, or the command does not start.
pub fn shown_on(term: &str, mut command: Command) -> String {
    let pty = openpty(None, None).expect("openpty");
    for end in [&pty.master, &pty.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("fcntl");
    }
    let slave = || Stdio::from(pty.slave.try_clone().expect("dup"));
    command.stdin(slave()).stdout(slave()).stderr(slave());
    command.env("TERM", term).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    let mut child = command.spawn().expect("the program starts");
    // It holds the other side as well, and no end would be read.
    drop(command);
    drop(pty.slave);
    let mut shown = Vec::new();
    // EIO: nobody has the other side open any more.
    let _ = File::from(pty.master).read_to_end(&mut shown);
    child.wait().expect("wait");
    String::from_utf8_lossy(&shown).into_owned()
}
