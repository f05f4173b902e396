//! A forked process, a process that shares all but its number, and a thread: the same questions to
//! each. To the kernel all three are tasks, and they differ by flags.

use std::ffi::c_int;
use std::sync::atomic::Ordering::SeqCst;

use anyhow::{Result, bail};
use lab::child::{Child, explain, explain_io, in_words, status};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use crate::task::{self, Task};
use crate::two_sides::{Page, who_am_i};

pub const EXPERIMENT: Experiment = Experiment {
    name: "thread-as-process",
    question: "What makes a task a thread, and not a process?",
    claims: &[],
    run,
};

// ANCHOR: kinds
/// All that a thread shares, but not its process: `CLONE_THREAD` is missing.
const ALL_BUT_THREAD: c_int =
    libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND;

/// The three kinds of tasks. The last one is made by std, which has pthread_create make it.
const KINDS: [(&str, Option<c_int>); 3] =
    [("forked", Some(0)), ("sharing", Some(ALL_BUT_THREAD)), ("thread", None)];
// ANCHOR_END: kinds

/// What kcmp(2) compares: the kernel's own objects, of which each task has or shares one.
const OBJECTS: [(&str, c_int); 4] =
    [("memory", 1), ("descriptors", 2), ("directory", 3), ("signal actions", 4)];

fn run(_: &Lab) -> Result<Evidence> {
    let found: Vec<Found> =
        KINDS.iter().map(|(_, flags)| observe(*flags)).collect::<Result<_>>()?;
    say!("parent", "{:<25}{:<10}{:<10}{}", "", KINDS[0].0, KINDS[1].0, KINDS[2].0);
    let mut evidence = Evidence::new();
    let rows = found[0].rows().len();
    for row in 0..rows {
        let name = found[0].rows()[row].0;
        let words: Vec<&str> = found.iter().map(|found| found.rows()[row].1).collect();
        say!("parent", "{name:<25}{:<10}{:<10}{}", words[0], words[1], words[2]);
        for ((kind, _), word) in KINDS.iter().zip(words) {
            evidence = evidence.fact(&format!("{kind}: {name}"), word);
        }
    }
    Ok(evidence)
}

/// What is seen of a task.
struct Found {
    /// Whether it has the very same object, for each of [`OBJECTS`].
    same: [bool; OBJECTS.len()],
    same_pid: bool,
    waited_for: bool,
    maker_survives: bool,
}

impl Found {
    fn rows(&self) -> [(&'static str, &'static str); 7] {
        let word = |same| if same { "the same" } else { "its own" };
        let yes = |yes| if yes { "yes" } else { "no" };
        let [memory, descriptors, directory, actions] = self.same;
        [
            (OBJECTS[0].0, word(memory)),
            (OBJECTS[1].0, word(descriptors)),
            (OBJECTS[2].0, word(directory)),
            (OBJECTS[3].0, word(actions)),
            ("getpid", word(self.same_pid)),
            ("waitpid finds it", yes(self.waited_for)),
            ("killed, its maker lives", yes(self.maker_survives)),
        ]
    }
}

fn observe(flags: Option<c_int>) -> Result<Found> {
    let page = Page::new()?;
    let task = start(flags, page)?;
    page.hand_over()?;
    let id = Pid::from_raw(page.tid.load(SeqCst));
    let mut same = [false; OBJECTS.len()];
    for (same, (_, object)) in same.iter_mut().zip(OBJECTS) {
        *same = has_the_same(id, object).map_err(explain("kcmp"))?;
    }
    let waited_for = waitpid(id, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD);
    let same_pid = page.pid.load(SeqCst) == getpid().as_raw();
    page.hand_over()?;
    if let Some(task) = task {
        task.wait()?;
    }
    Ok(Found { same, same_pid, waited_for, maker_survives: survives(flags)? })
}

/// Starts a task of a kind; std's needs no waiting for.
fn start(flags: Option<c_int>, page: &'static Page) -> Result<Option<Task>> {
    match flags {
        Some(flags) => {
            // SAFETY: the body makes system calls only, and the maker waits meanwhile.
            let task = unsafe { task::start(flags, task_body, page) };
            task.map(Some).map_err(explain("clone"))
        }
        None => {
            let thread = std::thread::Builder::new().spawn(|| body(page));
            thread.map(|_| None).map_err(explain_io("thread"))
        }
    }
}

/// What each of them does: says who it is, and waits to be looked at, or killed.
fn body(page: &Page) {
    page.wait_for_turn();
    who_am_i(page);
    page.hand_back();
    page.wait_for_turn();
    page.hand_back();
}

extern "C" fn task_body(page: *mut std::ffi::c_void) -> c_int {
    // SAFETY: the maker passes its page, which lives as long as the process.
    body(unsafe { &*page.cast::<Page>() });
    0
}

fn has_the_same(task: Pid, object: c_int) -> nix::Result<bool> {
    // SAFETY: the call takes integers.
    let order = unsafe {
        libc::syscall(libc::SYS_kcmp, nix::unistd::gettid().as_raw(), task.as_raw(), object, 0, 0)
    };
    Errno::result(order).map(|order| order == 0)
}

fn kill_task(process: c_int, task: c_int) -> Result<()> {
    // SAFETY: the call takes integers.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, task, libc::SIGKILL) };
    Errno::result(sent).map(drop).map_err(explain("tgkill"))
}

/// Whether a process lives on when a task is killed that it has made.
fn survives(flags: Option<c_int>) -> Result<bool> {
    let page = Page::new()?;
    // SAFETY: what another thread of this process may hold, the child does not need.
    let maker = unsafe {
        Child::fork(|| {
            let outcome = start(flags, page).and_then(|task| {
                page.hand_over()?;
                let (process, task_id) = (page.pid.load(SeqCst), page.tid.load(SeqCst));
                kill_task(process, task_id)?;
                match task {
                    Some(task) => task.wait_for_the_killed(),
                    // It gives the turn back, or this process ends with it.
                    None => page.hand_over().and_then(|()| bail!("the thread was not killed")),
                }
            });
            status(outcome)
        })
    }?;
    match maker.wait()? {
        WaitStatus::Exited(_, 0) => Ok(true),
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok(false),
        other => bail!("the maker {}", in_words(other)),
    }
}
