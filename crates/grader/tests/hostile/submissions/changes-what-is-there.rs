//! Changes modes, owners, times and attributes of other people's files, in whatever way there is, and
//! talks to a socket of theirs.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! shows: nothing works
//! never: CHANGED

use std::ffi::CString;

fn attack() {
    let mut changed = Vec::new();
    for owner in ["root", "nobody"] {
        for name in ["file", "directory", "submissions/right-1/reap.rs", "submissions/right-1"] {
            let path = format!("{}/{owner}/{name}", "{victims}");
            change(&path, &mut changed);
        }
        let socket = format!("{}/{owner}/socket", "{victims}");
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            changed.push("socket".to_owned());
        }
    }
    assert!(changed.is_empty(), "CHANGED {changed:?}");
    panic!("nothing works");
}

fn change(path: &str, changed: &mut Vec<String>) {
    let text = path;
    let path = CString::new(path).unwrap();
    let here = libc::AT_FDCWD;
    let times = [libc::timespec { tv_sec: 1, tv_nsec: 0 }; 2];
    let name = c"user.hostile";
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_RDONLY);
        let results = [
            libc::chmod(path.as_ptr(), 0),
            libc::fchmodat(here, path.as_ptr(), 0, 0),
            libc::fchmod(fd, 0),
            libc::chown(path.as_ptr(), libc::getuid(), libc::getgid()),
            libc::utimensat(here, path.as_ptr(), times.as_ptr(), 0),
            libc::futimens(fd, times.as_ptr()),
            libc::setxattr(path.as_ptr(), name.as_ptr(), name.as_ptr().cast(), 4, 0),
            libc::fsetxattr(fd, name.as_ptr(), name.as_ptr().cast(), 4, 0),
            libc::truncate(path.as_ptr(), 0),
            libc::rename(path.as_ptr(), c"/tmp/hostile-moved".as_ptr()),
            libc::link(path.as_ptr(), c"hostile-link".as_ptr()),
        ];
        for (which, result) in results.iter().enumerate() {
            if *result == 0 {
                changed.push(format!("{which} of {text}"));
            }
        }
    }
}
