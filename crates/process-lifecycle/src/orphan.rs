//! A child whose parent ends first gets another parent, unless it has asked to die with the first.

use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, explain, failed, in_words};
use lab::{Evidence, Experiment, Lab, TimeLimit, say};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{get_child_subreaper, set_child_subreaper, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "orphan",
    question: "The parent ends first. Who is the parent now?",
    claims: &[],
    run,
};

/// When a grandchild asks the kernel for a signal at its parent's death.
#[derive(Clone, Copy)]
enum Asks {
    Never,
    InTime,
    TooLate,
}

fn run(_: &Lab) -> Result<Evidence> {
    // Otherwise orphans would be given to a process further up, at the latest to number 1.
    set_child_subreaper(true).map_err(explain("prctl"))?;
    let takes = match get_child_subreaper().map_err(explain("prctl"))? {
        true => "takes in the orphans",
        false => "takes in no orphans",
    };
    say!("elder", "is {}, and {takes} among its descendants", getpid());

    let orphan = orphaned(Asks::Never)?;
    let (parent, adopter) = (orphan.parent, orphan.sees);
    let adopted = adopter == getpid();
    say!("elder", "{} was the child of {parent}, which ended", orphan.process.pid());
    let who = if adopted { "this process" } else { "another process" };
    say!("elder", "its parent is now {adopter}: {who}");
    drop(orphan);

    let orphan = orphaned(Asks::InTime)?;
    let (pid, parent) = (orphan.process.pid(), orphan.parent);
    let in_time = ended(orphan)?;
    let how = in_time.map_or("lives on".to_owned(), in_words);
    say!("elder", "{pid} asks to die with {parent}: it {how}");

    let orphan = orphaned(Asks::TooLate)?;
    let (pid, parent, seen) = (orphan.process.pid(), orphan.parent, orphan.sees);
    let too_late = ended(orphan)?;
    let how = too_late.map_or("lives on".to_owned(), in_words);
    say!("elder", "{pid} asks when {parent} is dead: it {how}");
    let tells = seen != parent;
    say!("elder", "but getppid says {seen}: {}", if tells { "too late" } else { "in time" });
    let killed = |ended: Option<WaitStatus>| {
        matches!(ended, Some(WaitStatus::Signaled(_, Signal::SIGKILL, _)))
    };
    Ok(Evidence::new()
        .fact("orphan: adopted by the subreaper", adopted)
        .fact("orphan: asked in time, is killed", killed(in_time))
        .fact("orphan: asked too late, is killed", killed(too_late))
        .fact("orphan: getppid tells that it was too late", tells))
}

/// A process whose parent has ended.
struct Orphan {
    process: Child,
    /// Who its parent was.
    parent: Pid,
    /// Whom it sees as its parent afterwards; 0 if it was killed before it could look.
    sees: Pid,
    /// It lives for as long as this is open, at most: no signal tells it that this process has ended.
    _lifeline: PipeReader,
}

/// How it ended, if it does so within a while. Who could not look any more has been killed, and has as
/// long to die of it as a busy machine needs.
fn ended(orphan: Orphan) -> Result<Option<WaitStatus>> {
    let killed = orphan.sees == Pid::from_raw(0);
    let patience = if killed { LIMIT } else { Duration::from_millis(300) };
    Ok(orphan.process.wait_for(patience)?.ok())
}

/// Makes a child that makes a grandchild and ends.
fn orphaned(asks: Asks) -> Result<Orphan> {
    let (mut says, tell) = std::io::pipe().context("pipe")?;
    let lifeline = says.as_raw_fd();
    let (mut asked, mut ask) = std::io::pipe().context("pipe")?;
    // The child holds the other end of this pipe, so its end can be waited for.
    let (mut parent_lives, held) = std::io::pipe().context("pipe")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let parent = unsafe {
        Child::fork(|| match fork() {
            Ok(ForkResult::Child) => {
                drop(held);
                // Its copy: then the lifeline ends with the process that made it.
                libc::close(lifeline);
                grandchild(asks, &mut ask, tell, &mut parent_lives)
            }
            Ok(ForkResult::Parent { .. }) => {
                // Until the grandchild has asked, or has chosen not to.
                let _ = asked.read(&mut [0]);
                0
            }
            Err(errno) => errno as i32,
        })
    }?;
    let who = parent.pid();
    let mut numbers = [0; 8];
    let told = says.read_exact(&mut numbers[..4]);
    parent.wait()?;
    told.context("the grandchild said nothing")?;
    let number =
        |bytes: &[u8]| Pid::from_raw(i32::from_ne_bytes(bytes.try_into().unwrap_or([0; 4])));
    let process = Child::adopt(number(&numbers[..4]));
    let sees = match says.read_exact(&mut numbers[4..]) {
        Ok(()) => number(&numbers[4..]),
        // It was killed before it could look.
        Err(_) => Pid::from_raw(0),
    };
    Ok(Orphan { process, parent: who, sees, _lifeline: says })
}

// ANCHOR: grandchild
fn grandchild(
    asks: Asks,
    ask: &mut impl Write,
    mut tell: impl Write + AsFd,
    parent_lives: &mut impl Read,
) -> i32 {
    let parent = getppid();
    if matches!(asks, Asks::InTime)
        && let Err(errno) = set_pdeathsig(Signal::SIGKILL)
    {
        let _ = ask.write_all(b"a");
        return failed(&explain("prctl")(errno));
    }
    let _ = tell.write_all(&getpid().as_raw().to_ne_bytes());
    let _ = ask.write_all(b"a");
    // This read returns when the parent closes the other end, which it does by ending.
    let _ = parent_lives.read(&mut [0]);
    let mut limit = TimeLimit::new(LIMIT);
    while getppid() == parent && !limit.is_over() {
        std::thread::sleep(Duration::from_micros(200));
    }
    if matches!(asks, Asks::TooLate)
        && let Err(errno) = set_pdeathsig(Signal::SIGKILL)
    {
        return failed(&explain("prctl")(errno));
    }
    let _ = tell.write_all(&getppid().as_raw().to_ne_bytes());
    until_nobody_reads(&tell);
    0
}
// ANCHOR_END: grandchild

/// Waits until the other end of a pipe is closed everywhere: who was to end this process has ended.
fn until_nobody_reads(pipe: &impl AsFd) {
    let mut closed = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    while poll(&mut closed, PollTimeout::NONE) == Err(Errno::EINTR) {}
}
