//! What a process inherits and must not be hindered by, looked at once, first of all.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};

/// Signals that a caller has ignored for this program's good, as nohup, a shell's `&` and job control
/// do; the Rust runtime itself ignores SIGPIPE.
const LEFT_IGNORED: [i32; 7] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGPIPE,
];

/// Those of them that are ignored here, one bit each; children of experiments take them back.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// The path of this program, for where /proc does not show it.
static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Sets right what this process has inherited: no signal is blocked; none is ignored but those by
/// which a caller protects a program in the background. An ignored SIGCHLD would have the kernel
/// reap children before anybody can wait for them, sigaction(2).
///
/// A time limit that a caller has set by alarm(2), and its limits on resources, are its will.
pub(crate) fn set_right() {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    let mut ignored = 0;
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| is_ignored(*signal)) {
        if LEFT_IGNORED.contains(&signal) {
            ignored |= 1 << signal;
        } else {
            to_default(signal);
        }
    }
    IGNORED.store(ignored & !(1 << libc::SIGPIPE), Relaxed);
    PROGRAM.get_or_init(|| Some(std::env::current_dir().ok()?.join(executed()?)));
}

/// The same for a process of an experiment, which also needs a working directory that exists.
pub(crate) fn set_right_for_experiment() {
    set_right();
    if std::env::current_dir().is_err() {
        let _ = std::env::set_current_dir("/");
    }
}

/// Gives a child of an experiment the usual dispositions. Safe after fork(2): system calls only.
pub(crate) fn usual_dispositions() {
    let ignored = IGNORED.load(Relaxed);
    if ignored != 0 {
        (1..64).filter(|signal| ignored >> signal & 1 == 1).for_each(to_default);
    }
}

/// A file that may not grow as much (`ulimit -f`) is an error of the call that writes to it, and not
/// the end of this program: see setrlimit(2). Programs that it executes have the signal as usual.
pub(crate) fn too_large_is_an_error() {
    extern "C" fn go_on(_: libc::c_int) {}
    let handler = SigHandler::Handler(go_on);
    // SAFETY: the handler does nothing.
    let _ = unsafe { signal(Signal::SIGXFSZ, handler) };
}

/// Whether a caller protects this program from signals that a terminal sends to a whole process group.
pub(crate) fn is_protected() -> bool {
    IGNORED.load(Relaxed) != 0
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros are a valid sigaction, and a null pointer asks without changing anything.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

fn to_default(signal: i32) {
    // SAFETY: the default disposition runs no code of this process.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// The path by which this program was executed, getauxval(3).
fn executed() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: the value is null or points to a string that the kernel keeps in this process.
    let path = unsafe {
        let path = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        (!path.is_null()).then(|| std::ffi::CStr::from_ptr(path))?
    };
    Some(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
}

/// What to execute to run this program again: the very file that runs, even if it was replaced or
/// removed; its path where /proc is not mounted.
pub(crate) fn this_program() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    match (link.symlink_metadata(), PROGRAM.get()) {
        (Err(_), Some(Some(path))) => path.clone(),
        _ => link,
    }
}

/// Whether this process has children before it has made any: those of a shell that has executed
/// this program in its place.
pub(crate) fn has_children() -> bool {
    // SAFETY: all zeros are a valid siginfo_t, and the call writes to nothing else.
    let found = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        libc::waitid(libc::P_ALL, 0, &mut info, options)
    };
    !(found == -1 && Errno::last() == Errno::ECHILD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Child;

    #[test]
    fn ignored_and_blocked_signals_are_set_right() {
        // SAFETY: the child makes system calls only.
        let child = unsafe {
            Child::fork(|| {
                libc::signal(libc::SIGCHLD, libc::SIG_IGN);
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None);
                set_right();
                let open = SigSet::thread_get_mask() == Ok(SigSet::empty());
                let kept = is_ignored(libc::SIGHUP) && !is_ignored(libc::SIGCHLD);
                usual_dispositions();
                i32::from(!(open && kept && !is_ignored(libc::SIGHUP)))
            })
        }
        .unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), nix::sys::wait::WaitStatus::Exited(pid, 0));
    }

    #[test]
    fn an_experiment_has_a_directory_that_exists() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        // SAFETY: the child changes and asks for its directory, and ends.
        let child = unsafe {
            Child::fork(|| {
                let gone =
                    std::env::set_current_dir(place).and_then(|()| std::fs::remove_dir(place));
                let is_gone = gone.is_ok() && std::env::current_dir().is_err();
                set_right_for_experiment();
                i32::from(!(is_gone && std::env::current_dir().is_ok()))
            })
        }
        .unwrap();
        let pid = child.pid();
        assert_eq!(child.wait().unwrap(), nix::sys::wait::WaitStatus::Exited(pid, 0));
    }

    #[test]
    fn this_program_can_be_named() {
        assert!(executed().is_some());
        assert!(this_program().exists());
    }
}
