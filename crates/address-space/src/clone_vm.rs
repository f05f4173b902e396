//! Two processes in one address space: `clone` with `CLONE_VM`, the flag that threads are made
//! with, and without the flag that would make the child a thread.

use std::ffi::{c_int, c_void};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anyhow::{Context, Result, ensure};
use lab::child::{Child, die_with, explain, in_words};
use lab::{Evidence, Experiment, Lab, say};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use nix::unistd::{Pid, getpid, pipe};

pub const EXPERIMENT: Experiment = Experiment {
    name: "clone-vm",
    question: "Can two processes live in one address space?",
    claims: &["own-address-space"],
    run,
};

/// What the parent hands to the child: its own variables, by address.
struct Shared {
    value: AtomicU64,
    parent: Pid,
    /// The child tells that it has written, and waits until the parent has looked.
    tell: RawFd,
    leave: RawFd,
}

/// Runs in a process of its own, on a stack of its own, in its parent's memory. It has no
/// thread-local variables of its own either: meanwhile the parent must touch none.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: the parent keeps `Shared` alive until this process has ended.
    let shared = unsafe { &*shared.cast::<Shared>() };
    die_with(shared.parent);
    shared.value.store(42, SeqCst);
    let (here, value) = (shared.value.as_ptr(), shared.value.load(SeqCst));
    say!("child", "getpid returns {}; after its store {value} is at {here:p}", getpid());
    let mut byte = value as u8;
    // SAFETY: both descriptors were inherited, and `byte` is valid for the time of both calls.
    unsafe {
        libc::write(shared.tell, (&raw const byte).cast(), 1);
        libc::read(shared.leave, (&raw mut byte).cast(), 1);
    }
    0
}

fn run(_: &Lab) -> Result<Evidence> {
    let (told, tell) = pipe().map_err(explain("pipe"))?;
    let (leave, let_go) = pipe().map_err(explain("pipe"))?;
    let shared = Shared {
        value: AtomicU64::new(0),
        parent: getpid(),
        tell: tell.as_raw_fd(),
        leave: leave.as_raw_fd(),
    };
    let before = shared.value.load(SeqCst);
    say!("parent", "its local variable holds {before} at {:p}", shared.value.as_ptr());
    // ANCHOR: parent
    let stack = Stack::new()?;
    let flags = libc::CLONE_VM | libc::SIGCHLD;
    // SAFETY: the child has a stack of its own; `shared` and the stack outlive it, because the
    // guard below reaps it before they are dropped.
    let pid =
        unsafe { libc::clone(child, stack.top(), flags, (&raw const shared).cast_mut().cast()) };
    let process = Child::adopt(Pid::from_raw(Errno::result(pid).map_err(explain("clone"))?));
    // Descriptors are not shared: this closes the parent's, so that a child that dies is noticed.
    drop(tell);
    let mut childs = [0];
    ensure!(nix::unistd::read(&told, &mut childs).context("read")? == 1, "the child ended early");
    // ANCHOR_END: parent
    let pid = process.pid();
    let status = lab::proc::read(&format!("/proc/{pid}/status"))?;
    let own_group = status.lines().any(|line| line == format!("Tgid:\t{pid}"));
    let value = shared.value.load(SeqCst);
    let kind = if own_group { "a process of its own" } else { "a thread" };
    say!("parent", "child {pid} is {kind}; the variable holds {value}");
    nix::unistd::write(&let_go, &[0]).context("write")?;
    say!("parent", "child {pid} {}", in_words(process.wait()?));
    Ok(Evidence::new()
        .fact("clone-vm: a process of its own", own_group)
        .fact("clone-vm: the child wrote", u64::from(childs[0]) != before)
        .fact("clone-vm: other sees the write", value != before && value == u64::from(childs[0])))
}

/// A stack for the child, above a page that ends an overflow.
struct Stack(NonNull<c_void>);

impl Stack {
    const GUARD: usize = 64 * 1024;
    const LENGTH: NonZeroUsize = NonZeroUsize::new(Stack::GUARD + 256 * 1024).unwrap();

    fn new() -> Result<Stack> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_STACK;
        // SAFETY: the kernel chooses the place of a new mapping; nothing is overlaid.
        let lowest = unsafe { mmap_anonymous(None, Stack::LENGTH, access, flags) };
        let stack = Stack(lowest.map_err(explain("mmap"))?);
        // SAFETY: the guard is the lower end of the mapping just made, and nothing uses it yet.
        unsafe { mprotect(stack.0, Stack::GUARD, ProtFlags::PROT_NONE) }.context("mprotect")?;
        Ok(stack)
    }

    /// Where the stack begins: it grows downwards.
    fn top(&self) -> *mut c_void {
        self.0.as_ptr().wrapping_byte_add(Stack::LENGTH.get())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the process that ran on it has been reaped.
        let unmapped = unsafe { munmap(self.0, Stack::LENGTH.get()) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}
