//! `fork` copies the calling thread alone. A lock that another thread held is held in the child
//! for ever, by nobody; unless its library sets it right in the child, as glibc does with its own.

use std::fs::{read_dir, read_to_string};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{Child, die_with, exit, explain, in_words};
use lab::proc::blocked_in;
use lab::thread::spawn;
use lab::{Evidence, Experiment, Lab, say, span};
use nix::errno::Errno;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, getpid};

pub const EXPERIMENT: Experiment = Experiment {
    name: "inherited-lock",
    question: "What does a child inherit when another thread holds a lock?",
    claims: &["creation-duplicates-parent"],
    run,
};

/// A child that has neither ended nor been seen asleep in futex after this hangs elsewhere.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a child is forked while another thread allocates.
const FORKS: u32 = 50;
/// Fewer, because it takes a moment to see that a child hangs.
const BARE_FORKS: u32 = 20;

fn run(_: &Lab) -> Result<Evidence> {
    // One arena for all threads, so that malloc's lock is the same for all.
    // SAFETY: the call sets a parameter of the allocator, and no other thread exists yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    let lock = Mutex::new(());
    let is_free = if lock.try_lock().is_ok() { "free" } else { "taken" };
    let free = fork_and_look(|| lock.lock().is_ok())?;
    say!("forker", "forks while the lock is {is_free}: child {} {}", free.child, free.end);

    let is_held = AtomicBool::new(false);
    // ANCHOR: holder
    let held = forked_while(
        |meanwhile| {
            let guard = lock.lock();
            is_held.store(lock.try_lock().is_err(), Relaxed);
            let has = if is_held.load(Relaxed) { "holds" } else { "does not hold" };
            let _span = span!("holder", "{has} the lock when the other thread forks");
            meanwhile();
            drop(guard);
        },
        || {
            let _span = span!("child", "waits until it has the lock");
            lock.lock().is_ok()
        },
        tell,
    )?;
    // ANCHOR_END: holder

    let rust = forked_while(
        |meanwhile| {
            let _guard = std::io::stdout().lock();
            meanwhile();
        },
        || {
            let _guard = std::io::stdout().lock();
            true
        },
        |look| say!("forker", "with the lock of Rust's stdout: the child {}", look.seen),
    )?;
    let c = forked_while(
        |meanwhile| {
            // SAFETY: C's stdout exists until the process ends, and this thread unlocks it.
            unsafe { flockfile(stdout) };
            meanwhile();
            // SAFETY: as above.
            unsafe { funlockfile(stdout) };
        },
        || {
            // SAFETY: as above; the child ends with it.
            unsafe { flockfile(stdout) };
            true
        },
        |look| say!("forker", "with the lock of C's stdout: the child {}", look.seen),
    )?;
    let in_malloc = children_that_hang_in_malloc(FORKS, false)?;
    say!("forker", "{in_malloc} of {FORKS} children hang in malloc, which a thread kept busy");
    let bare = 100 * children_that_hang_in_malloc(BARE_FORKS, true)? / BARE_FORKS;
    say!("forker", "{bare} % do when they are made by the system call, without glibc");

    Ok(Evidence::new()
        .fact("child hangs though the lock is free", free.hangs)
        .fact("lock is held at the fork", is_held.load(Relaxed))
        .fact("child hangs", held.hangs)
        .fact("child is seen", held.seen)
        .fact("threads of the child", held.threads)
        .fact("child hangs in Rust's stdout", rust.hangs)
        .fact("child hangs in C's stdout", c.hangs)
        .fact("children that hang in malloc", in_malloc)
        .measured("children that hang in malloc without glibc's fork", bare, "%"))
}

/// What was seen of a child that tried to take a lock.
struct Look {
    child: Pid,
    threads: usize,
    hangs: bool,
    seen: String,
    end: String,
}

fn tell(Look { child, threads, seen, end, .. }: &Look) {
    say!("forker", "child {child} has {}", how_many(*threads));
    say!("forker", "child {child} {seen}, and {end}");
}

/// The threads of a child, and what their number says of the holder.
fn how_many(threads: usize) -> String {
    match threads {
        1 => "1 thread: the holder was not copied".to_owned(),
        _ => format!("{threads} threads"),
    }
}

/// Forks while another thread holds what `hold` takes; the child takes it too, and `tell` says what
/// is seen of that.
fn forked_while(
    hold: impl FnOnce(&dyn Fn()) + Send,
    take: impl FnOnce() -> bool,
    tell: impl FnOnce(&Look),
) -> Result<Look> {
    let (held, release) = (Barrier::new(2), Barrier::new(2));
    let (held, release) = (&held, &release);
    std::thread::scope(|threads| {
        spawn(threads, "holder", move || {
            hold(&|| {
                held.wait();
                release.wait();
            });
        })?;
        held.wait();
        let look = fork_and_look(take).inspect(tell);
        release.wait();
        look
    })
}

/// Forks a child that calls `take`, and looks at it from outside until it has ended or hangs.
fn fork_and_look(take: impl FnOnce() -> bool) -> Result<Look> {
    // SAFETY: the child breaks fork's rule on purpose, which is the lesson: it waits for a lock
    // whose owner was not copied. It touches nothing else and is killed if it hangs.
    let child = unsafe { Child::fork(|| i32::from(!take())) }?;
    let pid = child.pid();
    let threads = read_dir(format!("/proc/{pid}/task")).context("/proc/PID/task")?.count();
    let hangs = hangs(&child)?;
    let seen = hangs.then(|| where_is(pid));
    let status = if hangs { child.kill()? } else { child.wait()? };
    let got = || if matches!(status, WaitStatus::Exited(_, 0)) { "got it" } else { "got it not" };
    let seen = seen.unwrap_or_else(|| got().to_owned());
    Ok(Look { child: pid, threads, hangs, seen, end: in_words(status) })
}

/// Whether the child sleeps in futex. It is the only thread that has its memory, so nobody could
/// wake it.
fn hangs(child: &Child) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if child.ends_within(Duration::from_millis(1))? {
            return Ok(false);
        }
        if blocked_in(child.pid())? == Some(libc::SYS_futex) {
            return Ok(!child.ends_within(Duration::from_millis(20))?);
        }
    }
    Ok(true)
}

/// What proc_pid_syscall(5) says of a process that does not end.
fn where_is(pid: Pid) -> String {
    match (blocked_in(pid).ok().flatten(), read_to_string(format!("/proc/{pid}/syscall"))) {
        (Some(libc::SYS_futex), _) => "sleeps in futex".to_owned(),
        (Some(call), _) => format!("sleeps in system call {call}"),
        (None, Ok(_)) => "runs on and on".to_owned(),
        (None, Err(_)) => "does not end, and /proc does not show why".to_owned(),
    }
}

/// Forks while another thread allocates without pause from the arena that the child uses too, by
/// glibc's `fork` or by the bare system call.
fn children_that_hang_in_malloc(forks: u32, bare: bool) -> Result<u32> {
    let (stop, allocated) = (AtomicBool::new(false), Barrier::new(2));
    // Too large for a thread's own cache, so that each takes the lock of the arena.
    let allocate = || drop(black_box(Vec::<u8>::with_capacity(5000)));
    let fork_once = || {
        if bare {
            return bare_fork(allocate);
        }
        // SAFETY: the child calls malloc, of which this asks whether it can; it may be killed.
        unsafe { Child::fork(|| (allocate(), 0).1) }
    };
    std::thread::scope(|threads| {
        spawn(threads, "allocates", || {
            allocated.wait();
            while !stop.load(Relaxed) {
                allocate();
            }
        })?;
        allocated.wait();
        let hang = (0..forks).try_fold(0, |hang, _| Ok(hang + u32::from(hangs(&fork_once()?)?)));
        stop.store(true, Relaxed);
        hang
    })
}

/// What `fork` is without the C library's part of it: clone(2) with no flag but the signal.
fn bare_fork(body: impl FnOnce()) -> Result<Child> {
    let parent = getpid();
    // SAFETY: no flag makes the child share memory with this process; it runs `body` and ends.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    match Errno::result(pid).map_err(explain("clone"))? {
        0 => {
            die_with(parent);
            body();
            exit(0)
        }
        pid => Ok(Child::adopt(Pid::from_raw(pid as i32))),
    }
}

unsafe extern "C" {
    static stdout: *mut libc::FILE;
    fn flockfile(file: *mut libc::FILE);
    fn funlockfile(file: *mut libc::FILE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_child_with_one_thread_lacks_the_holder() {
        assert!(how_many(1).ends_with("the holder was not copied"));
        assert_eq!(how_many(2), "2 threads");
    }
}
