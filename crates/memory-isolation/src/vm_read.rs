//! Reading another process's memory on purpose: two ways, and who may go them.

use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result};
use lab::child::{Child, explain, status};
use lab::{Evidence, Experiment, Lab, Shared, say, say_why};
use nix::errno::Errno;
use nix::sys::prctl::set_dumpable;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Pid, Uid, geteuid, setresuid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "vm-read",
    question: "Who may read another process's memory?",
    claims: &["no-direct-access"],
    run,
};

/// Two users that hardly anybody is.
const ONE: u32 = 65532;
const OTHER: u32 = 65533;

/// A try: who reads, whose process is read (both only where this program may choose), and whether
/// that one lets itself be looked at.
struct Try {
    name: &'static str,
    reader: Option<u32>,
    target: Option<u32>,
    dumpable: bool,
    needs_root: bool,
}

// ANCHOR: tries
fn tries(root: bool) -> [Try; 4] {
    let (one, other) = (root.then_some(ONE), root.then_some(OTHER));
    let of = |name, reader, target, dumpable, needs_root| Try {
        name,
        reader,
        target,
        dumpable,
        needs_root,
    };
    [
        of("same user", one, one, true, false),
        of("same user, not dumpable", one, one, false, false),
        of("other user", one, other, true, true),
        of("root, not dumpable", None, other, false, true),
    ]
}
// ANCHOR_END: tries

/// A word that the target changes in its copy.
static WORD: AtomicU64 = AtomicU64::new(7);
const SECRET: u64 = 42;

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    say!("parent", "{:<25}{:<18}/proc/PID/mem", "reader and target", "process_vm_readv");
    let (root, mut evidence) = (geteuid().is_root(), Evidence::new());
    for arm in tries(root) {
        let facts = WAYS.map(|way| format!("{}: {way}", arm.name));
        if arm.needs_root && !root {
            for fact in facts {
                evidence = evidence.missing(&fact, "to become two users needs CAP_SETUID");
            }
            continue;
        }
        let [call, file] = observe(&arm)?;
        say!("parent", "{:<25}{call:<18}{file}", arm.name);
        let [by_call, by_file] = facts;
        evidence = evidence.fact(&by_call, call).fact(&by_file, file);
    }
    let scope = match lab::proc::yama_scope() {
        Ok(scope) => scope,
        Err(why) => {
            say_why!("parent", "whether Yama restricts it further is not known: {why}");
            return Ok(evidence.missing("Yama: scope", why.to_string()));
        }
    };
    let says = scope.map_or("not here".to_owned(), |scope| format!("at {scope}"));
    say!("parent", "Yama, which may restrict it further, is {says}");
    Ok(evidence.fact("Yama: scope", scope.unwrap_or(0)))
}

const WAYS: [&str; 2] = ["process_vm_readv", "/proc/PID/mem"];

/// A reader starts a target, and tries to read its word in both ways.
fn observe(arm: &Try) -> Result<[String; 2]> {
    let answers = Shared::new(<[AtomicI32; 2]>::default())?;
    // SAFETY: this process has one thread, so the child inherits no lock that someone else holds.
    let reader = unsafe { Child::fork(|| status(read_target(arm, &answers))) }?;
    let status = reader.wait()?;
    let done = matches!(status, nix::sys::wait::WaitStatus::Exited(_, 0));
    anyhow::ensure!(done, "the reader {}", lab::child::in_words(status));
    Ok([0, 1].map(|way| match answers[way].load(SeqCst) {
        0 => "read".to_owned(),
        -1 => "read something else".to_owned(),
        errno => format!("{:?}", Errno::from_raw(errno)),
    }))
}

fn read_target(arm: &Try, answers: &[AtomicI32; 2]) -> Result<()> {
    let parent = nix::unistd::getppid();
    let (mut ready, mut tell) = std::io::pipe().context("pipe")?;
    let (mut wait, go) = std::io::pipe().context("pipe")?;
    let (me, target) = (Pid::this(), arm.target);
    // SAFETY: this process has one thread.
    let child = unsafe {
        Child::fork(|| {
            // The copy of the writing end, so that the reader's is the only one.
            libc::close(go.as_raw_fd());
            let prepared = become_user(target, me)
                .and_then(|()| set_dumpable(arm.dumpable).map_err(explain("prctl")))
                .and_then(|()| {
                    WORD.store(SECRET, SeqCst);
                    tell.write_all(b"r").context("write")?;
                    wait.read(&mut [0]).context("read")
                });
            status(prepared)
        })
    }?;
    drop(tell);
    let pid = child.pid();
    let is_ready = ready.read(&mut [0]).context("read")? == 1;
    anyhow::ensure!(is_ready, "the target did not come to its word");
    become_user(arm.reader, parent)?;
    // ANCHOR: ways
    let address = WORD.as_ptr() as usize;
    let mut word = [0; 8];
    let remote = RemoteIoVec { base: address, len: word.len() };
    let called = process_vm_readv(pid, &mut [IoSliceMut::new(&mut word)], &[remote]);
    answers[0].store(answer(called.err(), word), SeqCst);

    let mut word = [0; 8];
    let opened = File::open(format!("/proc/{pid}/mem"));
    let read = opened.and_then(|memory| memory.read_exact_at(&mut word, address as u64));
    // ANCHOR_END: ways
    let errno = read.err().map(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)));
    answers[1].store(answer(errno, word), SeqCst);
    // Another user's process cannot be killed; it ends when nobody can tell it anything any more.
    drop(go);
    child.wait().map(drop)
}

fn answer(errno: Option<Errno>, word: [u8; 8]) -> i32 {
    match errno {
        Some(errno) => errno as i32,
        None => {
            if u64::from_ne_bytes(word) == SECRET {
                0
            } else {
                -1
            }
        }
    }
}

/// Gives up the present user. With it go the wish to die with the parent, which is renewed, and
/// being dumpable.
fn become_user(user: Option<u32>, parent: Pid) -> Result<()> {
    if let Some(user) = user.map(Uid::from_raw) {
        setresuid(user, user, user).map_err(explain("setuid"))?;
        lab::child::die_with(parent);
    }
    Ok(())
}
