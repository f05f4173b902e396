//! Runs a program that nobody trusts, and says what became of it.
//!
//! ```no_run
//! use sandbox::{Job, Spec};
//!
//! // Before anything else in `main`: the sandbox is this program, started again.
//! sandbox::enter(|_, _| Vec::new());
//! let job = Job { program: "/bin/echo".into(), arguments: vec!["hello".into()], ..Job::default() };
//! let spec = Spec { unprivileged: true, jobs: vec![job], ..Spec::default() };
//! let account = sandbox::run(&spec)?;
//! println!("{:?} {:?}", account.ends[0].how, account.ends[0].output);
//! # anyhow::Ok(())
//! ```
//!
//! # Who takes part
//!
//! Three processes. The *caller* writes a [`Spec`] and reads an [`Account`]. It starts its own
//! program again as the *keeper*, which goes into namespaces of its own and forks the *supervisor*,
//! the first process of the new process namespace. The supervisor starts each [`Job`], watches it,
//! looks at what it left and kills everything. Where the machine offers less than this, the
//! account says so.
//!
//! If the caller is killed, the kernel kills the keeper (parent-death signal), then the supervisor,
//! and with the first process of a namespace all others. Without a process namespace the supervisor
//! notices that its input was closed, and cleans up by itself.
//!
//! # What each isolation gives, and what it lacks
//!
//! | | gives | lacks |
//! |---|---|---|
//! | process namespace | an end to everything, whatever happens; nobody else's processes are in sight | it needs a mount of `/proc`, which some containers refuse |
//! | mount namespace with a root of its own | of the host's files only programs, libraries and a few settings are there, read-only: no home, no socket, no queue; all else is in memory and goes with the run | programs that look for data elsewhere do not find it |
//! | network and IPC namespace | no connection; System V memory of the run's own | |
//! | user namespace | all of these for who is not root | some distributions and most containers forbid it |
//! | a user number of its own (root only) | no file, process or limit is shared with anybody | the files that everybody may read |
//! | Landlock | reading, writing and executing by path, connections, from version 6 on signals | modes, owners, times and attributes; sockets with a path; whether a file exists |
//! | seccomp | a list of the calls that are allowed: by number and by simple arguments | what a pointer leads to: it cannot tell one path from another |
//! | capabilities | none is left, and none comes back by executing something, for user 0 either | user 0 without any still owns what is root's |
//! | resource limits | size of files, descriptors, address space, processor time | they count for each process; sums are looked at every 20 ms |
//!
//! There are four combinations: all of it as an ordinary user; all of it as root, which starts as
//! root and judges as nobody; the same without a user namespace; and *bare*, without any namespace,
//! where Landlock, seccomp, limits and a watchful supervisor remain. [`Account::lacks`] says by name
//! what a combination leaves open.
//!
//! Memory is counted by what exists: a process's own pages, and shared memory once for each inode,
//! whether mapped, open or nameless. What is mapped, filled and unmapped again within one look, and
//! kept by a page, is not seen. What cannot be looked at is told as such ([`Left::unseen`]). Time is
//! counted by the clock, less what other programs took ([`End::delayed`]).

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigHandler, Signal};

mod account;
mod calls;
mod clock;
mod disk;
mod files;
mod identity;
mod keeper;
mod kill;
mod leash;
mod limits;
mod memory;
mod place;
mod processes;
mod root;
mod spec;
mod start;
mod supervisor;
mod system;
mod watch;

pub use account::{Account, Doing, End, How, Left};
pub use leash::output;
pub use spec::{
    Allow, CAN_DO_WITHOUT, Channel, Content, File, Inspect, Job, Limits, Question, Spec,
};

/// The hidden argument with which a program starts itself as the keeper.
const KEEPER: &str = "--keeper";

/// Becomes the sandbox if [`run`] has started this program for that, and then never returns. To be
/// called before anything else in `main`. `inspect` looks through the files that
/// [`Job::inspect`] names.
pub fn enter(inspect: Inspect) {
    // Who ignores the end of children, as some shells have it for all that they start, can wait for
    // none: wait(2).
    // SAFETY: the default action runs no code.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    // A write beyond a limit fails then, with a reason, and what has been begun is tidied up.
    // SAFETY: to ignore a signal runs no code.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == KEEPER) {
        let caller = arguments.next().and_then(|pid| pid.to_str()?.parse().ok());
        keeper::main(caller.unwrap_or(0), inspect);
    }
    if std::env::args_os().nth(1).is_some_and(|first| first == leash::LEASH) {
        leash::main(std::env::args_os().skip(2));
    }
}

/// Runs what `spec` says. Descriptors that it names must not be closed on exec.
pub fn run(spec: &Spec) -> Result<Account> {
    let mut keeper = Command::new("/proc/self/exe");
    keeper.arg(KEEPER).arg(std::process::id().to_string()).env_clear();
    keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        keeper.spawn().context("this program cannot start itself again, as /proc/self/exe")?;
    let text = serde_json::to_vec(spec)?;
    // The other end notices the death of this process by the end of its input, so the input stays
    // open until the account has been read.
    let mut lifeline = child.stdin.take().context("the keeper's input")?;
    let told = lifeline
        .write_all(&(text.len() as u64).to_le_bytes())
        .and_then(|()| lifeline.write_all(&text));
    let mut account = Vec::new();
    child.stdout.take().context("the keeper's output")?.read_to_end(&mut account)?;
    let mut said = String::new();
    child.stderr.take().context("the keeper's errors")?.read_to_string(&mut said)?;
    let status = child.wait()?;
    drop(lifeline);
    match serde_json::from_slice::<Account>(&account) {
        Ok(Account { error: Some(error), .. }) => bail!("{error}"),
        Ok(account) => told.map(|()| account).context("the keeper"),
        Err(_) => bail!("the supervisor ended early ({status}): {}", said.trim()),
    }
}

/// A file without a name, in memory, that children of this process can be given. Where memory is
/// refused, it is a temporary one that has been removed.
pub fn nameless_file() -> Result<OwnedFd> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    if let Ok(file) = memfd_create("checks", MFdFlags::empty()) {
        return Ok(file);
    }
    let file = OwnedFd::from(tempfile::tempfile().context("a temporary file")?);
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).context("F_SETFD")?;
    Ok(file)
}

/// A secret of 128 bits.
pub fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
