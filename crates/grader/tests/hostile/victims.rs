//! What belongs to others on this machine: files, directories, sockets, queues, keys, shared memory.
//! A submission may change none of it, and leave nothing of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::mqueue::{MQ_OFlag, mq_open, mq_unlink};
use nix::sys::stat::Mode;

/// Who nobody is.
const NOBODY: u32 = 65534;

/// What hostile submissions call their System V objects.
const KEY: &str = "1752134516";

/// Makes files of several owners below `directory`, among them a class with the solution as three
/// right submissions. The sockets are listened on as long as these live.
pub fn make(directory: &Path, solution: &Path) -> Vec<UnixListener> {
    let root = nix::unistd::geteuid().is_root();
    let mut sockets = Vec::new();
    for owner in ["root", "nobody"] {
        let home = directory.join(owner);
        fs::create_dir_all(home.join("directory")).unwrap();
        fs::write(home.join("file"), "untouched").unwrap();
        for number in 1..=3 {
            let submission = home.join(format!("submissions/right-{number}"));
            fs::create_dir_all(&submission).unwrap();
            fs::copy(solution, submission.join("reap.rs")).unwrap();
        }
        sockets.push(UnixListener::bind(home.join("socket")).unwrap());
        if root && owner == "nobody" {
            for path in below(&home) {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
    }
    sockets
}

/// A directory and everything in it.
fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        at += 1;
        if path.is_dir() {
            found.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// How everything is: two of these differ if anything was changed, or left.
pub fn state(victims: &Path) -> BTreeSet<String> {
    let mut state = BTreeSet::new();
    for path in if victims.is_dir() { below(victims) } else { Vec::new() } {
        let it = fs::symlink_metadata(&path).unwrap();
        let mode = it.mode();
        let (owner, size) = ((it.uid(), it.gid()), it.len());
        let times = ((it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec()));
        let attributes = attributes(&path);
        let path = path.display();
        state.insert(format!("{path}: {mode:o} {owner:?} {size} {times:?} {attributes}"));
    }
    for name in ["/hostile-queue", "/hostile-h8"] {
        if mq_open(name, MQ_OFlag::O_RDONLY, Mode::empty(), None).is_ok() {
            state.insert(format!("queue {name}"));
            let _ = mq_unlink(name);
        }
    }
    for kind in ["shm", "sem", "msg"] {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let ours = |line: &&str| line.split_whitespace().next() == Some(KEY);
        state.extend(table.lines().filter(ours).map(|line| format!("{kind} {line}")));
    }
    let keys = fs::read_to_string("/proc/keys").unwrap_or_default();
    state.extend(keys.lines().filter(|line| line.contains("hostile")).map(str::to_owned));
    state
}

/// How many bytes the names of extended attributes take.
fn attributes(path: &Path) -> isize {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path ends with a zero; with a length of 0 nothing is written.
    unsafe { libc::llistxattr(path.as_ptr(), std::ptr::null_mut(), 0) }
}
