//! What a program left behind: processes, and names that outlive them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The variable that marks a run's processes: forked and executed children inherit it.
pub const MARK: &str = "ACCEPTANCE_RUN";

/// How long the kernel may take to end the children of a program that was killed.
const GRACE: Duration = Duration::from_secs(10);

/// Names in the places where a program could leave something that outlives it.
#[derive(Debug, PartialEq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// What is there now: POSIX shared memory and semaphores, POSIX queues where their file
    /// system is mounted, System V objects, and files in `temporary`.
    pub fn now(temporary: &Path) -> Names {
        let mut names = BTreeSet::new();
        for directory in [Path::new("/dev/shm"), Path::new("/dev/mqueue"), temporary] {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                names.insert(entry.path().display().to_string());
            }
        }
        for kind in ["shm", "sem", "msg"] {
            let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
            for line in text.lines().skip(1) {
                let id = line.split_whitespace().nth(1).unwrap_or("?");
                names.insert(format!("System V {kind} {id}"));
            }
        }
        Names(names)
    }

    /// What has come since then and stays. What others make at the same time goes away again.
    pub fn left_since(&self, temporary: &Path) -> Vec<String> {
        let end = Instant::now() + GRACE;
        let mut left = Names::now(temporary).0;
        left.retain(|name| !self.0.contains(name));
        while !left.is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
            let there = Names::now(temporary).0;
            left.retain(|name| there.contains(name));
        }
        left.into_iter().collect()
    }
}

/// The processes of the run `mark` that are still there after a time of grace.
pub fn survivors(mark: &str) -> Vec<String> {
    let end = Instant::now() + GRACE;
    loop {
        let found = processes(mark);
        if found.is_empty() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes that carry the mark. A zombie has no environment; once its parent is gone it is
/// reaped by the system, and while its parent lives the parent is found here.
fn processes(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes()) {
            let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            found.push(format!("{} {}", entry.path().display(), words.replace('\0', " ")));
        }
    }
    found
}
