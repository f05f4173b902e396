//! `fork` can fail. Then it returns once, with -1 and an errno, and nothing was made.

use std::io::{Read, Write, pipe};

use anyhow::{Context, Result, ensure};
use lab::child::{self, Child, die_with, exit, reap, status};
use lab::{Evidence, Experiment, Lab, say, say_why};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Uid, fork, getpid, getuid, setuid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "refused",
    question: "What does fork return when there may be no more processes?",
    claims: &[],
    run,
};

/// The user that root becomes: nobody.
const NOBODY: Uid = Uid::from_raw(65534);
/// The child exits with this where root may not become another user.
const NO_OTHER_USER: i32 = 77;

/// How many processes the child allows its user.
const ALLOWED: u64 = 1;

fn run(_: &Lab) -> Result<Evidence> {
    let (mut tried, tell) = pipe().context("pipe")?;
    let parent = getpid();
    let (_, most) = getrlimit(Resource::RLIMIT_NPROC).context("getrlimit")?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            // The limit binds everybody but root.
            if getuid().is_root()
                && let Err(errno) = setuid(NOBODY)
            {
                say_why!(
                    "child",
                    "nothing is tried: root may not become another user here: {errno:?}"
                );
                return NO_OTHER_USER;
            }
            // A change of user cleared the request to die with the parent, prctl(2).
            die_with(parent);
            let _ = setrlimit(Resource::RLIMIT_NPROC, ALLOWED, most);
            let is_limited = getrlimit(Resource::RLIMIT_NPROC) == Ok((ALLOWED, most));
            let how_many = if is_limited { ALLOWED.to_string() } else { "any number".to_owned() };
            let user = if getuid().is_root() { "root" } else { "an ordinary user" };
            say!("child", "is {user}; processes that it may have: {how_many}");
            let under_the_limit = try_to_fork();
            let _ = setrlimit(Resource::RLIMIT_NPROC, most, most);
            let is_back = getrlimit(Resource::RLIMIT_NPROC) == Ok((most, most));
            let limit = if is_back { "has taken the limit back" } else { "keeps the limit" };
            say!("child", "{limit}");
            let without = try_to_fork();
            let results = [under_the_limit, without].map(i32::to_ne_bytes);
            status((&tell).write_all(results.as_flattened()))
        })
    }?;
    let status = child.wait()?;
    drop(tell);
    let [mut limited, mut without] = [[0; 4]; 2];
    let facts = ["fork under the limit", "fork without it"];
    if matches!(status, WaitStatus::Exited(_, NO_OTHER_USER)) {
        let why = "root may not become another user here (setuid)";
        return Ok(facts.iter().fold(Evidence::new(), |found, fact| found.missing(fact, why)));
    }
    ensure!(matches!(status, WaitStatus::Exited(_, 0)), "the child {}", child::in_words(status));
    tried.read_exact(&mut limited).context("read what fork returned")?;
    tried.read_exact(&mut without).context("read what fork returned")?;
    let in_words = |errno| match i32::from_ne_bytes(errno) {
        0 => "made a process".to_owned(),
        errno => format!("{:?}", Errno::from_raw(errno)),
    };
    Ok(Evidence::new().fact(facts[0], in_words(limited)).fact(facts[1], in_words(without)))
}

/// Calls fork, says what it returned, and returns the errno, or 0 if there was none.
fn try_to_fork() -> i32 {
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => exit(0),
        Ok(ForkResult::Parent { child }) => {
            let _ = reap(child);
            say!("child", "fork made process {child}");
            0
        }
        Err(errno) => {
            say!("child", "fork returned -1, errno is {errno:?}: no process was made");
            errno as i32
        }
    }
}
