//! A child with a view of the system that is its own: number 1, root and a host name, while the
//! parent sees a process like any other.

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering::SeqCst;

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, explain, explain_io};
use lab::{Evidence, Experiment, Lab, Unavailable, say};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::unistd::{Pid, getuid};

use crate::task;
use crate::two_sides::{Page, who_am_i};

pub const EXPERIMENT: Experiment = Experiment {
    name: "namespaces",
    question: "What does a process see that has a world of its own?",
    claims: &[],
    run,
};

// ANCHOR: flags
/// Users of its own, for which no right is needed; and, with the rights that it has among those,
/// process numbers and a host name of its own.
const FLAGS: c_int = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWUTS;
// ANCHOR_END: flags

const NAME: &CStr = c"inside";

/// Where the child notes what it finds, in [`Page::answers`].
const UNMAPPED: usize = 0;
const MAPPED: usize = 1;
const ERRNO: usize = 2;
const GRANDCHILD: usize = 3;
const NAMED: usize = 4;
const FORK_ERRNO: usize = 5;

fn run(_: &Lab) -> Result<Evidence> {
    lab::proc::must_be_shown()?;
    let page = Page::new()?;
    let (alive, keeps) = std::io::pipe().context("pipe")?;
    let name_before = host_name();
    let user = getuid().as_raw();
    // Where a process ends whose namespace is not its own, its child comes to this one.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    // SAFETY: the body makes system calls only, and this process has one thread.
    let task = unsafe { task::start(FLAGS, first_process, page) }.map_err(refusal)?;
    drop(keeps);
    let pid = task.id();
    page.hand_over()?;
    let unmapped = user_of(pid)?;
    // ANCHOR: map
    // User 0 of the child's namespace is this user outside, and has no right more there.
    let map = format!("0 {user} 1");
    std::fs::write(format!("/proc/{pid}/uid_map"), map).map_err(explain_io("/proc/PID/uid_map"))?;
    // ANCHOR_END: map
    page.hand_over()?;
    let users = [unmapped, user_of(pid)?];
    let answer = |index: usize| page.answers[index].load(SeqCst);
    let grandchild = lab::proc::children(pid.as_raw() as u32)?.first().map(|pid| *pid as i32);
    let name_stays = host_name() == name_before;
    page.hand_over()?;
    task.wait()?;
    if answer(ERRNO) != 0 {
        return Err(explain("sethostname")(Errno::from_raw(answer(ERRNO))));
    }
    if answer(FORK_ERRNO) != 0 {
        return Err(explain("fork")(Errno::from_raw(answer(FORK_ERRNO))));
    }
    // Nobody but the grandchild has the other end open; it is closed when that one ends.
    let mut ended = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    let ended_too = poll(&mut ended, 500u16).map_err(explain("poll"))? == 1;
    if let (false, Some(grandchild)) = (ended_too, grandchild.map(Pid::from_raw)) {
        drop(Child::adopt(grandchild));
    }

    let number = page.pid.load(SeqCst);
    say!("parent", "{:<16}{:<10}outside", "", "inside");
    say!("parent", "{:<16}{number:<10}process {pid}", "child");
    let outside = grandchild.map_or("not shown".to_owned(), |pid| format!("process {pid}"));
    say!("parent", "{:<16}{:<10}{outside}", "its own child", answer(GRANDCHILD));
    let [unmapped, mapped] =
        users.map(|its| if its == user { "its maker's" } else { "not its maker's" });
    say!("parent", "{:<16}{:<10}{unmapped}", "user, unmapped", answer(UNMAPPED));
    say!("parent", "{:<16}{:<10}{mapped}", "user, mapped", answer(MAPPED));
    let name = if name_stays { "as before" } else { "changed" };
    let named = if answer(NAMED) == 1 { NAME.to_string_lossy() } else { "not new".into() };
    say!("parent", "{:<16}{named:<10}{name}", "host name");
    let also = if ended_too { "ends too, by the kernel" } else { "lives on" };
    say!("parent", "process {number} ends; its own child {also}");
    Ok(Evidence::new()
        .fact("namespaces: its number inside", if number == 1 { "1" } else { "another" })
        .fact("namespaces: its user before the map", answer(UNMAPPED))
        .fact("namespaces: its user with the map", answer(MAPPED))
        .fact("namespaces: its user outside is its maker's", users == [user; 2])
        .fact("namespaces: the host name inside is its own", answer(NAMED) == 1 && name_stays)
        .fact("namespaces: the host name outside stays", name_stays)
        .fact("namespaces: its child ends with it", ended_too))
}

/// What process 1 does.
extern "C" fn first_process(page: *mut c_void) -> c_int {
    // SAFETY: the parent passes its page, which lives as long as the process.
    let page = unsafe { &*page.cast::<Page>() };
    who_am_i(page);
    page.wait_for_turn();
    page.answers[UNMAPPED].store(getuid().as_raw() as i32, SeqCst);
    page.hand_back();
    page.wait_for_turn();
    page.answers[MAPPED].store(getuid().as_raw() as i32, SeqCst);
    let name = NAME.to_bytes();
    // SAFETY: the name is as long as is said.
    if unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } == -1 {
        page.answers[ERRNO].store(Errno::last_raw(), SeqCst);
    }
    let is_named = host_name().starts_with(NAME.to_bytes_with_nul());
    page.answers[NAMED].store(is_named.into(), SeqCst);
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        0 => {
            page.answers[GRANDCHILD].store(std::process::id() as i32, SeqCst);
            std::thread::sleep(LIMIT);
            lab::child::exit(0)
        }
        -1 => page.answers[FORK_ERRNO].store(Errno::last_raw(), SeqCst),
        _ => {
            while page.answers[GRANDCHILD].load(SeqCst) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        }
    }
    page.hand_back();
    page.wait_for_turn();
    page.hand_back();
    0
}

/// Whom a process belongs to, seen from this namespace.
fn user_of(process: Pid) -> Result<u32> {
    let entry = std::fs::metadata(format!("/proc/{process}")).map_err(explain_io("/proc/PID"))?;
    Ok(entry.uid())
}

fn host_name() -> [u8; 65] {
    let mut name = [0; 65];
    // SAFETY: the buffer is as long as is said.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    name
}

/// What it means that there can be no new namespace.
fn refusal(errno: Errno) -> anyhow::Error {
    let why = match errno {
        Errno::ENOSPC | Errno::EUSERS => "this user may make no more (user.max_user_namespaces)",
        Errno::EINVAL => "this kernel was built without them",
        Errno::EPERM => "this system does not let its users make them, or a filter refuses it",
        _ => return explain("clone")(errno),
    };
    Unavailable::because(format!("clone(CLONE_NEWUSER): {errno:?}: {why}")).into()
}
