//! Eight ways to make a thread or a process that does nothing, and to wait for its end.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::child::{self, exit, explain, explain_io};
use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::WaitStatus;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{ForkResult, Pid, execve, fork};

/// `std::thread::spawn` and `join`: 1.41 times as long as C takes for its own two calls, and
/// [`pthread`] 1.01 times. What std does more, `inside` shows.
pub fn thread() -> Result<()> {
    let thread = std::thread::Builder::new().spawn(|| {}).map_err(explain_io("thread"))?;
    ensure!(thread.join().is_ok(), "the thread panicked");
    Ok(())
}

/// `pthread_create` and `pthread_join`, on which `std::thread` stands.
pub fn pthread() -> Result<()> {
    extern "C" fn nothing(_: *mut c_void) -> *mut c_void {
        std::ptr::null_mut()
    }
    let (mut thread, null) = (0, std::ptr::null_mut::<c_void>());
    // SAFETY: the attributes may be null, and the function touches nothing.
    let made = unsafe { libc::pthread_create(&mut thread, null.cast(), nothing, null) };
    ensure!(made == 0, explain("pthread_create")(Errno::from_raw(made)));
    // SAFETY: the thread was made above and is joined once.
    let joined = unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
    ensure!(joined == 0, explain("pthread_join")(Errno::from_raw(joined)));
    Ok(())
}

// ANCHOR: borrowed
/// The stack of a process that has borrowed everything else.
pub struct Borrowed(Box<[u128; 1024]>);

impl Borrowed {
    pub fn new() -> Borrowed {
        Borrowed(Box::new([0; 1024]))
    }

    /// A process in the address space of its parent, which sleeps until it ends: `clone` with
    /// the flags that make `vfork`.
    pub fn process(&mut self) -> Result<()> {
        extern "C" fn nothing(_: *mut c_void) -> i32 {
            0
        }
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let top = self.0.as_mut_ptr_range().end;
        // SAFETY: the child runs on a stack of its own, which outlives it, and touches nothing.
        let pid = unsafe { libc::clone(nothing, top.cast(), flags, std::ptr::null_mut()) };
        reap(Errno::result(pid).map(Pid::from_raw).map_err(explain("clone"))?)
    }
}
// ANCHOR_END: borrowed

/// `fork`, `_exit`, `waitpid`: a copy of this process. Measured in turn with a C program, it takes 1.10
/// times as long as there; 1.02 where that program has as many mappings and pages to be copied.
pub fn forked() -> Result<()> {
    // SAFETY: the child calls nothing but _exit.
    match unsafe { fork() }.map_err(explain("fork"))? {
        ForkResult::Child => exit(0),
        ForkResult::Parent { child } => reap(child),
    }
}

/// The program `true`, which does nothing but has to be loaded.
pub struct Program {
    path: PathBuf,
    name: CString,
}

impl Program {
    /// Finds it where the shell would; `None` if there is none.
    pub fn find() -> Option<Program> {
        let directories = std::env::var_os("PATH")?;
        let path = std::env::split_paths(&directories)
            .map(|directory| directory.join("true"))
            .find(|path| nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok())?;
        let name = CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
        Some(Program { path, name })
    }

    /// `posix_spawn`.
    pub fn spawned(&self) -> Result<()> {
        let (actions, attributes) = (PosixSpawnFileActions::init()?, PosixSpawnAttr::init()?);
        let nothing: [&CStr; 0] = [];
        let arguments = [self.name.as_c_str()];
        let pid = posix_spawn(&*self.name, &actions, &attributes, &arguments, &nothing);
        reap(pid.map_err(explain("posix_spawn"))?)
    }

    /// `fork`, then `execve` in the child: the classic way.
    pub fn forked_and_executed(&self) -> Result<()> {
        let arguments = [self.name.as_c_str()];
        // SAFETY: the child calls nothing but execve and _exit.
        match unsafe { fork() }.map_err(explain("fork"))? {
            ForkResult::Child => {
                let _ = execve::<_, &CStr>(&self.name, &arguments, &[]);
                exit(127)
            }
            ForkResult::Parent { child } => reap(child),
        }
    }

    /// `std::process::Command`.
    pub fn commanded(&self) -> Result<()> {
        let status = Command::new(&self.path).env_clear().status().map_err(explain_io("fork"))?;
        ensure!(status.success(), "{} ended with {status}", self.path.display());
        Ok(())
    }

    // ANCHOR: pre-exec
    /// `Command` with a `pre_exec` that does nothing. That closure must run in the child before
    /// exec, where only a real copy can run it: the standard library has to fork.
    pub fn commanded_with_pre_exec(&self) -> Result<()> {
        let mut command = Command::new(&self.path);
        // SAFETY: the closure does nothing.
        unsafe { command.env_clear().pre_exec(|| Ok(())) };
        let status = command.status().map_err(explain_io("fork"))?;
        ensure!(status.success(), "{} ended with {status}", self.path.display());
        Ok(())
    }
    // ANCHOR_END: pre-exec
}

fn reap(pid: Pid) -> Result<()> {
    match child::reap(pid) {
        Ok(WaitStatus::Exited(_, 0)) => Ok(()),
        other => anyhow::bail!("waitpid: {other:?}"),
    }
}

/// CPU time of an operation by [`used`].
pub fn cpu_time(operation: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let before = used()?;
    operation()?;
    Ok(used()?.saturating_sub(before))
}

/// CPU time so far, this process's and its reaped children's. On one CPU that nobody else uses
/// this goes as the clock does; unlike that, it stays when somebody does.
pub fn used() -> Result<Duration> {
    let own = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).context("clock_gettime")?;
    let children = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let times = [children.user_time(), children.system_time()];
    let children = times.map(|time| {
        Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
    });
    Ok(Duration::from(own) + children[0] + children[1])
}
