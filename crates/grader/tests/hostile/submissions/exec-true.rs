//! Becomes a program that succeeds.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [ended-early]
//! shows: exit code 0

use std::os::unix::process::CommandExt;

fn attack() {
    let error = std::process::Command::new("/bin/true").exec();
    panic!("{error}");
}
