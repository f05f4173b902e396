//! The same task is made again and again, with one flag more or less. What does it share with the
//! task that made it?

use std::ffi::c_int;
use std::sync::atomic::Ordering::SeqCst;

use anyhow::Result;
use lab::child::explain;
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::unistd::getpid;

use crate::task;
use crate::things::{self, THINGS};
use crate::two_sides::{Page, Sharing, other_task, this_side};

pub const EXPERIMENT: Experiment = Experiment {
    name: "matrix",
    question: "Which flag of clone shares what?",
    claims: &["process-own-resources"],
    run,
};

// ANCHOR: rows
/// A task, by its flags, and what clone(2) says that it has in common with its maker. (The offset
/// belongs to the open file, which both tables refer to; no flag changes that.)
const ROWS: [(&str, c_int, &[&str]); 6] = [
    ("no flag", 0, &[]),
    ("FILES", libc::CLONE_FILES, &["descriptors"]),
    ("FS", libc::CLONE_FS, &["directory", "umask"]),
    ("VM", libc::CLONE_VM, &["memory"]),
    ("VM SIGHAND", libc::CLONE_VM | libc::CLONE_SIGHAND, &["memory", "signal actions"]),
    ("all, THREAD", THREAD, &EVERYTHING),
];

/// What makes a thread: the five, and that it belongs to the same process.
const THREAD: c_int =
    libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
// ANCHOR_END: rows

const EVERYTHING: [&str; 6] =
    ["memory", "descriptors", "directory", "umask", "signal actions", "limits"];

/// Sets of flags that clone(2) rules out.
const REFUSED: [(&str, c_int); 3] = [
    ("SIGHAND without VM", libc::CLONE_SIGHAND),
    ("THREAD without SIGHAND", libc::CLONE_THREAD | libc::CLONE_VM),
    ("THREAD SIGHAND without VM", libc::CLONE_THREAD | libc::CLONE_SIGHAND),
];

fn run(_: &Lab) -> Result<Evidence> {
    say!("parent", "both: a change of one is seen by the other; own: it is not");
    let headings = "memory files dir  umask signal limit offset pid";
    say!("parent", "{:<12}{headings}", "flags");
    let mut evidence = Evidence::new();
    let mut as_said = 0;
    for (name, flags, shares) in ROWS {
        let (found, same_pid) = observe(flags)?;
        let widths = [7, 6, 5, 6, 7, 6, 7];
        let words = found.iter().zip(widths).map(|(found, width)| {
            let word = found.word();
            format!("{word:<width$}")
        });
        let pid = if same_pid { "both" } else { "own" };
        say!("parent", "{name:<12}{}{pid}", words.collect::<String>());
        let expected = |thing: &str| thing == "offset" || shares.contains(&thing);
        as_said += usize::from(THINGS.iter().zip(found).all(|(thing, found)| {
            found == if expected(thing.name) { Sharing::Both } else { Sharing::Own }
        }));
        for (thing, found) in THINGS.iter().zip(found) {
            evidence = evidence.fact(&format!("{name}: {}", thing.name), found.word());
        }
        evidence = evidence.fact(&format!("{name}: process id"), pid);
    }
    say!("parent", "{as_said} of {} rows are as clone(2) says", ROWS.len());
    for (name, flags) in REFUSED {
        let answer = refusal(flags)?;
        say!("parent", "{name}: {answer}");
        evidence = evidence.fact(&format!("{name}: answer"), answer);
    }
    Ok(evidence.fact("flag sets", ROWS.len()).fact("flag sets that share what is said", as_said))
}

/// Makes a task with these flags, and tries each thing from both sides.
fn observe(flags: c_int) -> Result<([Sharing; THINGS.len()], bool)> {
    let _files = things::prepare()?;
    let page = Page::new()?;
    // SAFETY: the body makes system calls only, and this process has one thread, which waits.
    let task = unsafe { task::start(flags, other_task, page) }.map_err(explain("clone"))?;
    let found = this_side(page)?;
    task.wait()?;
    Ok((found, page.pid.load(SeqCst) == getpid().as_raw()))
}

/// What the kernel answers to flags that do not go together.
fn refusal(flags: c_int) -> Result<String> {
    let page = Page::new()?;
    // SAFETY: the body does nothing.
    match unsafe { task::start(flags, nothing, page) } {
        Err(Errno::EINVAL) => Ok("EINVAL".to_owned()),
        Err(errno) => Err(explain("clone")(errno)),
        Ok(task) => task.wait().map(|()| "a task".to_owned()),
    }
}

extern "C" fn nothing(_: *mut std::ffi::c_void) -> c_int {
    0
}
