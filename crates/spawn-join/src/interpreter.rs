//! Runs Python so that nothing of it is left: no process, no file, however either of the two ends.

use std::ffi::CStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::child::{Child, LIMIT, die_with, explain, explain_io, in_words};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

/// Where Python's helpers keep their files.
const DIRECTORY: &CStr = c"/dev/shm";

/// How Python can be run here.
pub struct Python {
    /// Whether its files vanish with it, or why not. A fork server makes a directory, which would
    /// stay if it were killed.
    pub leaves_nothing: Result<(), String>,
}

/// How a script ended and what it printed.
pub struct Ran {
    pub ended_well: bool,
    pub printed: String,
    /// The last line on standard error, or how it ended.
    pub last_error: String,
}

impl Python {
    /// Finds out whether a process may have a directory of its own here.
    pub fn find() -> Result<Python> {
        // SAFETY: this process has one thread, so the child inherits no lock of someone else.
        let child = unsafe {
            Child::fork(|| own_directory().map_or_else(|e| e.raw_os_error().unwrap_or(1), |()| 0))
        }?;
        let leaves_nothing = match child.wait()? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, errno) => {
                let errno = Errno::from_raw(errno);
                Err(format!("a process can't have a /dev/shm of its own here ({errno:?})"))
            }
            other => Err(format!("the child that tried it {}", in_words(other))),
        };
        Ok(Python { leaves_nothing })
    }

    /// Runs a script; `None` if there is no python3 that could run it. The script and its output
    /// are files without a name.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Result<Option<Ran>> {
        let mut source = nameless_file()?;
        source.write_all(script.as_bytes()).context("write")?;
        let (mut output, mut errors) = (nameless_file()?, nameless_file()?);
        let this = getpid();
        // Python's own helper processes outlive it for a moment: this process waits for them too.
        nix::sys::prctl::set_child_subreaper(true).context("prctl")?;
        let mut command = Command::new("python3");
        command
            .arg(format!("/proc/{this}/fd/{}", source.as_raw_fd()))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(output.try_clone().context("dup")?)
            .stderr(errors.try_clone().context("dup")?);
        let own = self.leaves_nothing.is_ok();
        if own {
            command.env("TMPDIR", DIRECTORY.to_str().context("the directory's name")?);
        }
        // SAFETY: the closure makes a few system calls, allocates nothing, and takes no lock.
        unsafe {
            command.pre_exec(move || {
                if own {
                    own_directory()?;
                }
                die_with(this);
                Ok(())
            })
        };
        let process = match command.spawn() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => return Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied) => return Ok(None),
            spawned => spawned.map_err(explain_io("fork"))?,
        };
        let status = Child::adopt(Pid::from_raw(process.id() as i32)).wait()?;
        wait_for_orphans();
        // The shell's status for a command that does not exist, and observe.py's for an old Python.
        if matches!(status, WaitStatus::Exited(_, 127)) {
            return Ok(None);
        }
        let errors = contents(&mut errors)?;
        Ok(Some(Ran {
            ended_well: matches!(status, WaitStatus::Exited(_, 0)),
            printed: contents(&mut output)?,
            last_error: errors.lines().last().map_or_else(|| in_words(status), str::to_owned),
        }))
    }
}

/// Gives this process a [`DIRECTORY`] in memory that nobody else sees and that ends with it, by a
/// mount namespace (mount_namespaces(7)); without privilege, inside a user namespace.
fn own_directory() -> std::io::Result<()> {
    let done = |result: i32| if result == 0 { Ok(()) } else { Err(Error::last_os_error()) };
    let both = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    // SAFETY: the calls change what this process sees and touch no memory; the strings live on.
    unsafe {
        done(libc::unshare(libc::CLONE_NEWNS)).or_else(|_| done(libc::unshare(both)))?;
        let private = libc::MS_REC | libc::MS_PRIVATE;
        done(libc::mount(null(), c"/".as_ptr(), null(), private, null()))?;
        let tmpfs = c"tmpfs".as_ptr();
        done(libc::mount(tmpfs, DIRECTORY.as_ptr(), tmpfs, 0, null()))
    }
}

fn nameless_file() -> Result<File> {
    let file = memfd_create(c"python", MFdFlags::MFD_CLOEXEC).map_err(explain("memfd_create"))?;
    Ok(File::from(file))
}

fn contents(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.rewind().context("lseek")?;
    file.read_to_string(&mut text).context("read")?;
    Ok(text)
}

/// Reaps the processes that Python left to this one, until all have ended.
fn wait_for_orphans() {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::ECHILD) => return,
            _ => {}
        }
    }
}
