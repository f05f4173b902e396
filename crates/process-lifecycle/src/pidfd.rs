//! A process id is a number, and numbers are used again. A descriptor refers to one process only.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::child::{Child, exit, explain, failed, in_words, pidfd_open};
use lab::{Evidence, Experiment, Lab, Unavailable, say, say_why};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, getpid, pause};

pub const EXPERIMENT: Experiment = Experiment {
    name: "pidfd",
    question: "A number was given to another process. Whom does a signal reach?",
    claims: &[],
    run,
};

fn run(_: &Lab) -> Result<Evidence> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            std::thread::sleep(Duration::from_millis(20));
            7
        })
    }?;
    let pid = child.pid();
    let pidfd = pidfd_open(pid).map_err(explain("pidfd_open"))?;
    say!("parent", "has a descriptor for child {pid}, and waits with poll");
    // ANCHOR: wait
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let readable = poll(&mut fds, PollTimeout::from(10_000u16)).map_err(explain("poll"))? == 1;
    let status =
        waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED).map_err(explain("waitid"))?;
    // ANCHOR_END: wait
    std::mem::forget(child);
    say!(
        "parent",
        "poll says {}: {pid} {}",
        yes_no(readable, "readable", "not yet"),
        in_words(status)
    );
    let afterwards = send(pidfd.as_fd(), Signal::SIGTERM);
    say!("parent", "a signal through the descriptor now: {}", word(afterwards));
    let found = Evidence::new()
        .fact("pidfd: readable at the end", readable)
        .fact("pidfd: signal after the end", word(afterwards));
    let reused = match in_a_namespace() {
        Ok(reused) => reused,
        Err(error) if error.is::<Unavailable>() => {
            say_why!("parent", "cannot have a number given away here: {error:#}");
            return Ok(found.missing("pid reused: the number reaches", format!("{error:#}")));
        }
        Err(error) => return Err(error),
    };
    say!("parent", "in a namespace, 100 has ended and a stranger has its number");
    say!("parent", "SIGTERM to number 100: the stranger {}", ended(reused.by_number));
    say!("parent", "SIGTERM to the first's descriptor: {}", word(reused.by_descriptor));
    let who = if reused.by_number { "the stranger" } else { "nobody" };
    Ok(found
        .fact("pid reused: the number reaches", who)
        .fact("pid reused: signal by the descriptor", word(reused.by_descriptor)))
}

/// Sends a signal to the process that the descriptor refers to, pidfd_send_signal(2).
fn send(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed, and the descriptor is open.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal as i32, none, 0)
    };
    Errno::result(sent).map(drop)
}

/// What happened to two processes that had the same number one after the other.
struct Reused {
    by_number: bool,
    by_descriptor: Result<(), Errno>,
}

/// In a process namespace of one's own, the next number can be chosen; pid_namespaces(7).
fn in_a_namespace() -> Result<Reused> {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let outer = unsafe {
        Child::fork(|| {
            // Root needs no user namespace; others get the right in one of their own.
            let spaces = CloneFlags::CLONE_NEWPID;
            if unshare(spaces).is_err() && unshare(spaces | CloneFlags::CLONE_NEWUSER).is_err() {
                return REFUSED;
            }
            // The first child of this process is number 1 in there, and has no parent there: getppid
            // says 0. When it ends, all processes of the namespace do.
            match nix::unistd::fork() {
                Ok(ForkResult::Child) => {
                    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
                    exit(give_away_a_number().unwrap_or_else(|error| failed(&error)))
                }
                Ok(ForkResult::Parent { child }) => match waitpid(child, None) {
                    Ok(WaitStatus::Exited(_, status)) => status,
                    _ => FAILED,
                },
                Err(_) => FAILED,
            }
        })
    }?;
    match outer.wait()? {
        WaitStatus::Exited(_, REFUSED) => bail!(Unavailable::because(
            "unshare: no process namespace of one's own is allowed here"
        )),
        WaitStatus::Exited(_, seen @ SEEN..REFUSED) => Ok(Reused {
            by_number: (seen - SEEN) & 1 != 0,
            by_descriptor: match (seen - SEEN) >> 1 {
                0 => Ok(()),
                errno => Err(Errno::from_raw(errno)),
            },
        }),
        other => bail!("the namespace's first process {}", in_words(other)),
    }
}

const SEEN: i32 = 8;
const REFUSED: i32 = 254;
const FAILED: i32 = 255;

/// Whether a signal to the number ended the stranger, and the errno of one through the descriptor,
/// as an exit status from SEEN on: an even number more if it did not, twice the errno more.
fn give_away_a_number() -> Result<i32> {
    // ANCHOR: reuse
    let first = with_number(100)?;
    let descriptor = pidfd_open(first)?;
    kill(first, Signal::SIGKILL)?;
    waitpid(first, None)?;

    let stranger = with_number(100)?;
    ensure!(stranger == first, "{stranger} has another number than {first} had");
    let by_descriptor = send(descriptor.as_fd(), Signal::SIGTERM).err();
    let by_number = kill(first, Signal::SIGTERM).is_ok() && was_ended(stranger, Signal::SIGTERM)?;
    // ANCHOR_END: reuse
    Ok(SEEN + i32::from(by_number) + 2 * by_descriptor.map_or(0, |errno| errno as i32))
}

/// Forks a process that sleeps and has this number.
fn with_number(wanted: i32) -> Result<Pid> {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (wanted - 1).to_string())
        .context("write /proc/sys/kernel/ns_last_pid")?;
    let parent = getpid();
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    match unsafe { nix::unistd::fork() }.context("fork")? {
        ForkResult::Child => {
            lab::child::die_with(parent);
            loop {
                pause();
            }
        }
        ForkResult::Parent { child } if child.as_raw() == wanted => Ok(child),
        ForkResult::Parent { child } => bail!("{child} instead of {wanted}"),
    }
}

fn was_ended(process: Pid, by: Signal) -> Result<bool> {
    Ok(matches!(waitpid(process, None)?, WaitStatus::Signaled(_, signal, _) if signal == by))
}

fn word(sent: Result<(), Errno>) -> String {
    match sent {
        Ok(()) => "sent".to_owned(),
        Err(Errno::ESRCH) => "ESRCH, no such process".to_owned(),
        Err(errno) => format!("{errno:?}"),
    }
}

fn yes_no<'a>(is: bool, yes: &'a str, no: &'a str) -> &'a str {
    if is { yes } else { no }
}

fn ended(yes: bool) -> &'static str {
    yes_no(yes, "was ended by it", "did not notice")
}
