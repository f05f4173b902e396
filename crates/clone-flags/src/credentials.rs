//! To the kernel, each thread has a user of its own. That a process has one user is the work of the
//! C library.

use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use anyhow::{Result, bail};
use lab::child::{Child, explain, explain_io};
use lab::{Evidence, Experiment, Lab, Unavailable, say, say_why};
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;

use crate::two_sides::Page;

pub const EXPERIMENT: Experiment = Experiment {
    name: "credentials",
    question: "One thread becomes another user. Do the others?",
    claims: &[],
    run,
};

/// A user that hardly anybody is.
const OTHER_USER: u32 = 65533;

fn run(_: &Lab) -> Result<Evidence> {
    let (mut evidence, mut refused) = (Evidence::new(), Vec::new());
    for (name, change, look) in WAYS {
        let fact = format!("{name}: threads changed");
        match observe(change, look) {
            Ok(changed) => {
                say!("parent", "{name:<21}changes {changed} of {THREADS} threads");
                evidence = evidence.fact(&fact, changed);
            }
            Err(error) if error.is::<Unavailable>() => {
                refused.push(error.to_string());
                evidence = evidence.missing(&fact, error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(why) = refused.first() {
        // The call and its errno; the facts that are missing carry the whole reason.
        let why: Vec<&str> = why.split(": ").take(2).collect();
        let (not, all) = (refused.len(), WAYS.len());
        say_why!("parent", "{not} of {all} cannot be shown here ({})", why.join(": "));
    }
    Ok(evidence)
}

/// How many threads the process has: the one that calls, and two others.
const THREADS: usize = 3;

type Change = fn() -> i64;
type Look = fn() -> i64;

// ANCHOR: ways
/// What one thread does, and what each is then asked.
const WAYS: [(&str, Change, Look); 3] = [
    ("raw setresuid", raw_call, effective_user),
    ("setresuid of libc", libc_call, effective_user),
    ("PR_SET_NO_NEW_PRIVS", no_new_privileges, has_no_new_privileges),
];

const STAYS: u32 = u32::MAX;

fn raw_call() -> i64 {
    // SAFETY: the call takes integers.
    unsafe { libc::syscall(libc::SYS_setresuid, STAYS, OTHER_USER, STAYS) }
}

fn libc_call() -> i64 {
    // SAFETY: the call takes integers.
    unsafe { libc::setresuid(STAYS, OTHER_USER, STAYS) }.into()
}

fn effective_user() -> i64 {
    // SAFETY: the call takes nothing.
    unsafe { libc::syscall(libc::SYS_geteuid) }
}
// ANCHOR_END: ways

fn no_new_privileges() -> i64 {
    // SAFETY: the call takes integers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into()
}

fn has_no_new_privileges() -> i64 {
    // SAFETY: the call takes integers.
    unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) }.into()
}

/// Lets one thread of a new process change itself, and counts the threads that are then different.
fn observe(change: Change, look: Look) -> Result<usize> {
    let page = Page::new()?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let child = unsafe {
        Child::fork(|| {
            three_threads(change, look, &page.answers);
            0
        })
    }?;
    match child.wait()? {
        WaitStatus::Exited(_, 0) => {}
        other => bail!("the process with the threads {}", lab::child::in_words(other)),
    }
    let [errno, changed, was_so, ..] = &page.answers;
    match Errno::from_raw(errno.load(SeqCst)) {
        _ if was_so.load(SeqCst) == 1 => {
            Err(Unavailable::because("the call changes nothing of who makes it").into())
        }
        Errno::EINVAL if std::ptr::fn_addr_eq(look, effective_user as Look) => {
            Err(Unavailable::because(format!("this user namespace has no user {OTHER_USER}"))
                .into())
        }
        errno if errno as i32 != 0 => Err(explain("setuid")(errno)),
        _ => Ok(changed.load(SeqCst) as usize),
    }
}

/// Notes the errno of the change, how many threads it changed, and whether nothing could change.
fn three_threads(change: Change, look: Look, answers: &[AtomicI32]) {
    let parent = nix::unistd::getppid();
    let before = look();
    let changed = std::sync::Barrier::new(THREADS);
    let differs = AtomicI32::new(0);
    let look_again = || {
        changed.wait();
        differs.fetch_add(i32::from(look() != before), SeqCst);
    };
    std::thread::scope(|threads| {
        for _ in 1..THREADS {
            let thread = std::thread::Builder::new().spawn_scoped(threads, look_again);
            if let Err(error) = thread {
                lab::child::give_up(&explain_io("thread")(error));
            }
        }
        if change() == -1 {
            answers[0].store(Errno::last_raw(), SeqCst);
        } else if look() == before {
            answers[2].store(1, SeqCst);
        }
        // Who becomes another user loses the wish to die with the parent, prctl(2).
        lab::child::die_with(parent);
        look_again();
    });
    answers[1].store(differs.load(SeqCst), SeqCst);
}
