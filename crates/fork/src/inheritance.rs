//! What a child finds of what its parent had, and what a program finds that the child executes:
//! the same questions are asked three times.

use std::env::current_dir;
use std::ffi::CString;
use std::fs::{File, read_link};
use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, explain, failed};
use lab::{Evidence, Experiment, Lab, Role, say};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};
use nix::unistd::{dup2_stdout, execv, getpid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "inheritance",
    question: "What does the child find, and what a program that it executes?",
    claims: &[],
    run,
};

/// A variable in memory; the parent sets it before the fork.
static VARIABLE: AtomicU64 = AtomicU64::new(0);

/// What is asked, in the order of [`answers`].
const QUESTIONS: [&str; 9] = [
    "process id",
    "current directory",
    "variable in memory",
    "action of SIGUSR1",
    "action of SIGUSR2",
    "descriptor",
    "with FD_CLOEXEC",
    "pending signal",
    "alarm",
];

fn run(_: &Lab) -> Result<Evidence> {
    // There is seen which descriptors are open, and what to execute.
    lab::proc::must_be_shown()?;
    let open = |flags| memfd_create(c"inherited", flags).map_err(explain("memfd_create"));
    let stays = File::from(open(MFdFlags::empty())?);
    let closes = File::from(open(MFdFlags::MFD_CLOEXEC)?);
    let descriptors = [stays.as_raw_fd(), closes.as_raw_fd()];
    std::env::set_current_dir("/proc").context("chdir")?;
    VARIABLE.store(7, Relaxed);
    // SAFETY: the handler does nothing; to ignore a signal is always safe.
    unsafe {
        signal(Signal::SIGUSR1, SigHandler::Handler(handler)).context("sigaction")?;
        signal(Signal::SIGUSR2, SigHandler::SigIgn).context("sigaction")?;
    }
    SigSet::from(Signal::SIGUSR1).thread_block().context("sigprocmask")?;
    raise(Signal::SIGUSR1).context("raise")?;
    nix::unistd::alarm::set(100);
    let parent = answers(descriptors);

    let (mut answered, answer) = pipe().context("pipe")?;
    let program = lab::role("fork", ROLE.name);
    let words = program.get_args().map(|word| word.to_string_lossy().into_owned());
    let words = [ROLE.name.to_owned()].into_iter().chain(words);
    let words = words.chain(descriptors.map(|descriptor| descriptor.to_string()));
    let words: Vec<CString> = words.map(CString::new).collect::<Result<_, _>>()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            let _ = (&answer).write_all(answers(descriptors).join("\n").as_bytes());
            // ANCHOR: exec
            // What the program prints shall go into the pipe.
            let _ = (&answer).write_all(b"\n").and(Ok(dup2_stdout(&answer)));
            let errno = execv(c"/proc/self/exe", &words).unwrap_err();
            // Only a failed exec comes back.
            failed(&anyhow::Error::new(errno).context("execve /proc/self/exe"))
            // ANCHOR_END: exec
        })
    }?;
    let pid = child.pid();
    child.wait()?;
    drop(answer);
    let mut text = String::new();
    answered.read_to_string(&mut text).context("read the answers")?;
    let found: Vec<&str> = text.lines().collect();
    ensure!(found.len() == 2 * QUESTIONS.len(), "an answer is missing: {text:?}");

    let named = |answer: &str| {
        let known = [(getpid(), "the parent's"), (pid, "a new one")];
        let known = known.iter().find(|(pid, _)| pid.to_string() == answer);
        known.map_or(answer, |(_, name)| *name).to_owned()
    };
    say!("parent", "{:<20}{:<14}{:<14}after exec", "", "parent", "child");
    let mut evidence = Evidence::new();
    for (index, question) in QUESTIONS.iter().enumerate() {
        let (before, after) = (named(found[index]), named(found[QUESTIONS.len() + index]));
        say!("parent", "{question:<20}{:<14}{before:<14}{after}", named(&parent[index]));
        evidence = evidence
            .fact(&format!("{question}: child"), before)
            .fact(&format!("{question}: after exec"), after);
    }
    Ok(evidence)
}

extern "C" fn handler(_: i32) {}

/// Asks the kernel what this process has.
fn answers([stays, closes]: [i32; 2]) -> [String; QUESTIONS.len()] {
    [
        getpid().to_string(),
        current_dir().map_or("none".to_owned(), |path| path.display().to_string()),
        VARIABLE.load(Relaxed).to_string(),
        action(libc::SIGUSR1),
        action(libc::SIGUSR2),
        descriptor(stays),
        descriptor(closes),
        pending().to_owned(),
        alarm().to_owned(),
    ]
}

fn action(number: i32) -> String {
    // SAFETY: a sigaction of zeros is a valid one.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `now` is valid for writes; the action is read and not changed.
    unsafe { libc::sigaction(number, std::ptr::null(), &mut now) };
    match now.sa_sigaction {
        libc::SIG_DFL => "default",
        libc::SIG_IGN => "ignored",
        _ => "a handler",
    }
    .to_owned()
}

/// Whether the descriptor refers to a file of the parent's. (Its number may be in use again.)
fn descriptor(number: i32) -> String {
    let target = read_link(format!("/proc/self/fd/{number}"));
    let open = target.is_ok_and(|target| target == *"/memfd:inherited (deleted)");
    if open { "open" } else { "closed" }.to_owned()
}

fn pending() -> &'static str {
    // SAFETY: a signal set of zeros is valid for writes, and sigpending fills it.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&mut set);
        set
    };
    // SAFETY: the set was filled above.
    let is_member = unsafe { libc::sigismember(&set, libc::SIGUSR1) } == 1;
    if is_member { "SIGUSR1" } else { "none" }
}

fn alarm() -> &'static str {
    // SAFETY: a timer of zeros is valid for writes, and getitimer fills it.
    let left = unsafe {
        let mut left: libc::itimerval = std::mem::zeroed();
        libc::getitimer(libc::ITIMER_REAL, &mut left);
        left.it_value
    };
    if left.tv_sec > 0 { "set" } else { "none" }
}

/// The program that the child executes: it answers the same questions on its standard output.
pub const ROLE: Role = Role {
    name: "answers",
    run: |descriptors| {
        let [stays, closes] = descriptors else { anyhow::bail!("two descriptors are missing") };
        let answers = answers([stays.parse()?, closes.parse()?]);
        Ok(writeln!(std::io::stdout(), "{}", answers.join("\n"))?)
    },
};
