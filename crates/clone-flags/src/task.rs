//! `clone` itself: starts a task with the flags that are asked for, and waits for its end.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use anyhow::{Result, bail};
use lab::TimeLimit;
use lab::child::{Child, LIMIT, in_words, late};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use crate::two_sides::Page;

/// How many bytes of stack a new task gets.
const STACK: usize = 256 << 10;

/// What a new task does. It may call functions that do nothing but a system call: with
/// `CLONE_VM` it has the memory of its maker, thread-local variables included.
pub type Body = extern "C" fn(*mut c_void) -> c_int;

/// A task that `clone` made. Dropped, it is killed and reaped, unless it is a thread.
pub enum Task {
    Process(Child),
    Thread(Pid, &'static Page),
}

/// Starts a task that runs `body` on `page`.
///
/// # Safety
///
/// `body` keeps to what [`Body`] says, and no other thread of this process changes what it uses.
pub unsafe fn start(flags: c_int, body: Body, page: &'static Page) -> nix::Result<Task> {
    // A new stack, even where the memory is copied, so that the flags are the only difference.
    // It is never given back: nobody may take away a stack on which a task may still stand.
    let stack: &'static mut [u128] = vec![0; STACK / size_of::<u128>()].leak();
    let is_thread = flags & libc::CLONE_THREAD != 0;
    // A process tells its end by a signal, a thread by a word that the kernel sets to zero.
    let end = if is_thread { libc::CLONE_CHILD_CLEARTID } else { libc::SIGCHLD };
    page.alive.store(1, std::sync::atomic::Ordering::SeqCst);
    // ANCHOR: clone
    let top = stack.as_mut_ptr_range().end.cast(); // stacks grow downwards
    let argument = std::ptr::from_ref(page).cast_mut().cast();
    let none = std::ptr::null_mut::<c_void>();
    // SAFETY: the stack is large enough and nobody else's; the caller answers for `body`.
    let id =
        unsafe { libc::clone(body, top, flags | end, argument, none, none, page.alive.as_ptr()) };
    // ANCHOR_END: clone
    let id = Pid::from_raw(Errno::result(id)?);
    Ok(if is_thread { Task::Thread(id, page) } else { Task::Process(Child::adopt(id)) })
}

impl Task {
    pub fn id(&self) -> Pid {
        match self {
            Task::Process(child) => child.pid(),
            Task::Thread(id, _) => *id,
        }
    }

    /// Waits for its end. A process that did not come to the end of its body is an error: what it
    /// has left out says nothing.
    pub fn wait(self) -> Result<()> {
        match self {
            Task::Process(child) => match child.wait()? {
                WaitStatus::Exited(_, 0) => Ok(()),
                other => bail!("the other task {}", in_words(other)),
            },
            Task::Thread(id, page) => {
                let mut limit = TimeLimit::new(LIMIT);
                while page.alive.load(std::sync::atomic::Ordering::SeqCst) != 0 {
                    if limit.is_over() {
                        return Err(late(&format!("thread {id} did not end")));
                    }
                    std::thread::sleep(Duration::from_micros(100));
                }
                Ok(())
            }
        }
    }

    /// Waits for the end of one that was sent SIGKILL. With a thread the caller ends, too; so who
    /// comes back has not been killed with it.
    pub fn wait_for_the_killed(self) -> Result<()> {
        match self {
            Task::Process(child) => match child.wait()? {
                WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok(()),
                other => bail!("the task that was sent SIGKILL {}", in_words(other)),
            },
            thread => thread.wait(),
        }
    }
}
