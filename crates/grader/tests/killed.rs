//! A grader that is killed while it builds takes the build with it, whatever that has started.

#![cfg(target_os = "linux")]

#[path = "../../acceptance/src/watchdog.rs"]
mod watchdog;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::watchdog::wait_until;

/// How many processes the build starts.
const STARTED: usize = 100;

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.contains(" Z "))
}

#[test]
fn a_build_ends_with_its_grader() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target");
    fs::create_dir_all(target.join("debug")).unwrap();
    fs::write(target.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55").unwrap();
    let grader = target.join("debug/grader");
    fs::copy(env!("CARGO_BIN_EXE_grader"), &grader).unwrap();
    // It starts what outlives it, as Cargo starts compilers; so many that to end them takes a while,
    // in which the first has been missed.
    let cargo = directory.path().join("cargo");
    let pids = directory.path().join("pids");
    let script = format!(
        "#!/bin/sh\nall=$$\nfor each in $(seq {STARTED}); do sleep 600 & all=\"$all $!\"; done\n\
         echo $all > {0}.new\nmv {0}.new {0}\nwait\n",
        pids.display()
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let exercise = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exercises/reap/solution.rs");
    let mut command = Command::new(&grader);
    command.arg("reap").arg("--file").arg(exercise).env("CARGO", &cargo);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the build begins", || pids.exists());
    let pids = fs::read_to_string(&pids).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert!(pids.len() == 1 + STARTED && pids.iter().all(|pid| runs(pid)), "{pids:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the build has ended", || !pids.iter().any(|pid| runs(pid)));
}
